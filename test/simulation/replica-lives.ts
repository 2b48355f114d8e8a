import { type ClusterMap, goalOf, metaGroup, placementOf, seatOf } from "../../src/cluster/index.js";
import type { Configuration, ReplicaId } from "../../src/raft/index.js";
import type { GroupId } from "../../src/storage/index.js";
import type { World } from "./world.js";

/** One replica from the moment in which it is made until it is removed or its data is gone. */
interface Life {
  readonly group: GroupId;
  readonly id: ReplicaId;
  readonly node: string;
  /** It voted or took entries: others may count on what it promised. */
  acted: boolean;
  /** `doubtful`: some of its data is gone; it is as good as lost unless it is seen to act again. */
  data: "whole" | "doubtful" | "lost";
  /** An operator asked for another one in its place: its node deletes it when it hears of it. */
  doomed: boolean;
  removed: boolean;
}

const keyOf = (group: GroupId, id: ReplicaId): string => `${String(group)}/${String(id)}`;

/** What the ledgers know of the configurations of a group. */
export interface Configurations {
  /** Those by which a leader may count now. */
  inForce(group: GroupId): readonly Configuration[];
  /** The last one that is known to be committed. */
  committed(group: GroupId): Configuration;
}

/**
 * Every replica that ever was. No id has two lives: once a replica has acted, another one under its id is one that forgot what
 * it promised (raft.md section 4, "Amnesia"). Also tells which losses of data a cluster must survive.
 */
export class ReplicaLives {
  readonly #world: World;
  readonly #configurations: Configurations;
  readonly #lives = new Map<string, Life>();
  /** By node and group: the replica whose data is on that node's disk. */
  readonly #onDisk = new Map<string, Life>();
  /** By seat and group: the youngest that acted. */
  readonly #youngest = new Map<string, ReplicaId>();

  constructor(world: World, configurations: Configurations) {
    this.#world = world;
    this.#configurations = configurations;
  }

  #fail(group: GroupId, id: ReplicaId, what: string): void {
    const where = group === metaGroup ? "the meta group" : `partition ${String(group)}`;
    this.#world.fail(`replica ${String(id)} of ${where} ${what}`);
  }

  /** A node makes a replica that never was. */
  made(node: string, group: GroupId, id: ReplicaId): void {
    const known = this.#lives.get(keyOf(group, id));
    if (known?.acted === true)
      this.#fail(group, id, `is made again on ${node}: it acted on ${known.node} already, data ${known.data}`);
    const life: Life = { group, id, node, acted: false, data: "whole", doomed: false, removed: false };
    this.#lives.set(keyOf(group, id), life);
    this.#onDisk.set(`${node}/${String(group)}`, life);
    if (id >= 2 ** 20) this.#world.coverage.add("replicasMade");
  }

  /** A replica does something that others may count on; called once per life of its process. */
  acts(node: string, group: GroupId, id: ReplicaId): void {
    const life = this.#lives.get(keyOf(group, id));
    if (life?.node !== node) {
      this.#fail(group, id, `acts on ${node} and was made on ${life?.node ?? "no node"}`);
      return;
    }
    if (life.removed) this.#fail(group, id, `acts on ${node} after it was removed`);
    if (life.data === "lost") this.#fail(group, id, `acts on ${node} after its data was lost`);
    life.data = "whole";
    life.acted = true;
    const seat = `${String(seatOf(id))}/${String(group)}`;
    const youngest = this.#youngest.get(seat) ?? 0;
    if (id < youngest)
      this.#fail(group, id, `acts on ${node} although replica ${String(youngest)} took its place there`);
    this.#youngest.set(seat, Math.max(id, youngest));
  }

  /** A node deletes what it has of a group. */
  removed(node: string, group: GroupId): void {
    const key = `${node}/${String(group)}`;
    const life = this.#onDisk.get(key);
    if (life === undefined) return;
    this.#onDisk.delete(key);
    life.removed = true;
    this.#world.coverage.add("replicasRemoved");
    const { voters, outgoing } = this.#configurations.committed(group);
    if (life.data === "whole" && !life.doomed && life.acted && (voters.includes(life.id) || outgoing.includes(life.id)))
      this.#fail(group, life.id, `is removed by ${node} although the group's committed configuration needs it`);
    life.data = "lost";
  }

  // --- losses

  /** What a node holds that others may count on. */
  heldBy(node: string): readonly Life[] {
    return [...this.#onDisk.values()].filter((life) => life.node === node);
  }

  /** All that a node held is gone. */
  allLost(node: string): void {
    for (const life of this.heldBy(node)) this.lost(life.group, life.id);
  }

  /** Whether a replica counts as lost although its data is still there. */
  setDoomed(group: GroupId, id: ReplicaId, doomed: boolean): void {
    const life = this.#lives.get(keyOf(group, id));
    if (life !== undefined) life.doomed = doomed;
  }

  /** The data of a replica is gone. */
  lost(group: GroupId, id: ReplicaId): void {
    const life = this.#lives.get(keyOf(group, id));
    if (life === undefined) return;
    if (life.acted) life.data = "lost";
    else this.#lives.delete(keyOf(group, id));
    this.#onDisk.delete(`${life.node}/${String(group)}`);
  }

  /** The checkpoints of a node are gone: replicas whose whole history is in the log still go on. */
  allDoubtful(node: string): void {
    for (const life of this.heldBy(node)) if (life.data === "whole") life.data = "doubtful";
  }

  #isWhole(group: GroupId, id: ReplicaId): boolean {
    const life = this.#lives.get(keyOf(group, id));
    return life === undefined || (life.data === "whole" && !life.doomed && !life.removed);
  }

  /** True when every group still has a majority of whole replicas once these are lost, whichever configuration is in force. */
  canLose(losses: readonly { readonly group: GroupId; readonly id: ReplicaId }[], map: ClusterMap): boolean {
    return losses.every(({ group }) => {
      const gone = losses.filter((loss) => loss.group === group).map(({ id }) => id);
      const isLeft = (id: ReplicaId): boolean => !gone.includes(id) && this.#isWhole(group, id);
      const placement = placementOf(map, group);
      const wanted = placement === undefined ? [] : [placement.replicas, goalOf(placement)];
      return this.#allHaveMajority(group, isLeft) && wanted.every((ids) => hasMajority(ids, isLeft));
    });
  }

  /** True when a group can go on with the nodes of these names only, whichever configuration is in force or may be so in a moment. */
  isServedBy(group: GroupId, names: ReadonlySet<string>, map: ClusterMap): boolean {
    const isServed = (id: ReplicaId): boolean => {
      const life = this.#lives.get(keyOf(group, id));
      return life !== undefined && this.#isWhole(group, id) && names.has(life.node);
    };
    const placement = placementOf(map, group);
    return (
      this.#allHaveMajority(group, isServed) && placement !== undefined && hasMajority(goalOf(placement), isServed)
    );
  }

  #allHaveMajority(group: GroupId, counts: (id: ReplicaId) => boolean): boolean {
    return this.#configurations
      .inForce(group)
      .every(
        ({ voters, outgoing }) =>
          hasMajority(voters, counts) && (outgoing.length === 0 || hasMajority(outgoing, counts)),
      );
  }
}

function hasMajority(ids: readonly ReplicaId[], counts: (id: ReplicaId) => boolean): boolean {
  return ids.filter(counts).length * 2 > ids.length;
}
