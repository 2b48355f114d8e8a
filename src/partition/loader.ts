import { assert, DecodeError } from "../base/index.js";
import { BodyArena } from "./body-arena.js";
import { decodeRoot } from "./checkpoint.js";
import { addClaim, holdMessage } from "./claim-lifecycle.js";
import { defaultMachineLimits, type MachineLimits } from "./limits.js";
import { QueueMachine } from "./machine.js";
import { chunksOf, chunkWith, scheduleChunk } from "./message-index.js";
import { PartitionState } from "./partition-state.js";
import type { MessageChunk, QueueState } from "./queue-state.js";
import { decodeChunk, decodeClaim, decodeQueue, decodeSession } from "./row-codecs.js";
import { keyNumbers, rowKind } from "./row-keys.js";
import type { CheckpointRow, MachineLoader } from "./types.js";

export interface QueueMachineLoader extends MachineLoader {
  finish(appliedIndex: number): QueueMachine;
}

/** A loader for the rows of one checkpoint, in key order. `limits` as those of the machine that wrote them. */
export function loadMachine(limits: Partial<MachineLimits> = {}): QueueMachineLoader {
  return new RowLoader({ ...defaultMachineLimits, ...limits });
}

/** Throws DecodeError for rows that do not fit together: the checkpoint is corrupt. */
class RowLoader implements QueueMachineLoader {
  readonly #state: PartitionState;
  readonly #queues = new Map<number, QueueState>();
  #withoutBodies = 0;
  #finished = false;

  constructor(limits: MachineLimits) {
    this.#state = new PartitionState(limits);
  }

  add(rows: readonly CheckpointRow[]): void {
    assert(!this.#finished, "a loader is used once");
    for (const row of rows) this.#addRow(row);
  }

  finish(appliedIndex: number): QueueMachine {
    assert(!this.#finished, "a loader is used once");
    this.#finished = true;
    if (this.#withoutBodies !== 0) throw new DecodeError("chunks without bodies");
    this.#state.appliedIndex = appliedIndex;
    return new QueueMachine({}, this.#state);
  }

  #addRow(row: CheckpointRow): void {
    const state = this.#state;
    switch (row.key[0] ?? 0) {
      case rowKind.root: {
        const root = decodeRoot(row.value);
        state.timeMs = root.timeMs;
        state.incarnations = root.incarnations;
        break;
      }
      case rowKind.queue: {
        const queue = decodeQueue(row);
        this.#queues.set(queue.incarnation, queue);
        state.queues.add(queue);
        state.queueChanges.loaded(queue);
        break;
      }
      case rowKind.chunk:
        this.#addChunk(row);
        break;
      case rowKind.bodies:
        this.#addBodies(row);
        break;
      case rowKind.claim:
        this.#addClaim(row);
        break;
      case rowKind.session: {
        const session = decodeSession(row, state.limits.resultsPerSessionMax);
        state.sessions.add(session);
        state.sessionChanges.loaded(session);
        break;
      }
      default:
        throw new DecodeError(`unknown row kind ${String(row.key[0])}`);
    }
  }

  #addChunk(row: CheckpointRow): void {
    const state = this.#state;
    const [incarnation, firstSequence] = keyNumbers(row.key, 2) as [number, number];
    const queue = this.#queueOf(incarnation);
    const chunk = decodeChunk(queue, firstSequence, row.value);
    if (firstSequence < (chunksOf(queue).at(-1)?.endSequence ?? 1)) throw new DecodeError("chunks overlap");
    if (queue.chunks === undefined) queue.chunks = [chunk];
    else queue.chunks.push(chunk);
    queue.total += chunk.live;
    state.messages += chunk.live;
    state.bodyBytes += chunk.liveBytes;
    this.#withoutBodies++;
    scheduleChunk(state, chunk);
    state.chunkChanges.loaded(chunk);
  }

  #addBodies(row: CheckpointRow): void {
    const [incarnation, firstSequence] = keyNumbers(row.key, 2) as [number, number];
    const chunk = chunkWith(this.#queueOf(incarnation), firstSequence);
    if (chunk?.firstSequence !== firstSequence) throw new DecodeError("bodies without a chunk");
    checkBodies(chunk, row.value.length);
    chunk.restoreBodies(BodyArena.of(new Uint8Array(row.value)));
    this.#withoutBodies--;
  }

  #addClaim(row: CheckpointRow): void {
    const state = this.#state;
    const claim = decodeClaim(row, (incarnation) => this.#queueOf(incarnation));
    if (claim.sequences.length === 0) throw new DecodeError("a claim without messages");
    addClaim(state, claim);
    for (const sequence of claim.sequences) {
      const chunk = chunkWith(claim.queue, sequence);
      const slot = chunk?.slotOf(sequence) ?? -1;
      if (chunk === undefined || slot < 0) throw new DecodeError("a claim on a message that does not exist");
      holdMessage(state, claim, chunk, slot);
    }
    state.claimChanges.loaded(claim);
  }

  #queueOf(incarnation: number): QueueState {
    const queue = this.#queues.get(incarnation);
    if (queue === undefined) throw new DecodeError("a row of a queue that does not exist");
    return queue;
  }
}

function checkBodies(chunk: MessageChunk, bytes: number): void {
  for (let slot = 0; slot < chunk.used; slot++) {
    if (chunk.bodyOffsetAt(slot) + chunk.bodyBytesAt(slot) > bytes) throw new DecodeError("a body outside its row");
  }
}
