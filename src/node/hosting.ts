import { type ClusterMap, metaGroup } from "../cluster/index.js";
import type { ReplicaId, SnapshotMeta } from "../raft/index.js";
import type { GroupId } from "../storage/index.js";
import type { Logger } from "../telemetry/index.js";
import type { ClusterView } from "./cluster-view.js";
import type { MapStore } from "./map-file.js";
import type { Replica } from "./replica.js";
import type { Shard } from "./shard.js";

export interface OpenedReplica {
  readonly replica: Replica;
  readonly checkpoint: SnapshotMeta | undefined;
}

export interface HostingOptions {
  readonly view: ClusterView;
  readonly shard: Shard;
  readonly mapStore: MapStore;
  readonly logger: Logger;
  /** Makes a replica that never was: durable when it resolves. */
  readonly create: (group: GroupId, id: ReplicaId) => Promise<OpenedReplica>;
  fatal(error: Error): void;
}

/** What the log held of this node's replicas when it was opened. */
export interface Recovered {
  readonly replicas: readonly OpenedReplica[];
  /** Groups in the log that no map gives to this node, or whose replica there was given up. */
  readonly strays: readonly GroupId[];
  /** Replicas that the map gives to this node and that it can host no more. */
  readonly lost: ReadonlyMap<GroupId, ReplicaId>;
}

/**
 * Makes and removes replicas as the cluster map says, one change after the other. The order of what becomes durable is: new
 * replicas, then the map, then removals. So a replica that the stored map names and the log lacks is lost, with votes and
 * messages that it promised to keep: it never acts again, and the meta group is asked to have another one made.
 */
export class Hosting {
  readonly #options: HostingOptions;
  readonly #lost = new Map<GroupId, ReplicaId>();
  #storedVersion = 0;
  #working: Promise<void> | undefined;
  #closed = false;

  constructor(options: HostingOptions) {
    this.#options = options;
  }

  /** Replicas whose data is gone and that are still on the map: to be told to the meta group until it has replaced them. */
  lost(): { readonly group: GroupId; readonly replica: ReplicaId }[] {
    const { view } = this.#options;
    return [...this.#lost]
      .filter(([group, replica]) => view.ownReplicaOf(group) === replica)
      .map(([group, replica]) => ({ group, replica }));
  }

  /** Takes over what was opened at the start, then brings everything to the state of the map; resolves when that is durable. */
  async begin(recovered: Recovered): Promise<void> {
    const { shard } = this.#options;
    for (const [group, id] of recovered.lost) this.#lost.set(group, id);
    for (const { replica, checkpoint } of recovered.replicas) shard.add(replica, checkpoint);
    for (const group of recovered.strays) await shard.discard(group);
    await this.#follow();
  }

  /** The map changed. */
  follow(): void {
    if (this.#working !== undefined || this.#closed) return;
    this.#working = this.#follow().then(
      () => {
        this.#working = undefined;
        // A map that came just when the last one was done.
        if (this.#isBehind()) this.follow();
      },
      (error: unknown) => {
        if (!this.#closed) this.#options.fatal(error as Error);
      },
    );
  }

  /** Nothing is begun any more: from now on the shard removes nothing. */
  stop(): void {
    this.#closed = true;
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    this.stop();
    await this.#working;
  }

  async #follow(): Promise<void> {
    while (this.#isBehind()) await this.#bringTo(this.#options.view.map);
  }

  /** A map that does not know this node any more says nothing about what it holds: perhaps somebody still needs it. */
  #isBehind(): boolean {
    const { view } = this.#options;
    return !this.#closed && view.own !== undefined && this.#storedVersion < view.map.version;
  }

  async #bringTo(map: ClusterMap): Promise<void> {
    const { view, shard, mapStore, logger, create } = this.#options;
    const wanted = view.ownGroups();
    const made: OpenedReplica[] = [];
    for (const [group, id] of wanted) {
      const present = shard.replicas.get(group);
      if (present?.id === id || this.#lost.get(group) === id) continue;
      // An older replica on this node was given up for the new one.
      if (present !== undefined) await shard.discard(group);
      if (this.#isClosed()) return;
      made.push(await create(group, id));
      this.#lost.delete(group);
      if (this.#isClosed()) return;
    }
    await mapStore.save(map);
    this.#storedVersion = map.version;
    if (this.#isClosed()) return;
    for (const { replica, checkpoint } of made) {
      shard.add(replica, checkpoint);
      logger.info({ partition: nameOf(replica.group), replica: replica.id }, "replica made");
    }
    for (const group of [...shard.replicas.keys()]) {
      if (wanted.has(group)) continue;
      await shard.discard(group);
      logger.info({ partition: nameOf(group) }, "replica removed: the partition is held by others now");
      if (this.#isClosed()) return;
    }
  }

  #isClosed(): boolean {
    return this.#closed;
  }
}

/** A group in logs and reports: the number of a partition, or "meta". */
export function nameOf(group: GroupId): string {
  return group === metaGroup ? "meta" : String(group);
}
