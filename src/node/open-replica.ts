import { Xoshiro128 } from "../base/index.js";
import { foundingVoters } from "../cluster/index.js";
import type { Machine, MachineLoader } from "../partition/index.js";
import { defaultRaftOptions, RaftCore, type ReplicaId, type RestoredState, type SnapshotMeta } from "../raft/index.js";
import {
  type CheckpointStore,
  CorruptionError,
  type GroupId,
  type RecoveredGroup,
  type ShardLog,
} from "../storage/index.js";
import type { ClusterView } from "./cluster-view.js";
import { nodeLimits } from "./limits.js";
import type { OpenedReplica } from "./hosting.js";
import { Replica, type ReplicaHost } from "./replica.js";

export interface OpenReplicaOptions {
  /** For messages. */
  readonly dataDirectory: string;
  readonly view: ClusterView;
  readonly log: ShardLog;
  readonly store: CheckpointStore;
  readonly host: ReplicaHost;
  readonly heartbeatTicks: number;
  readonly electionTicks: number;
  /** See RaftOptions; 0: no leases. */
  readonly leaseMs?: number;
  readonly loaderOf: (group: GroupId) => MachineLoader;
  /** A fresh random seed for the election timeouts of one replica. */
  newSeed(): number;
}

/**
 * What the log of every replica of a group starts from, those that join later too: the voters at the foundation. Whoever is not
 * among them learns from the log or from a snapshot that it became one, and does not campaign before.
 */
function start(view: ClusterView, group: GroupId): SnapshotMeta {
  const voters = foundingVoters(view.map, group);
  return { index: 0, term: 0, configuration: { voters, outgoing: [], learners: [] }, configurationIndex: 0 };
}

/** The log knows a replica by its id, so that entries of an earlier replica of the group are never taken for this one's. */
export function incarnationOf(id: ReplicaId): string {
  return id.toString(16).padStart(16, "0");
}

/** Undefined for what `incarnationOf` did not make. */
export function replicaIdOf(incarnation: string): ReplicaId | undefined {
  const id = Number.parseInt(incarnation, 16);
  return Number.isSafeInteger(id) && id > 0 && incarnationOf(id) === incarnation ? id : undefined;
}

const emptyState = (snapshot: SnapshotMeta): RestoredState => ({
  hard: { term: 0, vote: 0, commit: 0 },
  snapshot,
  termRuns: [],
  lastIndex: snapshot.index,
  configurations: [],
});

/** Brings one replica back from its checkpoint and the log, or makes it. Its state catches up by applying the log's tail. */
export async function openReplica(
  options: OpenReplicaOptions,
  group: GroupId,
  id: ReplicaId,
  recovered: RecoveredGroup | undefined,
): Promise<OpenedReplica> {
  const { view, log, store, host } = options;
  const beginning = start(view, group);
  const root = await store.open(group);
  if (recovered === undefined) {
    if (root !== undefined)
      throw new CorruptionError(
        options.dataDirectory,
        -1,
        `the log knows nothing of partition ${String(group)}, but its checkpoint at ${String(root.snapshot.index)} is here: ` +
          "the log was lost, and with it votes and messages that this node promised to keep",
        "Restore the whole data folder; part of it is worth nothing",
        group,
      );
    await log.createGroup(group, incarnationOf(id), beginning);
  }
  const state = recovered?.state ?? emptyState(beginning);
  if ((root?.snapshot.index ?? 0) < state.snapshot.index)
    throw new CorruptionError(
      options.dataDirectory,
      -1,
      `the log of partition ${String(group)} begins after ${String(state.snapshot.index)}, but its checkpoint ` +
        (root === undefined ? "is gone" : `is that of ${String(root.snapshot.index)}`),
      "Restore the whole data folder; part of it is worth nothing",
      group,
    );
  const completed = root === undefined ? state : await completeInstall(log, group, state, root.snapshot);
  const machine = await restoreMachine(options, group, root?.snapshot.index ?? 0);
  const core = new RaftCore(
    {
      ...defaultRaftOptions,
      id,
      rng: new Xoshiro128(options.newSeed()),
      heartbeatTicks: options.heartbeatTicks,
      electionTicks: options.electionTicks,
      leaseMs: options.leaseMs ?? 0,
      logCacheBytesMax: nodeLimits.logCacheBytesMax,
      // The first of a partition's replicas campaigns first, so that leaderships start out spread.
      electionDelayTicks: Math.floor((Math.max(0, view.goal(group).indexOf(id)) * options.electionTicks) / 4),
    },
    completed,
  );
  if (machine.appliedIndex > 0) core.applied(machine.appliedIndex);
  return { replica: new Replica(group, core, machine, host), checkpoint: root?.snapshot };
}

/** A crash between the two steps of installing a snapshot leaves a checkpoint that the log does not reach: finish the second step. */
async function completeInstall(
  log: ShardLog,
  group: GroupId,
  state: RestoredState,
  checkpoint: SnapshotMeta,
): Promise<RestoredState> {
  if (checkpoint.index <= state.lastIndex && termAt(state, checkpoint.index) === checkpoint.term) return state;
  const term = Math.max(state.hard.term, checkpoint.term);
  const vote = term === state.hard.term ? state.hard.vote : 0;
  const hard = { term, vote, commit: checkpoint.index };
  await log.installSnapshot(group, checkpoint, hard);
  return { ...emptyState(checkpoint), hard };
}

function termAt(state: RestoredState, index: number): number | undefined {
  if (index <= state.snapshot.index) return index === state.snapshot.index ? state.snapshot.term : undefined;
  let term: number | undefined;
  for (const run of state.termRuns) if (run.from <= index) term = run.term;
  return term;
}

async function restoreMachine(
  { store, loaderOf }: OpenReplicaOptions,
  group: GroupId,
  index: number,
): Promise<Machine> {
  const loader = loaderOf(group);
  if (index > 0) for await (const rows of store.rows(group)) loader.add(rows);
  return loader.finish(index);
}
