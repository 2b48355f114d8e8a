import { Xoshiro128 } from "../base/index.js";
import { loadMachine, type Machine } from "../partition/index.js";
import type { NodeId } from "../peer/index.js";
import { defaultRaftOptions, RaftCore, type RestoredState, type SnapshotMeta } from "../raft/index.js";
import {
  type CheckpointStore,
  CorruptionError,
  type GroupId,
  type RecoveredGroup,
  type ShardLog,
} from "../storage/index.js";
import { nodeLimits } from "./limits.js";
import type { MemberMap } from "./members.js";
import { Replica, type ReplicaHost } from "./replica.js";

export interface OpenReplicaOptions {
  /** For messages. */
  readonly dataDirectory: string;
  readonly nodeId: NodeId;
  readonly members: MemberMap;
  readonly log: ShardLog;
  readonly store: CheckpointStore;
  readonly host: ReplicaHost;
  readonly heartbeatTicks: number;
  readonly electionTicks: number;
  /** A fresh random 64-bit number in 16 hex digits. */
  newIncarnation(): string;
  /** A fresh random seed for the election timeouts of one replica. */
  newSeed(): number;
}

/** The configuration that a partition starts with; the same on every node, from the map. */
function bootstrap(members: MemberMap, group: GroupId): SnapshotMeta {
  const voters = members.nodesOf(group).map((node) => members.replicaIdOf(node));
  return { index: 0, term: 0, configuration: { voters, outgoing: [], learners: [] }, configurationIndex: 0 };
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
  recovered: RecoveredGroup | undefined,
): Promise<{ readonly replica: Replica; readonly checkpoint: SnapshotMeta | undefined }> {
  const { nodeId, members, log, store, host } = options;
  const start = bootstrap(members, group);
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
    await log.createGroup(group, options.newIncarnation(), start);
  }
  const state = recovered?.state ?? emptyState(start);
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
  const machine = await restoreMachine(store, group, root?.snapshot.index ?? 0);
  const core = new RaftCore(
    {
      ...defaultRaftOptions,
      id: members.replicaIdOf(nodeId),
      rng: new Xoshiro128(options.newSeed()),
      heartbeatTicks: options.heartbeatTicks,
      electionTicks: options.electionTicks,
      logCacheBytesMax: nodeLimits.logCacheBytesMax,
      // The first of a partition's nodes campaigns first, so that leaderships start out spread.
      electionDelayTicks: Math.floor((members.nodesOf(group).indexOf(nodeId) * options.electionTicks) / 4),
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

async function restoreMachine(store: CheckpointStore, group: GroupId, index: number): Promise<Machine> {
  const loader = loadMachine();
  if (index > 0) for await (const rows of store.rows(group)) loader.add(rows);
  return loader.finish(index);
}
