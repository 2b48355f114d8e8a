import fs from "node:fs";
import readline from "node:readline";

/**
 * One line of a history (NDJSON): what one client did, when, and what it was told. Times are milliseconds of one monotonic
 * clock; `invoke` is taken before anything is sent, `complete` after everything has come in, so that the effect of an `ok` lies
 * between them. `fail`: the server said that nothing was done. `unknown`: anything may have happened, then or later.
 */
export interface Timed {
  readonly process: string;
  readonly queue: string;
  readonly invoke: number;
  readonly complete: number;
  readonly outcome: "ok" | "fail" | "unknown";
}

/** `bodies` are hashes of whole bodies; every body is posted once in a history, so a hash names a message. */
export interface PostRecord extends Timed {
  readonly op: "post";
  readonly bodies: readonly string[];
  readonly ttlSec: number;
  /** One per body, in order; with `ok` only. */
  readonly ids?: readonly string[];
}

export interface ClaimRecord extends Timed {
  readonly op: "claim";
  readonly limit: number;
  readonly ttlSec: number;
  readonly graceSec: number;
  /** Absent when nothing was claimed. */
  readonly claimId?: string;
  readonly ids?: readonly string[];
  readonly bodies?: readonly string[];
}

export interface RenewRecord extends Timed {
  readonly op: "renew";
  /** It failed because the claim is not alive, says the server; other failures say nothing about the claim. */
  readonly denied?: boolean;
  readonly claimId: string;
  readonly ttlSec: number;
  readonly graceSec: number;
}

export interface ReleaseRecord extends Timed {
  readonly op: "release";
  readonly claimId: string;
}

/** With a claim: of one message. Without: whatever the state of the messages is when `bulk`, else only a message that is free. */
export interface DeleteRecord extends Timed {
  readonly op: "delete";
  readonly ids: readonly string[];
  /** It failed because of who holds the message, says the server. */
  readonly denied?: boolean;
  readonly claimId?: string;
}

/** One page; pages of one `session` follow each other by marker, and `end` is the empty page after the last. Own messages included. */
export interface ListRecord extends Timed {
  readonly op: "list";
  readonly session: string;
  readonly end: boolean;
  readonly includeClaimed: boolean;
  readonly ids: readonly string[];
  readonly bodies: readonly string[];
}

/** Messages by id; what is not there is left out of the answer. */
export interface GetRecord extends Timed {
  readonly op: "get";
  readonly asked: readonly string[];
  readonly ids: readonly string[];
  readonly bodies: readonly string[];
}

export interface StatsRecord extends Timed {
  readonly op: "stats";
  readonly total: number;
  readonly claimed: number;
  readonly free: number;
}

export interface DeleteQueueRecord extends Timed {
  readonly op: "delete-queue";
}

/** From here on no faults, and every message that is left is looked for. */
export interface DrainRecord {
  readonly op: "drain";
  readonly invoke: number;
}

/** What was done to the cluster; for readers of the history, not for the checker. */
export interface FaultRecord {
  readonly op: "fault";
  readonly invoke: number;
  readonly what: string;
  readonly target: string;
}

export type QueueRecord =
  | PostRecord
  | ClaimRecord
  | RenewRecord
  | ReleaseRecord
  | DeleteRecord
  | ListRecord
  | GetRecord
  | StatsRecord
  | DeleteQueueRecord;

export type HistoryRecord = QueueRecord | DrainRecord | FaultRecord;

/** The records of a file, one at a time. A broken last line is what a killed writer leaves and is no record; another one throws. */
export async function* readHistory(file: string): AsyncGenerator<HistoryRecord> {
  const lines = readline.createInterface({ input: fs.createReadStream(file), crlfDelay: Infinity });
  let number = 0;
  let broken: Error | undefined;
  for await (const line of lines) {
    number += 1;
    if (line === "") continue;
    if (broken !== undefined) throw broken;
    try {
      yield JSON.parse(line) as HistoryRecord;
    } catch (error) {
      broken = new Error(`${file}:${number}: not a history record: ${line.slice(0, 80)}`, { cause: error });
    }
  }
}
