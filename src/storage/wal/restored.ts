import type { RestoredState, SnapshotMeta } from "../../raft/index.js";

/**
 * The state that a group starts from when its checkpoint store is ahead of its log: a crash came between the checkpoint's
 * batch, or the commit of an installed snapshot, and the record in the log that tells of it. When the log does not even reach
 * `snapshot` (an install), it must be replaced with `installSnapshot` before the group takes part in anything.
 */
export function restoredAfter(state: RestoredState, snapshot: SnapshotMeta): RestoredState {
  if (snapshot.index <= state.snapshot.index) return state;
  const termRuns: { from: number; term: number }[] = [];
  state.termRuns.forEach((run, i) => {
    const end = (state.termRuns[i + 1]?.from ?? state.lastIndex + 1) - 1;
    if (end > snapshot.index) termRuns.push({ from: Math.max(run.from, snapshot.index + 1), term: run.term });
  });
  return {
    hard: {
      term: Math.max(state.hard.term, snapshot.term),
      vote: snapshot.term > state.hard.term ? 0 : state.hard.vote,
      commit: Math.max(state.hard.commit, snapshot.index),
    },
    snapshot,
    termRuns,
    lastIndex: Math.max(state.lastIndex, snapshot.index),
    configurations: state.configurations.filter((found) => found.index > snapshot.index),
  };
}
