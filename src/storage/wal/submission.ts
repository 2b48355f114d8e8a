import type { HardState, Index, SnapshotMeta } from "../../raft/index.js";
import type { LogOrder } from "../shard-log.js";
import type { GroupLog } from "./group-log.js";
import { recordBytes } from "./layout.js";

/** An order on its way to the disk. Large ones are spread over several flushes; `nextEntry` is where the next one goes on. */
export interface OrderSubmission {
  readonly type: "order";
  readonly log: GroupLog;
  readonly order: LogOrder;
  readonly done: () => void;
  nextEntry: number;
  /** Frame bytes still to be written. */
  bytes: number;
}

/** The rare ones. `fail` is called when the log stops before they are durable. */
export type ControlSubmission = { readonly log: GroupLog; readonly bytes: number } & (
  | { readonly type: "create"; readonly done: () => void; readonly fail: (error: Error) => void }
  | { readonly type: "remove"; readonly done: () => void; readonly fail: (error: Error) => void }
  | {
      readonly type: "install";
      readonly snapshot: SnapshotMeta;
      readonly hard: HardState;
      readonly done: () => void;
      readonly fail: (error: Error) => void;
    }
  | { readonly type: "checkpoint"; readonly snapshot: SnapshotMeta; readonly keepFrom: Index }
);

export type Submission = OrderSubmission | ControlSubmission;

/** An upper bound for the body of group, snapshot and checkpoint records: fixed fields and 3 x 255 replica ids. */
const CONTROL_BODY_BYTES_MAX = 72 + 8 * 765;
export const CONTROL_BYTES = recordBytes(CONTROL_BODY_BYTES_MAX);

const HARD_BODY_BYTES = 8;
export const ORDER_HEAD_BYTES = recordBytes(HARD_BODY_BYTES) + recordBytes(0);

/** Frame bytes of an order. */
export function orderBytes(order: LogOrder): number {
  let bytes = ORDER_HEAD_BYTES;
  for (const entry of order.entries) bytes += recordBytes(entry.data.length);
  return bytes;
}
