import { assert } from "../base/index.js";
import { ChangeSet } from "./change-set.js";
import { type Claim, claimBefore, ClaimTable } from "./claims.js";
import { type Session, Sessions } from "./dedupe.js";
import type { MachineLimits } from "./limits.js";
import { QueueDirectory } from "./queue-directory.js";
import type { MessageChunk, QueueState } from "./queue-state.js";
import { chunkRows, claimRows, queueRows, sessionRows } from "./row-codecs.js";
import { DeadlineHeap } from "./timers.js";

/** What happened since this process started. Not part of the replicated state. */
export interface Totals {
  posted: number;
  claimed: number;
  deleted: number;
  expired: number;
  duplicatesAnswered: number;
}

/** Everything that a partition knows. The modules beside this one are functions over it. */
export class PartitionState {
  readonly limits: MachineLimits;
  appliedIndex = 0;
  /** Log time, milliseconds since 1970; never falls. */
  timeMs = 0;
  /** Queues ever made: the incarnation of the latest. */
  incarnations = 0;
  readonly queues = new QueueDirectory();
  readonly claims = new ClaimTable();
  readonly sessions: Sessions;
  readonly claimTimers = new DeadlineHeap<Claim>(claimBefore);
  readonly chunkTimers = new DeadlineHeap<MessageChunk>(chunkBefore);
  /** Sums over all queues. */
  messages = 0;
  claimedMessages = 0;
  bodyBytes = 0;
  readonly totals: Totals = { posted: 0, claimed: 0, deleted: 0, expired: 0, duplicatesAnswered: 0 };
  readonly queueChanges = new ChangeSet<QueueState>(queueRows);
  readonly chunkChanges = new ChangeSet<MessageChunk>(chunkRows);
  readonly claimChanges = new ChangeSet<Claim>(claimRows);
  readonly sessionChanges: ChangeSet<Session>;

  constructor(limits: MachineLimits) {
    const { chunkMessagesMax, resultsPerSessionMax } = limits;
    assert(chunkMessagesMax >= 1 && chunkMessagesMax <= 1_024, "a slot knows its sequence in ten bits");
    assert((resultsPerSessionMax & (resultsPerSessionMax - 1)) === 0, "a session's window doubles up to its bound");
    this.limits = limits;
    this.sessions = new Sessions(limits.sessionsMax, limits.sessionIdleMs);
    this.sessionChanges = new ChangeSet<Session>(sessionRows((id) => this.sessions.get(id) !== undefined));
  }
}

function chunkBefore(a: MessageChunk, b: MessageChunk): boolean {
  const [left, right] = [a.queue.incarnation, b.queue.incarnation];
  return left < right || (left === right && a.firstSequence < b.firstSequence);
}
