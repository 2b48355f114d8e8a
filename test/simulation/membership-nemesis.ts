import { ClusterView } from "../../src/node/cluster-view.js";
import { othersHoldAll } from "../../src/node/recover-replicas.js";
import type { Rng } from "../../src/base/index.js";
import {
  type ClusterMap,
  type ClusterNode,
  goalOf,
  type MapCommand,
  metaGroup,
  placementOf,
  seatOf,
} from "../../src/cluster/index.js";
import type { SimNode } from "./sim-node.js";
import type { SimWorld } from "./sim-world.js";

/** How often each change is asked for, relative to the others. */
const weights = {
  add: 3,
  drain: 2,
  undrain: 2.5,
  leave: 2,
  replace: 1.5,
  place: 4,
  factor: 1.5,
  transfer: 2,
  replaceReplica: 1,
  wipe: 2.5,
  loseLog: 1.5,
  loseStore: 1,
  starve: 2,
} as const;

type Change = keyof typeof weights;

const MEMBERS_MAX = 7;
const MACHINES_MAX = 10;
const FACTOR_MAX = 5;

/** Changes who the cluster is and who holds what, and takes data away, as far as every group must survive it. */
export class MembershipNemesis {
  readonly #sim: SimWorld;
  readonly #rng: Rng;
  #stopped = false;

  constructor(sim: SimWorld) {
    this.#sim = sim;
    this.#rng = sim.world.rng("membership");
  }

  /** Does nothing in a run whose members stay. */
  start(): void {
    const { membershipEveryMs } = this.#sim.options;
    if (membershipEveryMs === 0) return;
    this.#later(-Math.log(1 - this.#rng.fraction()) * membershipEveryMs, () => {
      this.#strike();
      this.start();
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  #later(delayMs: number, act: () => void): void {
    this.#sim.world.after(delayMs, undefined, () => {
      if (!this.#stopped) act();
    });
  }

  #strike(): void {
    const entries = Object.entries(weights) as [Change, number][];
    let at = this.#rng.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [change, weight] of entries) {
      at -= weight;
      if (at > 0) continue;
      this.#acts[change]();
      return;
    }
  }

  readonly #acts: Readonly<Record<Change, () => void>> = {
    add: () => {
      this.#addMachine();
    },
    drain: () => {
      this.#setState("draining", false);
    },
    undrain: () => {
      const node = this.#pick(this.#sim.map.nodes.filter(({ state }) => state === "draining" || state === "leaving"));
      if (node === undefined) return;
      this.#order(() => ({ op: "set-node-state", seat: node.seat, state: "active", successor: 0 }));
    },
    leave: () => {
      this.#setState("leaving", false);
    },
    replace: () => {
      this.#setState(this.#rng.fraction() < 0.5 ? "draining" : "leaving", true);
    },
    place: () => {
      this.#place();
    },
    factor: () => {
      const replicationFactor = this.#rng.between(1, FACTOR_MAX + 1);
      this.#order(() => ({ op: "set-replication-factor", replicationFactor }));
    },
    transfer: () => {
      this.#transfer();
    },
    replaceReplica: () => {
      this.#replaceReplica();
    },
    wipe: () => {
      this.#wipe();
    },
    loseLog: () => {
      this.#losePart((node) => {
        node.loseLog();
      });
    },
    starve: () => {
      this.#starve();
    },
    loseStore: () => {
      this.#losePart((node) => {
        node.loseStore();
      });
    },
  };

  /** A node hears of no map for a while, and is made the leader of a group that moves meanwhile. */
  #starve(): void {
    const { map, world, nodes } = this.#sim;
    const group = this.#rng.fraction() < 0.1 ? metaGroup : this.#rng.between(0, this.#sim.options.partitions);
    const seats = (placementOf(map, group)?.replicas ?? []).map(seatOf);
    const row = map.nodes[(this.#pick(seats) ?? 0) - 1];
    const node = nodes.find(({ name }) => name === row?.id);
    if (row === undefined || node === undefined || seats.length < 2) return;
    node.host.getsNoMaps = true;
    world.timeline.note(undefined, `${node.name} gets no maps`);
    this.#order((newest) => {
      const kept = seats.filter((seat) => newest.nodes[seat - 1]?.state === "active");
      const more = this.#active(newest)
        .map(({ seat }) => seat)
        .filter((seat) => !seats.includes(seat));
      const placed = [...new Set([row.seat, ...kept, ...more.slice(0, 1)])].slice(0, Math.max(2, kept.length));
      return { op: "place", group, seats: placed, decidedOn: newest.version };
    });
    const id = placementOf(map, group)?.replicas.find((replica) => seatOf(replica) === row.seat) ?? 0;
    for (const delayMs of [700, 1_100, 1_600, 2_400])
      this.#later(delayMs, () => {
        const replica = this.#sim.leadersOf(group)[0]?.shard?.replicas.get(group);
        if (replica?.core.transferLeadership(id) === true) replica.poke();
      });
    world.after(3_000 + this.#rng.fraction() * 2_000, undefined, () => {
      node.host.getsNoMaps = false;
    });
  }

  #pick<T>(values: readonly T[]): T | undefined {
    return values[this.#rng.between(0, Math.max(1, values.length))];
  }

  #order(make: (map: ClusterMap) => MapCommand | undefined): void {
    this.#sim.operator.order(make);
  }

  #active(map: ClusterMap): ClusterNode[] {
    return map.nodes.filter(({ state }) => state === "active");
  }

  #setState(state: "draining" | "leaving", hasSuccessor: boolean): void {
    const active = this.#active(this.#sim.map);
    const least = this.#rng.fraction() < 0.15 ? 1 : 3;
    const node = this.#pick(active);
    if (node === undefined || active.length <= least) return;
    const heir = hasSuccessor ? this.#pick(active.filter(({ seat }) => seat !== node.seat)) : undefined;
    this.#order(() => ({ op: "set-node-state", seat: node.seat, state, successor: heir?.seat ?? 0 }));
  }

  /** A group shall be held by some of the active nodes, whatever sense it makes; a partition rather than the meta group. */
  #place(): void {
    const group = this.#rng.fraction() < 0.2 ? metaGroup : this.#rng.between(0, this.#sim.options.partitions);
    const count = this.#rng.between(1, FACTOR_MAX + 1);
    const order = Array.from({ length: MACHINES_MAX * 10 }, () => this.#rng.fraction());
    this.#order((map) => {
      const seats = this.#active(map)
        .map(({ seat }) => seat)
        .sort((a, b) => (order[a] ?? 0) - (order[b] ?? 0))
        .slice(0, count);
      return { op: "place", group, seats, decidedOn: map.version };
    });
  }

  #transfer(): void {
    const group = this.#rng.fraction() < 0.4 ? metaGroup : this.#rng.between(0, this.#sim.options.partitions);
    const leader = this.#sim.leadersOf(group)[0];
    const replica = leader?.shard?.replicas.get(group);
    if (replica === undefined || leader?.paused !== false) return;
    const target = this.#pick(replica.core.status().peers);
    if (target === undefined || !replica.core.transferLeadership(target.id)) return;
    this.#sim.world.coverage.add("transfersRequested");
    replica.poke();
  }

  // --- machines

  #addMachine(): void {
    const { map, nodes } = this.#sim;
    const members = map.nodes.filter(({ state }) => state !== "gone" && state !== "lost");
    const joining = nodes.filter((node) => !node.retired && node.view === undefined && node.storedMap === undefined);
    if (members.length + joining.length >= MEMBERS_MAX) return;
    const former = this.#pick(nodes.filter(({ retired }) => retired));
    if (former !== undefined && (this.#rng.fraction() < 0.5 || nodes.length >= MACHINES_MAX)) {
      former.wipe();
      former.boot();
    } else if (nodes.length < MACHINES_MAX) this.#sim.addMachine().boot();
  }

  #anyNode(): SimNode | undefined {
    return this.#pick(this.#sim.nodes.filter(({ retired }) => !retired));
  }

  /** The disk of a node is gone, and it comes again as a new one. */
  #wipe(): void {
    const { map, lives, world } = this.#sim;
    const node = this.#anyNode();
    // One that nobody has noted yet cannot be told from its next incarnation.
    const isKnown = map.nodes.some(({ incarnation }) => incarnation === node?.incarnation);
    if (node === undefined || !isKnown || !lives.canLose(lives.heldBy(node.name), map)) return;
    node.wipe();
    world.coverage.add("wipes");
    this.#later(200 + this.#rng.fraction() * 2_500, () => {
      node.boot();
    });
  }

  /** A part of the data of a node is gone; what the node is and which map it acted on stays. */
  #losePart(lose: (node: SimNode) => void): void {
    const { map, lives } = this.#sim;
    const node = this.#anyNode();
    if (node === undefined || !knowsOthers(node) || !lives.canLose(lives.heldBy(node.name), map)) return;
    lose(node);
    this.#later(100 + this.#rng.fraction() * 1_500, () => {
      node.boot();
    });
  }

  /** Its node deletes it once it hears of it, so that this is a loss. */
  #replaceReplica(): void {
    const { map, lives } = this.#sim;
    const group = this.#rng.fraction() < 0.2 ? metaGroup : this.#rng.between(0, this.#sim.options.partitions);
    const placement = placementOf(map, group);
    const replica = placement === undefined ? undefined : this.#pick(goalOf(placement));
    if (placement === undefined || replica === undefined || !lives.canLose([{ group, id: replica }], map)) return;
    lives.setDoomed(group, replica, true);
    this.#sim.operator.order(
      () => ({ op: "replace-replica", group, replica }),
      (outcome) => {
        // Refused since it was done before, it is still lost.
        const goal = goalOf(placementOf(this.#sim.map, group) ?? placement);
        if ("refused" in outcome && goal.includes(replica)) lives.setDoomed(group, replica, false);
      },
    );
  }
}

/** As far as the map on its disk tells, others could fill the node again: by an older map it may refuse to start, and rightly so. */
function knowsOthers({ name, incarnation, storedMap }: SimNode): boolean {
  if (storedMap === undefined) return false;
  return othersHoldAll(new ClusterView(name, incarnation, storedMap));
}
