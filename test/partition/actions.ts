import fc from "fast-check";

import type { Command, Query } from "../../src/command/index.js";
import type { ClaimId, MessageId } from "../../src/contract/index.js";
import { batchOf } from "./harness.js";

/** What a random run is made of. Ids are drawn as numbers and become real ones when the run gets there. */
export type Action =
  | { readonly kind: "entry"; readonly waitMs: number; readonly commands: readonly CommandDraw[] }
  | { readonly kind: "query"; readonly aheadMs: number; readonly query: QueryDraw }
  | { readonly kind: "checkpoint-slice"; readonly bytesMax: number }
  | { readonly kind: "checkpoint-whole"; readonly abandon: "no" | "unwritten" | "written" }
  | { readonly kind: "restart" };

export interface CommandDraw {
  readonly session: number;
  /** How far below its own sequence the session's low-water mark is. */
  readonly unanswered: number;
  /** Sends an earlier command of the session once more instead. */
  readonly repeat: number | undefined;
  readonly make: (pick: Picker) => Command;
}

export interface QueryDraw {
  readonly make: (pick: Picker) => Query;
}

/** Turns drawn numbers into ids, mostly of what exists. */
export interface Picker {
  message(draw: number): MessageId;
  claim(draw: number): ClaimId;
}

const address = fc.constantFrom(
  { project: "", queue: "a" },
  { project: "", queue: "b" },
  { project: "p", queue: "a" },
  { project: "p\u00e9", queue: "c-long-name" },
);
const draw = fc.nat(1_000);
const seconds = fc.constantFrom(1, 5, 60, 61, 300, 3_600);
const client = fc.constantFrom(1, 2, 3).map((n) => Buffer.alloc(16, n));
const limit = fc.integer({ min: 1, max: 7 });
const batch = fc
  .array(fc.record({ ttlSec: seconds, body: fc.string({ maxLength: 24 }) }), { minLength: 1, maxLength: 12 })
  .map((messages) => {
    const batches = messages.map(({ ttlSec, body }) => batchOf(ttlSec, body));
    return { count: messages.length, bytes: Buffer.concat(batches.map(({ bytes }) => bytes)) };
  });

type Maker = (pick: Picker) => Command;

const made = (weight: number, arbitrary: fc.Arbitrary<Maker>): { weight: number; arbitrary: fc.Arbitrary<Maker> } => ({
  weight,
  arbitrary,
});

const command: fc.Arbitrary<Maker> = fc.oneof(
  made(
    2,
    address.map((on) => () => ({ ...on, op: "create-queue" })),
  ),
  made(
    1,
    fc.tuple(address, fc.nat(3)).map(
      ([on, rare]) =>
        (): Command =>
          rare === 0 ? { ...on, op: "delete-queue" } : { ...on, op: "create-queue" },
    ),
  ),
  made(
    1,
    fc
      .tuple(address, fc.json())
      .map(([on, json]) => () => ({ ...on, op: "set-metadata", metadata: Buffer.from(json) })),
  ),
  made(
    8,
    fc.tuple(address, client, batch).map(([on, clientId, messages]) => () => ({
      ...on,
      op: "post",
      clientId,
      batch: messages,
    })),
  ),
  made(
    5,
    fc.tuple(address, draw, fc.option(draw, { nil: undefined })).map(([on, message, claim]) => (pick) => ({
      ...on,
      op: "delete-message",
      id: pick.message(message),
      claim: claim === undefined ? undefined : pick.claim(claim),
    })),
  ),
  made(
    2,
    fc.tuple(address, fc.array(draw, { maxLength: 12 })).map(([on, ids]) => (pick) => ({
      ...on,
      op: "delete-messages",
      ids: ids.map((id) => pick.message(id)),
    })),
  ),
  made(
    6,
    fc.tuple(address, seconds, fc.constantFrom(0, 1, 60), limit).map(([on, ttlSec, graceSec, most]) => () => ({
      ...on,
      op: "claim",
      ttlSec,
      graceSec,
      limit: most,
    })),
  ),
  made(
    2,
    fc.tuple(address, draw, seconds, fc.constantFrom(0, 60)).map(([on, claim, ttlSec, graceSec]) => (pick) => ({
      ...on,
      op: "renew-claim",
      claim: pick.claim(claim),
      ttlSec,
      graceSec,
    })),
  ),
  made(
    2,
    fc.tuple(address, draw).map(([on, claim]) => (pick) => ({ ...on, op: "release-claim", claim: pick.claim(claim) })),
  ),
);

const commandDraw: fc.Arbitrary<CommandDraw> = fc.record({
  session: fc.nat(2),
  unanswered: fc.nat(6),
  repeat: fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(10) }),
  make: command,
});

const page = fc.record({
  afterSequence: fc.nat(60),
  limit,
  includeClaimed: fc.boolean(),
  withoutClient: fc.option(client, { nil: undefined }),
});

const query: fc.Arbitrary<QueryDraw> = fc
  .oneof(
    address.map((on) => (): Query => ({ ...on, op: "get-queue" })),
    fc
      .tuple(address, fc.constantFrom("", "a", "b"), limit, fc.boolean())
      .map(([on, marker, most, detailed]) => (): Query => ({
        ...on,
        op: "list-queues",
        marker,
        limit: most,
        detailed,
      })),
    address.map((on) => (): Query => ({ ...on, op: "queue-stats" })),
    fc.tuple(address, page).map(([on, options]) => (): Query => ({ ...on, op: "list-messages", ...options })),
    fc.tuple(address, fc.array(draw, { maxLength: 5 })).map(([on, ids]) => (pick: Picker): Query => ({
      ...on,
      op: "get-messages",
      ids: ids.map((id) => pick.message(id)),
    })),
    fc
      .tuple(address, draw)
      .map(([on, claim]) => (pick: Picker): Query => ({ ...on, op: "get-claim", claim: pick.claim(claim) })),
  )
  .map((make) => ({ make }));

const waitMs = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(0, 0, 1, 999, 1_000, 1_001) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 70_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 400_000 }) },
);

export const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        kind: fc.constant("entry" as const),
        waitMs,
        commands: fc.array(commandDraw, { maxLength: 5 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("query" as const),
        aheadMs: fc.constantFrom(-5_000, 0, 500, 60_000),
        query,
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("checkpoint-slice" as const),
        bytesMax: fc.integer({ min: 1, max: 400 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("checkpoint-whole" as const),
        abandon: fc.constantFrom("no" as const, "no" as const, "unwritten" as const, "written" as const),
      }),
    },
    { weight: 2, arbitrary: fc.constant({ kind: "restart" as const }) },
  ),
  { minLength: 1, maxLength: 80, size: "max" },
);
