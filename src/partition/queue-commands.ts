import type { ByteReader } from "../base/index.js";
import { endClaimsOf } from "./claim-lifecycle.js";
import type { Outcome } from "./dedupe.js";
import { chunksOf, forgetChunk } from "./message-index.js";
import type { PartitionState } from "./partition-state.js";
import { QueueState } from "./queue-state.js";

/** Makes the queue unless it exists; the outcome says which. */
export function applyCreateQueue(
  state: PartitionState,
  queue: QueueState | undefined,
  address: string,
  outcome: Outcome,
): void {
  outcome.flag(queue === undefined);
  if (queue !== undefined) return;
  const made = new QueueState(address, ++state.incarnations);
  state.queues.add(made);
  state.queueChanges.touch(made);
}

/** Removes the queue with its messages and claims. Linear in its chunks and claimed messages. */
export function applyDeleteQueue(state: PartitionState, queue: QueueState | undefined, outcome: Outcome): void {
  outcome.flag(true);
  if (queue === undefined) return;
  endClaimsOf(state, queue);
  state.totals.deleted += queue.total;
  for (const chunk of chunksOf(queue)) forgetChunk(state, chunk);
  queue.chunks = undefined;
  state.queues.remove(queue);
  state.queueChanges.drop(queue);
}

/** Reads `metadata bytes32` and replaces the queue's. False for a missing queue. */
export function applySetMetadata(
  state: PartitionState,
  queue: QueueState | undefined,
  reader: ByteReader,
  outcome: Outcome,
): void {
  const metadata = reader.bytes32();
  outcome.flag(queue !== undefined);
  if (queue === undefined) return;
  state.queueChanges.touch(queue);
  queue.metadata = new Uint8Array(metadata);
}
