import { assert } from "../base/index.js";
import type { Command, Operation, Query } from "./types.js";

/** The first byte of a command or query. Numbers are never reused: old log entries hold them. */
export const opCodes = {
  "create-queue": 1,
  "delete-queue": 2,
  "set-metadata": 3,
  post: 4,
  "delete-message": 5,
  "delete-messages": 6,
  claim: 7,
  "renew-claim": 8,
  "release-claim": 9,
  "get-queue": 128,
  "list-queues": 129,
  "queue-stats": 130,
  "list-messages": 131,
  "get-messages": 132,
  "get-claim": 133,
} as const satisfies Record<Operation, number>;

/** Codes from here on are queries: answered outside the log. */
const FIRST_QUERY_CODE = 128;

const queryOps = new Map<number, Query["op"]>();
const commandOps = new Map<number, Command["op"]>();
for (const [op, code] of Object.entries(opCodes)) {
  if (code >= FIRST_QUERY_CODE) queryOps.set(code, op as Query["op"]);
  else commandOps.set(code, op as Command["op"]);
}

/** Tells a query from a command by its first byte. False for nothing at all. */
export function isQuery(bytes: Uint8Array): boolean {
  const code = bytes[0];
  return code !== undefined && code >= FIRST_QUERY_CODE;
}

/** Undefined for a code that is not a query's. */
export function queryOperation(code: number): Query["op"] | undefined {
  return queryOps.get(code);
}

/** Undefined for a code that is not a command's. */
export function commandOperation(code: number): Command["op"] | undefined {
  return commandOps.get(code);
}

/** The operation of an encoded command or query that was validated before. */
export function operationOf(bytes: Uint8Array): Operation {
  const code = bytes[0] ?? 0;
  const op = commandOps.get(code) ?? queryOps.get(code);
  assert(op !== undefined, `unknown operation ${String(code)}`);
  return op;
}
