import { AdminError } from "../../admin/index.js";
import { type ClusterMap, type ClusterNode, heldBy, type MapCommand, type Seat } from "../../cluster/index.js";
import { ExitCode } from "../exit-code.js";
import { isMember, memberNamed } from "./names.js";
import type { OperatorRequest } from "./request.js";
import { type OperatorContext, Session } from "./session.js";
import { counted } from "./table.js";
import { waitUntil } from "./wait.js";

type NodeRequest = Extract<OperatorRequest, { readonly do: "drain" | "undrain" | "remove" | "replace" }>;

const states = { drain: "draining", undrain: "active", remove: "leaving", replace: "leaving" } as const;

/** What is wanted of a node: told to the cluster, and waited for when asked. */
export async function changeNode(context: OperatorContext, request: NodeRequest): Promise<ExitCode> {
  const { terminal, config } = context;
  const session = new Session(context);
  const before = await session.refresh();
  if (request.do === "remove" && isGone(before, request.id)) {
    terminal.say(
      config.json ? nodeDocument(before, lastOf(before, request.id), true) : `${request.id} is no member any more`,
    );
    return ExitCode.ok;
  }
  const { seat } = memberNamed(before, request.id);
  if (request.do === "remove" || request.do === "replace") await tellIfDown(context, nodeOn(before, seat));
  const map = await session.change((newest) => decide(newest, seat, request));
  if (request.do !== "undrain") warnOfCopies(context, map);
  return finish(context, session, request, { seat, map });
}

function decide(map: ClusterMap, seat: Seat, request: NodeRequest): MapCommand | undefined {
  const node = nodeOn(map, seat);
  const state = states[request.do];
  const successor = request.do === "replace" ? successorOf(map, node, request.by) : 0;
  const isSo = (node.state === state && node.successor === successor) || (node.state === "gone" && state === "leaving");
  return isSo ? undefined : { op: "set-node-state", seat, state, successor };
}

function successorOf(map: ClusterMap, node: ClusterNode, by: string): Seat {
  const successor = memberNamed(map, by);
  if (successor.seat === node.seat) throw new AdminError("refused", `${by} cannot be replaced by itself`);
  if (successor.state !== "active")
    throw new AdminError("refused", `${by} is ${successor.state}: only an active node can hold what ${node.id} holds`);
  return successor.seat;
}

async function tellIfDown({ admin, terminal }: OperatorContext, node: ClusterNode): Promise<void> {
  try {
    await admin.describe(node.address);
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    terminal.warn(`${node.id} is down: what it holds is made again from the other replicas`);
  }
}

function warnOfCopies({ terminal }: OperatorContext, map: ClusterMap): void {
  const active = map.nodes.filter(({ state }) => state === "active").length;
  if (active >= map.replicationFactor) return;
  terminal.warn(
    `only ${counted(active, "active node")} for ${counted(map.replicationFactor, "copy", "copies")} of every message: ` +
      `until another one joins, there are ${active}`,
  );
}

interface Begun {
  readonly seat: Seat;
  readonly map: ClusterMap;
}

async function finish(
  context: OperatorContext,
  session: Session,
  request: NodeRequest,
  { seat, map }: Begun,
): Promise<ExitCode> {
  const { terminal, config } = context;
  let now = map;
  let failure: string | undefined;
  if (request.wait && !isDone(now, seat, request))
    failure = await waitUntil(context, session, {
      progress: (newest) => progress(newest, seat, request),
      isDone: (newest) => {
        now = newest;
        return isDone(newest, seat, request);
      },
      overtaken: (newest) => overtaken(newest, seat, request),
    });
  const done = isDone(now, seat, request);
  if (config.json) terminal.say(nodeDocument(now, nodeOn(now, seat), done));
  else if (failure === undefined) terminal.say(done ? conclusion(request) : progress(now, seat, request));
  if (failure === undefined) return ExitCode.ok;
  terminal.warn(`marconi: ${failure}`);
  return ExitCode.failed;
}

function isDone(map: ClusterMap, seat: Seat, request: NodeRequest): boolean {
  const { state } = nodeOn(map, seat);
  if (request.do === "undrain") return state === "active";
  if (request.do === "drain") return state === "draining" && heldBy(map, seat).length === 0;
  return state === "gone";
}

function overtaken(map: ClusterMap, seat: Seat, request: NodeRequest): string | undefined {
  const { id, state } = nodeOn(map, seat);
  const isStillWanted = state === states[request.do] || state === "gone" || state === "lost";
  return isStillWanted ? undefined : `${id} is ${state} again: somebody changed it meanwhile`;
}

function progress(map: ClusterMap, seat: Seat, request: NodeRequest): string {
  const { id, state } = nodeOn(map, seat);
  const left = counted(heldBy(map, seat).length, "replica");
  return `${id} is ${state}: ${left} left${request.do === "replace" ? `, for ${request.by} to hold` : ""}`;
}

function conclusion({ do: wanted, id }: NodeRequest): string {
  if (wanted === "undrain") return `${id} is active, and is given its share again`;
  if (wanted === "drain") return `${id} is drained: it holds nothing, and stays a member`;
  return `${id} is no member any more: it may be stopped, and its data folder removed`;
}

function nodeDocument(map: ClusterMap, node: ClusterNode | undefined, done: boolean): string {
  return JSON.stringify({
    node: node?.id ?? null,
    state: node?.state ?? null,
    replicasLeft: node === undefined ? 0 : heldBy(map, node.seat).length,
    isDone: done,
    mapVersion: map.version,
  });
}

function nodeOn(map: ClusterMap, seat: Seat): ClusterNode {
  const node = map.nodes[seat - 1];
  if (node === undefined) throw new AdminError("refused", `there is no seat ${seat} in the cluster`);
  return node;
}

function lastOf(map: ClusterMap, id: string): ClusterNode | undefined {
  return map.nodes.findLast((node) => node.id === id);
}

/** It was a member once, under this name, and none is now. */
function isGone(map: ClusterMap, id: string): boolean {
  return lastOf(map, id) !== undefined && !map.nodes.some((node) => node.id === id && isMember(node));
}
