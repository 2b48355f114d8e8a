/**
 * What goes through the log and what comes back, byte for byte: commands, queries, results, log entries, and the hash that
 * gives each queue its home partition. Pure; imports `base` and `contract`. Promises: layouts never change under the same
 * operation code or entry version, and `validateCommand` passes nothing that the machine cannot apply.
 */
export {
  addressOf,
  encodeCommand,
  keyOfText,
  projectOfAddress,
  queueOfAddress,
  readAddress,
  textOfKey,
} from "./command-codec.js";
export { EntryBuilder, EntryReader, entryTimestamp } from "./entry.js";
export { clientIdBytes, commandLimits } from "./limits.js";
export { MessageBatchWriter, messageHeaderBytes, type NewMessage, readMessageBatch } from "./message-batch.js";
export { commandOperation, isQuery, opCodes, operationOf } from "./operations.js";
export { partitionOf } from "./placement.js";
export { decodeQuery, encodeQuery } from "./query-codec.js";
export { decodeResult } from "./result-codec.js";
export {
  beginList,
  deleteOutcomes,
  endList,
  writeDeleteOutcome,
  writeFlag,
  writeMark,
  writeMessageHead,
  writeNone,
  writePosted,
  writeSome,
} from "./result-writers.js";
export type { Command, CommandHeader, Operation, Query, Results } from "./types.js";
export { validateCommand, validateQuery } from "./validate.js";
