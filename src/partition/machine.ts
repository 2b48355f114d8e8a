import { assert, AssertionError, type ByteReader, type ByteWriter, DecodeError } from "../base/index.js";
import { commandOperation, EntryReader, readAddress } from "../command/index.js";
import { applyClaim, applyReleaseClaim, applyRenewClaim } from "./claim-commands.js";
import { PartitionCheckpoint } from "./checkpoint.js";
import { Outcome, Session } from "./dedupe.js";
import { expireDue } from "./expiry.js";
import { defaultMachineLimits, type MachineLimits } from "./limits.js";
import { applyDeleteMessage, applyDeleteMessages, applyPost } from "./message-commands.js";
import { writeOutcome } from "./outcome-writer.js";
import { PartitionState } from "./partition-state.js";
import { answerQuery } from "./queries.js";
import { applyCreateQueue, applyDeleteQueue, applySetMetadata } from "./queue-commands.js";
import { hashState } from "./state-hash.js";
import type { CheckpointCursor, Machine, MachineStats, ReplySink } from "./types.js";

/** The machine of one replica. `limits` are for tests: see there which of them all replicas must share. */
export class QueueMachine implements Machine {
  /** For audits and tests; nobody else looks inside. */
  readonly state: PartitionState;
  readonly #outcome = new Outcome();
  #checkpoint: PartitionCheckpoint | undefined = undefined;

  constructor(limits: Partial<MachineLimits> = {}, state = new PartitionState({ ...defaultMachineLimits, ...limits })) {
    this.state = state;
  }

  get appliedIndex(): number {
    return this.state.appliedIndex;
  }

  get timeMs(): number {
    return this.state.timeMs;
  }

  get nextDeadlineMs(): number {
    return Math.min(this.state.claimTimers.nextDeadlineMs, this.state.chunkTimers.nextDeadlineMs);
  }

  apply(index: number, data: Uint8Array, replies: ReplySink | undefined): void {
    this.#advance(index);
    try {
      const entry = new EntryReader(data);
      const state = this.state;
      if (entry.timestampMs > state.timeMs) state.timeMs = entry.timestampMs;
      expireDue(state);
      for (let ordinal = 0; ordinal < entry.count; ordinal++) this.#applyCommand(entry, ordinal, replies);
      entry.finish();
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new AssertionError(`malformed entry at index ${String(index)}`, { cause: error });
    }
  }

  skip(index: number): void {
    this.#advance(index);
  }

  query(request: Uint8Array, nowMs: number, out: ByteWriter): void {
    answerQuery(this.state, request, Math.max(nowMs, this.state.timeMs), out);
  }

  beginCheckpoint(): CheckpointCursor {
    assert(this.#checkpoint?.running !== true, "one checkpoint at a time");
    this.#checkpoint = new PartitionCheckpoint(this.state);
    return this.#checkpoint;
  }

  stats(): MachineStats {
    const { state } = this;
    return {
      queues: state.queues.size,
      messages: state.messages,
      claimedMessages: state.claimedMessages,
      claims: state.claims.size,
      sessions: state.sessions.size,
      bodyBytes: state.bodyBytes,
      posted: state.totals.posted,
      claimedTotal: state.totals.claimed,
      deleted: state.totals.deleted,
      expired: state.totals.expired,
      duplicatesAnswered: state.totals.duplicatesAnswered,
    };
  }

  stateHash(): number {
    return hashState(this.state);
  }

  #advance(index: number): void {
    assert(index === this.state.appliedIndex + 1, "entries are applied in order, without a gap");
    this.state.appliedIndex = index;
  }

  #applyCommand(entry: EntryReader, ordinal: number, replies: ReplySink | undefined): void {
    const { state } = this;
    const { reader } = entry;
    entry.beginCommand();
    const code = reader.u8();
    const session = this.#session(reader.u64());
    const sequence = reader.u64();
    const lowWater = reader.u64();
    if (lowWater > session.lowWater) session.advance(lowWater);
    if (sequence < session.lowWater) {
      // Answered for good, says the session itself: a straggler that nobody waits for.
      entry.skipCommand();
      return;
    }
    if (session.recall(sequence, this.#outcome)) {
      entry.skipCommand();
      state.totals.duplicatesAnswered++;
    } else {
      this.#execute(code, reader, entry.bytes, ordinal);
      entry.endCommand();
      session.remember(sequence, this.#outcome, state.limits.resultsPerSessionMax);
    }
    const out = replies?.begin(ordinal);
    if (out === undefined) return;
    writeOutcome(state, this.#outcome, out);
    replies?.end(ordinal);
  }

  /** The session, made if need be, marked as used now and about to change. */
  #session(id: number): Session {
    const { state } = this;
    let session = state.sessions.get(id);
    if (session === undefined) {
      const surplus = state.sessions.surplus();
      if (surplus !== undefined) {
        state.sessions.remove(surplus);
        state.sessionChanges.drop(surplus);
      }
      session = new Session(id, state.timeMs);
      state.sessions.add(session);
    }
    state.sessionChanges.touch(session);
    session.lastUsedMs = state.timeMs;
    return session;
  }

  #execute(code: number, reader: ByteReader, bytes: Buffer, ordinal: number): void {
    const { state } = this;
    const outcome = this.#outcome;
    const address = readAddress(reader, bytes);
    const queue = state.queues.get(address);
    const op = commandOperation(code);
    switch (op) {
      case "create-queue":
        applyCreateQueue(state, queue, address, outcome);
        break;
      case "delete-queue":
        applyDeleteQueue(state, queue, outcome);
        break;
      case "set-metadata":
        applySetMetadata(state, queue, reader, outcome);
        break;
      case "post":
        applyPost(state, queue, reader, bytes, outcome);
        break;
      case "delete-message":
        applyDeleteMessage(state, queue, reader, outcome);
        break;
      case "delete-messages":
        applyDeleteMessages(state, queue, reader, outcome);
        break;
      case "claim":
        applyClaim(state, queue, reader, state.appliedIndex, ordinal, outcome);
        break;
      case "renew-claim":
        applyRenewClaim(state, queue, reader, outcome);
        break;
      case "release-claim":
        applyReleaseClaim(state, queue, reader, outcome);
        break;
      case undefined:
        throw new DecodeError(`unknown command ${String(code)}`);
    }
  }
}
