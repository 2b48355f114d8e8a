/**
 * The queue machine of a partition: queues, messages, claims and the memory of answered commands, as a function of the log
 * alone. Pure: log time comes with each entry, nothing here sees a clock. Imports `base`, `contract`, `command`. Promises:
 * replicas that applied the same entries are in the same state, whichever checkpoints they were restored from; memory and
 * work per entry are bounded as `limits.ts` says.
 */
export { checkInvariants } from "./invariants.js";
export type { MachineLimits } from "./limits.js";
export { loadMachine, type QueueMachineLoader } from "./loader.js";
export { QueueMachine } from "./machine.js";
export type {
  CheckpointCursor,
  CheckpointRow,
  CheckpointSlice,
  Machine,
  MachineLoader,
  MachineStats,
  ReplySink,
} from "./types.js";
export { machineVersion } from "./versions.js";
