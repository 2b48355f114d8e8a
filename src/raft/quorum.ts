import type { Configuration, Index, ReplicaId } from "./types.js";

/** A number per replica, such as the index up to which its log matches. */
export type IndexOf = (id: ReplicaId) => Index;

export type VoteResult = "won" | "lost" | "pending";

/** Sorted descending in place; at most `votersMax` numbers, so insertion beats everything and nothing is allocated. */
const scratch = new Float64Array(16);

/** The largest index that a majority of `ids` has reached; Infinity without ids, since nobody can object. */
export function majorityIndex(ids: readonly ReplicaId[], indexOf: IndexOf): Index {
  const count = ids.length;
  if (count === 0) return Infinity;
  for (let i = 0; i < count; i++) {
    const index = indexOf(ids[i] as ReplicaId);
    let slot = i;
    while (slot > 0 && (scratch[slot - 1] as number) < index) {
      scratch[slot] = scratch[slot - 1] as number;
      slot--;
    }
    scratch[slot] = index;
  }
  return scratch[count >> 1] as number;
}

/** The largest index that a quorum has reached: in joint consensus a majority of both halves (section 6 of the paper). */
export function quorumIndex(configuration: Configuration, indexOf: IndexOf): Index {
  return Math.min(majorityIndex(configuration.voters, indexOf), majorityIndex(configuration.outgoing, indexOf));
}

function majorityVote(ids: readonly ReplicaId[], votes: ReadonlyMap<ReplicaId, boolean>): VoteResult {
  let granted = 0;
  let missing = 0;
  for (const id of ids) {
    const vote = votes.get(id);
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  const needed = (ids.length >> 1) + 1;
  if (ids.length === 0 || granted >= needed) return "won";
  return granted + missing >= needed ? "pending" : "lost";
}

/** Counts votes; those of ids outside the configuration weigh nothing. */
export function voteResult(configuration: Configuration, votes: ReadonlyMap<ReplicaId, boolean>): VoteResult {
  const incoming = majorityVote(configuration.voters, votes);
  const outgoing = majorityVote(configuration.outgoing, votes);
  if (incoming === "lost" || outgoing === "lost") return "lost";
  return incoming === "won" && outgoing === "won" ? "won" : "pending";
}
