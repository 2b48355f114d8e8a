import { AdminError, type NodeDescription, type ReplicaDescription } from "../../../src/admin/index.js";
import type { Clock, Timers } from "../../../src/base/index.js";
import { operate } from "../../../src/cli/operator/operate.js";
import type { OperatorRequest } from "../../../src/cli/operator/request.js";
import type { OperatorContext } from "../../../src/cli/operator/session.js";
import {
  applyCommand,
  type ClusterMap,
  foundingMap,
  goalOf,
  type MapCommand,
  metaGroup,
  placementOf,
  planMoves,
  seatOf,
} from "../../../src/cluster/index.js";
import { type OperatorConfig, operatorSchema, resolve } from "../../../src/config/index.js";

export const clusterId = "4f2c1a52-6f0e-4a0e-9d5a-0c7a3a1f7f11";

const incarnationOf = (seat: number): string => seat.toString(16).padStart(16, "0");

/**
 * A cluster as a client of it sees it: a real map that real commands change, and nodes that are up or down. With every poll of
 * an operator one step is done of what the real planner wants: time goes by only while somebody waits.
 */
export class StandInCluster implements Pick<OperatorContext, "admin" | "timers" | "clock"> {
  map: ClusterMap;
  readonly down = new Set<string>();
  readonly commands: MapCommand[] = [];
  readonly transfers: { readonly group: number; readonly to: string | undefined }[] = [];
  /** Groups that nobody leads. */
  readonly leaderless = new Set<number>();
  /** Changes what a node says. */
  readonly distort = new Map<string, (description: NodeDescription) => NodeDescription>();
  /** Called instead of what a change does, once each. */
  readonly mishaps: ((command: MapCommand) => void)[] = [];
  /** The planner does nothing. */
  isStuck = false;
  /** Called at every poll. */
  onPoll: () => void = () => undefined;
  nowMs = 0;
  readonly said: string[] = [];
  readonly warned: string[] = [];

  constructor({ nodes = 3, partitions = 4, copies = 3 } = {}) {
    const members = Array.from({ length: nodes }, (_, i) => ({ id: `n${i + 1}`, address: `h${i + 1}:7101` }));
    this.map = foundingMap({ members, partitionCount: partitions, replicationFactor: copies });
    for (const { seat } of this.map.nodes) this.apply({ op: "bind-node", seat, incarnation: incarnationOf(seat) });
  }

  apply(command: MapCommand): void {
    const outcome = applyCommand(this.map, command);
    if ("refused" in outcome) throw new AdminError("refused", outcome.refused);
    this.map = outcome.map;
  }

  join(id: string): void {
    const seat = this.map.nodes.length + 1;
    this.apply({ op: "add-node", id, incarnation: incarnationOf(seat), address: `h${seat}:7101` });
  }

  readonly clock: Pick<Clock, "monotonicMs"> = { monotonicMs: () => this.nowMs };

  readonly timers: Timers = {
    after: (delayMs, callback) => {
      this.nowMs += delayMs;
      this.onPoll();
      if (!this.isStuck) this.step();
      setImmediate(callback);
      return { cancel: () => undefined };
    },
    every: () => {
      throw new Error("nothing here is done every so often");
    },
    soon: (callback) => void setImmediate(callback),
  };

  readonly admin: OperatorContext["admin"] = {
    describe: async (address) => {
      const members = this.map.nodes.filter(({ state }) => state !== "gone" && state !== "lost");
      const asked = address === undefined ? members : members.filter((node) => node.address === address);
      const node = asked.find(({ id }) => !this.down.has(id));
      if (node === undefined) throw new AdminError("unreachable", `no node answers: ${address ?? "h1:7101"} is down`);
      return this.#describe(node.id, node.address);
    },
    change: async (command) => {
      this.commands.push(command);
      this.mishaps.shift()?.(command);
      this.apply(command);
      return this.map;
    },
    transferLeadership: async (group, to) => {
      this.transfers.push({ group, to });
      return to ?? "n2";
    },
  };

  /** What is on its way arrives; then the planner begins something new. */
  step(): void {
    for (const group of [...this.map.partitions.keys(), metaGroup]) {
      const { target, former, generation, replicas } = this.#placement(group);
      if (target.length + former.length === 0) continue;
      this.apply({ op: "settled", group, replicas: target.length > 0 ? target : replicas, generation });
      return;
    }
    const alive = new Set(this.map.nodes.filter(({ id }) => !this.down.has(id)).map(({ seat }) => seat));
    for (const command of planMoves(this.map, { alive, movesMax: 1 })) this.apply(command);
  }

  /** Does what is asked for; what is said and warned is kept. */
  operate(
    request: OperatorRequest,
    flags: Partial<Record<keyof OperatorConfig, string | boolean>> = {},
  ): Promise<number> {
    const { config } = resolve(operatorSchema, flags, {});
    const terminal = {
      say: (line: string) => void this.said.push(line),
      warn: (line: string) => void this.warned.push(line),
    };
    return operate(request, { admin: this.admin, timers: this.timers, clock: this.clock, config, terminal });
  }

  #placement(group: number) {
    const placement = placementOf(this.map, group);
    if (placement === undefined) throw new Error("no such group");
    return placement;
  }

  /** The node that leads a group: the first of its replicas that is up. */
  leaderOf(group: number): string | undefined {
    if (this.leaderless.has(group)) return undefined;
    const ids = this.#placement(group).replicas.map((replica) => this.map.nodes[seatOf(replica) - 1]?.id ?? "");
    return ids.find((id) => !this.down.has(id));
  }

  #describe(nodeId: string, address: string): NodeDescription {
    const seat = this.map.nodes.find((node) => node.address === address)?.seat ?? 0;
    const groups = [...this.map.partitions.keys(), metaGroup];
    const description: NodeDescription = {
      ...{ address, clusterId, nodeId, map: this.map },
      replicas: groups.flatMap((group) => this.#replica(group, seat, nodeId) ?? []),
      connectedNodeIds: this.map.nodes.map(({ id }) => id).filter((id) => id !== nodeId && !this.down.has(id)),
      metaLeader: this.leaderOf(metaGroup),
      clockAheadMs: 0,
      bodyBytes: 1_536,
    };
    return this.distort.get(nodeId)?.(description) ?? description;
  }

  #replica(group: number, seat: number, nodeId: string): ReplicaDescription | undefined {
    const placement = this.#placement(group);
    const { replicas } = placement;
    const replica = replicas.find((id) => seatOf(id) === seat);
    if (replica === undefined) return undefined;
    const leads = this.leaderOf(group) === nodeId;
    const learners = goalOf(placement).filter((id) => !replicas.includes(id));
    const peers = [...replicas, ...learners].map((id) => ({
      ...{ replica: id, match: 90, state: "replicate" },
      recentlyActive: !this.down.has(this.map.nodes[seatOf(id) - 1]?.id ?? ""),
    }));
    return {
      ...{ group, replica, role: leads ? "leader" : "follower", term: 3, leader: 0, commit: 90, applied: 90 },
      ...{ lastIndex: 90, voters: replicas, outgoing: [], learners, peers: leads ? peers : [], installing: false },
    };
  }
}
