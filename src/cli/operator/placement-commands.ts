import { AdminError } from "../../admin/index.js";
import {
  type ClusterMap,
  type ClusterNode,
  goalOf,
  idsToHold,
  type MapCommand,
  metaGroup,
  type Placement,
  placementOf,
  seatOf,
} from "../../cluster/index.js";
import { ExitCode } from "../exit-code.js";
import { wantedCopies } from "./group-state.js";
import { checkGroup, groupName, groupPhrase, memberNamed, nodeNameOf } from "./names.js";
import type { OperatorRequest } from "./request.js";
import { type OperatorContext, Session } from "./session.js";
import { counted } from "./table.js";
import { waitUntil, type Wish } from "./wait.js";

type Request<Do extends OperatorRequest["do"]> = Extract<OperatorRequest, { readonly do: Do }>;

/** Has a group held by the nodes that are named, the first of which should lead it. */
export async function movePartition(context: OperatorContext, request: Request<"move">): Promise<ExitCode> {
  const { group, to } = request;
  const session = new Session(context);
  await checkPresence(context, newHolders(await session.refresh(), group, to));
  const map = await session.change((newest) => decideMove(newest, group, to));
  const what = `${groupPhrase(group)} is held by ${to.join(", ")}`;
  return finish(context, session, request, map, {
    done: what,
    progress: (now) =>
      `${groupPhrase(group)} moves from ${namesOf(now, group, "replicas")} to ${namesOf(now, group, "target")}`,
    isDone: (now) => isSettled(placementAt(now, group)) && isHeldBy(now, group, to),
    overtaken: (now) =>
      isHeldBy(now, group, to) ? undefined : `${groupPhrase(group)} is wanted elsewhere: somebody moved it meanwhile`,
  });
}

function decideMove(map: ClusterMap, group: number, to: readonly string[]): MapCommand | undefined {
  const nodes = holders(map, group, to);
  const seats = nodes.map(({ seat }) => seat);
  const goal = goalOf(placementAt(map, group)).map(seatOf);
  if (seats.length === goal.length && seats.every((seat, i) => seat === goal[i])) return undefined;
  return { op: "place", group, seats, decidedOn: map.version };
}

/** Those that are named, when they can hold the group. @throws AdminError `refused` */
function holders(map: ClusterMap, group: number, to: readonly string[]): ClusterNode[] {
  checkGroup(map, group);
  if (new Set(to).size < to.length) throw new AdminError("refused", "a node holds one replica of a partition at most");
  const copies = wantedCopies(map);
  // With another number of nodes the cluster would at once add what is missing, or take away what is too much.
  if (group !== metaGroup && to.length !== copies)
    throw new AdminError(
      "refused",
      `every partition has ${counted(copies, "copy", "copies")}: name so many nodes with --to`,
    );
  const nodes = to.map((id) => memberNamed(map, id));
  const holding = idsToHold(map, group).map(seatOf);
  const unfit = nodes.find(({ seat, state }) => state !== "active" && !holding.includes(seat));
  if (unfit !== undefined)
    throw new AdminError("refused", `${unfit.id} is ${unfit.state}: it is given nothing any more`);
  return nodes;
}

function newHolders(map: ClusterMap, group: number, to: readonly string[]): ClusterNode[] {
  const holding = idsToHold(map, group).map(seatOf);
  return holders(map, group, to).filter(({ seat }) => !holding.includes(seat));
}

/** A node that is down would be given a copy that it cannot take. */
async function checkPresence({ admin }: OperatorContext, nodes: readonly ClusterNode[]): Promise<void> {
  for (const { id, address } of nodes) {
    try {
      await admin.describe(address);
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      throw new AdminError("refused", `${id} does not answer, so that it cannot be given a copy now: ${error.message}`);
    }
  }
}

export async function setReplicationFactor(
  context: OperatorContext,
  request: Request<"set-replication-factor">,
): Promise<ExitCode> {
  const { copies } = request;
  const session = new Session(context);
  const map = await session.change(({ replicationFactor }) =>
    replicationFactor === copies ? undefined : { op: "set-replication-factor", replicationFactor: copies },
  );
  const possible = wantedCopies(map);
  if (possible < copies)
    context.terminal.warn(`only ${counted(possible, "active node")}: until others join, there are so many copies`);
  const unsettled = (now: ClusterMap): number =>
    now.partitions.filter((one) => !isSettled(one) || one.replicas.length !== wantedCopies(now)).length;
  return finish(context, session, request, map, {
    done: `every partition has ${counted(possible, "copy", "copies")}`,
    progress: (now) => `${counted(unsettled(now), "partition")} of ${now.partitionCount} to change`,
    isDone: (now) => unsettled(now) === 0,
    overtaken: ({ replicationFactor }) =>
      replicationFactor === copies ? undefined : `somebody wants ${replicationFactor} copies meanwhile`,
  });
}

interface PlacementWish extends Wish {
  readonly done: string;
}

async function finish(
  context: OperatorContext,
  session: Session,
  { wait }: { readonly wait: boolean },
  map: ClusterMap,
  wish: PlacementWish,
): Promise<ExitCode> {
  const { terminal, config } = context;
  const last = { map };
  const isDone = (newest: ClusterMap): boolean => {
    last.map = newest;
    return wish.isDone(newest);
  };
  const failure = wait && !isDone(map) ? await waitUntil(context, session, { ...wish, isDone }) : undefined;
  const done = failure === undefined && wish.isDone(last.map);
  if (config.json) terminal.say(JSON.stringify({ isDone: done, mapVersion: last.map.version }));
  else if (failure === undefined) terminal.say(done ? wish.done : wish.progress(last.map));
  if (failure === undefined) return ExitCode.ok;
  terminal.warn(`marconi: ${failure}`);
  return ExitCode.failed;
}

/** Has the leader of a group hand over to a node, or to whoever is up to date. */
export async function transferLeader(context: OperatorContext, { group, to }: Request<"transfer">): Promise<ExitCode> {
  const { admin, terminal, config } = context;
  const map = await new Session(context).refresh();
  checkGroup(map, group);
  const node = to === undefined ? undefined : memberNamed(map, to);
  const leadsAlready = node !== undefined && (await leads(context, node, group));
  const next = leadsAlready ? node.id : await admin.transferLeadership(group, to);
  const [first, ...others] = goalOf(placementAt(map, group)).map((id) => nodeNameOf(map, id));
  if (first !== next && others.includes(next))
    terminal.warn(
      `${String(first)} takes over again when it can: the first of those that hold ${groupPhrase(group)} should lead it. For good: ` +
        `marconi partition move ${groupName(group)} --to ${[next, first, ...others.filter((id) => id !== next)].join(",")}`,
    );
  if (config.json) terminal.say(JSON.stringify({ partition: group === metaGroup ? "meta" : group, leader: next }));
  else
    terminal.say(
      leadsAlready ? `${next} leads ${groupPhrase(group)} already` : `${groupPhrase(group)} is handed to ${next}`,
    );
  return ExitCode.ok;
}

async function leads({ admin }: OperatorContext, { address }: ClusterNode, group: number): Promise<boolean> {
  try {
    const { replicas } = await admin.describe(address);
    return replicas.some((replica) => replica.group === group && replica.role === "leader");
  } catch (error) {
    // Whoever leads the group knows better whether the node can take over.
    if (error instanceof AdminError) return false;
    throw error;
  }
}

function placementAt(map: ClusterMap, group: number): Placement {
  checkGroup(map, group);
  return placementOf(map, group) as Placement;
}

function isSettled({ target, former }: Placement): boolean {
  return target.length === 0 && former.length === 0;
}

/** True when the group shall be held by these nodes and no others. */
function isHeldBy(map: ClusterMap, group: number, to: readonly string[]): boolean {
  const names = goalOf(placementAt(map, group)).map((id) => nodeNameOf(map, id));
  return names.length === to.length && to.every((id) => names.includes(id));
}

function namesOf(map: ClusterMap, group: number, which: "replicas" | "target"): string {
  const { replicas, target } = placementAt(map, group);
  const ids = which === "target" && target.length > 0 ? target : replicas;
  return ids.map((id) => nodeNameOf(map, id)).join(", ");
}
