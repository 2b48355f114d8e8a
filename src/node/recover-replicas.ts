import { metaGroup } from "../cluster/index.js";
import type { ReplicaId } from "../raft/index.js";
import { CorruptionError, type GroupId, type RecoveredGroup } from "../storage/index.js";
import type { Logger } from "../telemetry/index.js";
import type { ClusterView } from "./cluster-view.js";
import { nameOf, type OpenedReplica, type Recovered } from "./hosting.js";
import { replicaIdOf } from "./open-replica.js";

export interface RecoverOptions {
  readonly view: ClusterView;
  readonly logger: Logger;
  /** True when the map was stored by this node before: every replica that it names was in the log then. */
  readonly mapWasStored: boolean;
  open(group: GroupId, id: ReplicaId, recovered: RecoveredGroup): Promise<OpenedReplica>;
}

/**
 * Sorts what the log held: replicas that go on, groups that are this node's no more, and replicas that are lost, since the log
 * forgot them or what is left of them is damaged. A lost one never acts again under its id; where others hold the group, they
 * fill a new one (raft.md section 4, "Amnesia"). Throws CorruptionError for damage that nobody can mend.
 */
export async function recoverReplicas(options: RecoverOptions, groups: readonly RecoveredGroup[]): Promise<Recovered> {
  const { view, mapWasStored } = options;
  const wanted = view.ownGroups();
  const strays: GroupId[] = [];
  const lost = new Map<GroupId, ReplicaId>();
  const inLog = new Set<GroupId>();
  const opening: Promise<OpenedReplica | undefined>[] = [];
  for (const recovered of groups) {
    const { group } = recovered;
    const id = replicaIdOf(recovered.incarnation);
    if (id === undefined || wanted.get(group) !== id) {
      strays.push(group);
      continue;
    }
    inLog.add(group);
    opening.push(
      options.open(group, id, recovered).catch((error: unknown) => {
        if (!(error instanceof CorruptionError) || !hasOtherHolders(view, group)) throw error;
        options.logger.error(
          { err: error, partition: nameOf(group) },
          "a replica is damaged: it is made again from others",
        );
        strays.push(group);
        lost.set(group, id);
        return undefined;
      }),
    );
  }
  if (mapWasStored)
    for (const [group, id] of wanted) {
      if (inLog.has(group)) continue;
      if (!hasOtherHolders(view, group)) throw forgotten(group);
      options.logger.error({ partition: nameOf(group) }, "the log has lost a replica: it is made again from others");
      strays.push(group);
      lost.set(group, id);
    }
  // All of them come to an end before anything is closed again.
  const settled = await Promise.allSettled(opening);
  const failed = settled.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  const replicas = settled.flatMap((result) => (result.status === "fulfilled" && result.value ? [result.value] : []));
  return { replicas, strays, lost };
}

/** True when a member other than this node has a copy of a group. */
export function hasOtherHolders(view: ClusterView, group: GroupId): boolean {
  const holders = view.placement(group).replicas.map((id) => view.nodeOf(id));
  return holders.some((node) => node !== undefined && node !== view.nodeId);
}

/** True when every group that this node holds has a copy elsewhere: all of its data could be made again. */
export function othersHoldAll(view: ClusterView): boolean {
  return [...view.ownGroups().keys()].every((group) => hasOtherHolders(view, group));
}

function forgotten(group: GroupId): CorruptionError {
  const what = group === metaGroup ? "the meta group" : `partition ${String(group)}`;
  return new CorruptionError(
    "the log",
    -1,
    `it knows nothing of ${what}, whose only replica is on this node: it is gone, and with it what it promised to keep`,
    "Restore the whole data folder from a backup",
  );
}
