import { beforeEach, describe, expect, test } from "@jest/globals";

import { AssertionError, DecodeError } from "../../src/base/index.js";
import { EntryBuilder } from "../../src/command/index.js";
import type { ClaimId, MessageId, StoredMessage } from "../../src/contract/index.js";
import { checkInvariants, QueueMachine } from "../../src/partition/index.js";
import { batchOf, Driver } from "./harness.js";

const on = { project: "p", queue: "q" };
const clientId = Buffer.alloc(16, 1);

let machine: QueueMachine;
let driver: Driver;

beforeEach(() => {
  machine = new QueueMachine();
  driver = new Driver(machine);
  driver.do({ ...on, op: "create-queue" });
});

function post(ttlSec: number, ...bodies: string[]): MessageId[] {
  const posted = driver.do({ ...on, op: "post", clientId, batch: batchOf(ttlSec, ...bodies) });
  if (posted === undefined) throw new Error("no such queue");
  return bodies.map((_, i) => ({ incarnation: posted.incarnation, sequence: posted.firstSequence + i }));
}

function claim(limit: number, ttlSec = 300, graceSec = 60): ClaimId {
  const made = driver.do({ ...on, op: "claim", ttlSec, graceSec, limit });
  if (made === undefined) throw new Error("nothing to claim");
  return made.id;
}

const claimed = (limit: number, ttlSec = 300, graceSec = 60): string[] =>
  bodiesOf(driver.do({ ...on, op: "claim", ttlSec, graceSec, limit })?.messages);

function bodiesOf(messages: readonly StoredMessage[] | undefined): string[] {
  return (messages ?? []).map(({ body }) => Buffer.from(body).toString());
}

function list(includeClaimed = false): string[] {
  const options = { afterSequence: 0, limit: 20, includeClaimed, withoutClient: undefined };
  return bodiesOf(driver.ask({ ...on, op: "list-messages", ...options }).messages);
}

const get = (id: MessageId): StoredMessage | undefined => driver.ask({ ...on, op: "get-messages", ids: [id] })[0];

describe("the life of a message", () => {
  test("it reads as it was posted, grows older, and ends at its ttl", () => {
    const [id] = post(60, '{"a": 1}') as [MessageId];
    driver.nowMs += 59_999;
    expect(get(id)).toEqual({ id, ttlSec: 60, ageSec: 59, claim: undefined, body: Buffer.from('{"a": 1}') });
    driver.nowMs += 1;
    expect(get(id)).toBeUndefined();
    expect(list()).toEqual([]);
    // Only the log removes it.
    expect(machine.stats()).toMatchObject({ messages: 1, expired: 0 });
    driver.tick(0);
    expect(machine.stats()).toMatchObject({ messages: 0, bodyBytes: 0, expired: 1 });
  });

  test("ids of another incarnation or another queue mean nothing here", () => {
    const [id] = post(60, "1") as [MessageId];
    driver.do({ ...on, op: "create-queue", queue: "other" });
    driver.do({ ...on, op: "post", queue: "other", clientId, batch: batchOf(60, "2") });
    driver.do({ ...on, op: "delete-message", queue: "other", id, claim: undefined });
    expect(driver.ask({ ...on, op: "get-messages", queue: "other", ids: [id] })).toEqual([]);
    expect(list()).toEqual(["1"]);
    driver.do({ ...on, op: "delete-queue" });
    driver.do({ ...on, op: "create-queue" });
    post(60, "3");
    expect(get(id)).toBeUndefined();
    driver.do({ ...on, op: "delete-messages", ids: [id] });
    expect(list()).toEqual(["3"]);
  });

  test("sequences go on after all messages are gone", () => {
    const [first] = post(60, "1") as [MessageId];
    driver.do({ ...on, op: "delete-message", id: first, claim: undefined });
    expect(post(60, "2")).toEqual([{ ...first, sequence: 2 }]);
  });

  test("nothing can be posted to a missing queue", () => {
    const missing = { ...on, queue: "missing" };
    expect(driver.do({ ...missing, op: "post", clientId, batch: batchOf(60, "1") })).toBeUndefined();
    expect(driver.do({ ...missing, op: "claim", ttlSec: 60, graceSec: 60, limit: 1 })).toBeUndefined();
    expect(driver.do({ ...missing, op: "set-metadata", metadata: Buffer.from("{}") })).toBe(false);
    expect(driver.do({ ...missing, op: "delete-queue" })).toBe(true);
    expect(driver.ask({ ...missing, op: "get-queue" })).toBeUndefined();
    expect(driver.ask({ ...missing, op: "queue-stats" })).toBeUndefined();
    const options = { afterSequence: 3, limit: 5, includeClaimed: true, withoutClient: undefined };
    expect(driver.ask({ ...missing, op: "list-messages", ...options })).toEqual({
      messages: [],
      nextMarker: undefined,
    });
  });
});

describe("claims", () => {
  test("take the oldest that are free, hide them, and give them back in their old position", () => {
    post(600, "1", "2", "3", "4", "5");
    const first = claim(2);
    expect(claimed(2)).toEqual(["3", "4"]);
    expect(list()).toEqual(["5"]);
    expect(list(true)).toEqual(["1", "2", "3", "4", "5"]);
    driver.do({ ...on, op: "release-claim", claim: first });
    expect(list()).toEqual(["1", "2", "5"]);
    expect(claimed(9)).toEqual(["1", "2", "5"]);
    expect(claimed(9)).toEqual([]);
  });

  test("end by themselves at their ttl", () => {
    post(6_000, "1", "2");
    const id = claim(1, 60);
    driver.tick(59_999);
    expect(driver.ask({ ...on, op: "get-claim", claim: id })?.ageSec).toBe(59);
    driver.nowMs += 1;
    expect(driver.ask({ ...on, op: "get-claim", claim: id })).toBeUndefined();
    expect(list()).toEqual(["1", "2"]);
    expect(driver.do({ ...on, op: "renew-claim", claim: id, ttlSec: 60, graceSec: 0 })).toBe(false);
    expect(claimed(2)).toEqual(["1", "2"]);
  });

  test("can be renewed, which makes them young again", () => {
    post(6_000, "1");
    const id = claim(1, 60);
    driver.tick(50_000);
    expect(driver.do({ ...on, op: "renew-claim", claim: id, ttlSec: 100, graceSec: 0 })).toBe(true);
    driver.tick(99_000);
    expect(driver.ask({ ...on, op: "get-claim", claim: id })).toMatchObject({ ttlSec: 100, ageSec: 99 });
    driver.tick(1_000);
    expect(machine.stats().claims).toBe(0);
  });

  test("vanish with their last message", () => {
    const ids = post(600, "1", "2");
    const id = claim(2);
    driver.do({ ...on, op: "delete-message", id: ids[0] as MessageId, claim: id });
    expect(bodiesOf(driver.ask({ ...on, op: "get-claim", claim: id })?.messages)).toEqual(["2"]);
    driver.do({ ...on, op: "delete-messages", ids });
    expect(driver.ask({ ...on, op: "get-claim", claim: id })).toBeUndefined();
    expect(machine.stats()).toMatchObject({ claims: 0, claimedMessages: 0, messages: 0 });
  });

  test("of one entry are told apart, and belong to their queue only", () => {
    post(600, "1", "2");
    const id = claim(1);
    driver.do({ ...on, op: "create-queue", queue: "other" });
    expect(driver.ask({ ...on, op: "get-claim", queue: "other", claim: id })).toBeUndefined();
    expect(driver.do({ ...on, op: "renew-claim", queue: "other", claim: id, ttlSec: 60, graceSec: 0 })).toBe(false);
    driver.do({ ...on, op: "release-claim", queue: "other", claim: id });
    expect(list()).toEqual(["2"]);
    expect(driver.ask({ ...on, op: "get-claim", claim: { ...id, ordinal: 1 } })).toBeUndefined();
  });
});

describe("grace", () => {
  test("a message that would expire under its claim lives until the claim's end and grace more", () => {
    const [short, long] = post(60, "short").concat(post(600, "long"));
    const id = claim(2, 300, 60);
    const ttls = driver.ask({ ...on, op: "get-claim", claim: id })?.messages.map(({ ttlSec }) => ttlSec);
    expect(ttls).toEqual([360, 600]);
    driver.tick(62_000);
    expect(get(short as MessageId)).toMatchObject({ ttlSec: 360, ageSec: 62 });
    driver.tick(298_000 - 1);
    expect(list()).toEqual(["short", "long"]);
    driver.tick(1);
    expect(list()).toEqual(["long"]);
    expect(get(long as MessageId)?.ttlSec).toBe(600);
  });

  test("a message that expires with the claim or after it is left alone", () => {
    const ids = post(300, "same").concat(post(301, "later"));
    claim(2, 300, 60);
    expect(ids.map((id) => get(id)?.ttlSec)).toEqual([300, 301]);
    driver.tick(300_000);
    expect(list()).toEqual(["later"]);
  });

  test("renewal applies it again, and release does not take it back", () => {
    const [id] = post(60, "1") as [MessageId];
    const held = claim(1, 100, 60);
    driver.tick(90_000);
    driver.do({ ...on, op: "renew-claim", claim: held, ttlSec: 200, graceSec: 0 });
    expect(get(id)?.ttlSec).toBe(200);
    driver.do({ ...on, op: "release-claim", claim: held });
    expect(get(id)).toMatchObject({ ttlSec: 200, claim: undefined });
    driver.tick(200_000 - 1);
    expect(list()).toEqual(["1"]);
    driver.tick(1);
    expect(list()).toEqual([]);
    expect(machine.nextDeadlineMs).toBe(Infinity);
  });
});

test("lives of decades are no problem", () => {
  const most = 2 ** 31 - 1;
  const [id] = post(most, "1") as [MessageId];
  const held = claim(1, most, most);
  driver.tick(1_000);
  driver.do({ ...on, op: "renew-claim", claim: held, ttlSec: most, graceSec: most });
  expect(get(id)?.ttlSec).toBe(2 * most);
  driver.tick(most * 1_000);
  expect(get(id)).toMatchObject({ ageSec: most + 1, claim: undefined });
  driver.tick(most * 1_000);
  expect(list()).toEqual([]);
});

describe("deleting one message", () => {
  const gone: ClaimId = { index: 999, ordinal: 0 };

  test("a free one: without a claim, not with a live one, not with a dead one", () => {
    const [held, free] = post(600, "held", "free") as [MessageId, MessageId];
    const live = claim(1);
    const remove = (id: MessageId, named: ClaimId | undefined): string =>
      driver.do({ ...on, op: "delete-message", id, claim: named });
    expect(remove(free, live)).toBe("not-claimed");
    expect(remove(free, gone)).toBe("claim-gone");
    expect(list()).toEqual(["free"]);
    expect(remove(free, undefined)).toBe("deleted");
    expect(list(true)).toEqual(["held"]);
    for (const named of [undefined, live, gone]) expect(remove(free, named)).toBe("deleted");
    expect(remove({ ...held, incarnation: 77 }, gone)).toBe("deleted");
  });

  test("a claimed one: only with its claim", () => {
    const [first] = post(600, "1", "2") as [MessageId];
    const right = claim(1);
    const other = claim(1);
    const remove = (named: ClaimId | undefined): string =>
      driver.do({ ...on, op: "delete-message", id: first, claim: named });
    expect(remove(undefined)).toBe("claimed");
    expect(remove(other)).toBe("claimed");
    expect(remove(gone)).toBe("claim-gone");
    expect(remove(right)).toBe("deleted");
    expect(remove(right)).toBe("deleted");
  });

  test("one whose claim expired: without a claim only", () => {
    const [id] = post(6_000, "1") as [MessageId];
    const expired = claim(1, 60);
    driver.nowMs += 60_000;
    expect(driver.do({ ...on, op: "delete-message", id, claim: expired })).toBe("claim-gone");
    expect(driver.do({ ...on, op: "delete-message", id, claim: undefined })).toBe("deleted");
  });
});

describe("repeated commands", () => {
  const header = { session: 4, sequence: 1, lowWater: 1 };

  test("a post happens once and answers the same", () => {
    const command = { ...on, op: "post", clientId, batch: batchOf(60, "1", "2") } as const;
    const first = driver.send(header, command);
    expect(first).toEqual({ incarnation: 1, firstSequence: 1, count: 2 });
    expect(driver.send(header, command)).toEqual(first);
    expect(machine.stats()).toMatchObject({ messages: 2, posted: 2, duplicatesAnswered: 1 });
  });

  test("a claim answers the same messages while it lives, without what is gone, and nothing afterwards", () => {
    const [first] = post(600, "1", "2") as [MessageId];
    const command = { ...on, op: "claim", ttlSec: 100, graceSec: 60, limit: 5 } as const;
    const made = driver.send(header, command);
    expect(bodiesOf(made?.messages)).toEqual(["1", "2"]);
    expect(driver.send(header, command)).toEqual(made);
    driver.do({ ...on, op: "delete-message", id: first, claim: made?.id });
    expect(bodiesOf(driver.send(header, command)?.messages)).toEqual(["2"]);
    driver.tick(100_000);
    expect(driver.send(header, command)).toBeUndefined();
    expect(machine.stats().claims).toBe(0);
  });

  test("every other answer is the first one, whatever became of the state", () => {
    const queue = "made";
    expect(driver.send(header, { ...on, queue, op: "create-queue" })).toEqual({ created: true });
    expect(driver.send(header, { ...on, queue, op: "create-queue" })).toEqual({ created: true });
    const missing = { ...header, sequence: 2 };
    expect(driver.send(missing, { ...on, queue: "missing", op: "set-metadata", metadata: Buffer.of() })).toBe(false);
    const removal = { ...header, sequence: 3 };
    const id = { incarnation: 1, sequence: 1 };
    post(60, "1");
    claim(1);
    expect(driver.send(removal, { ...on, op: "delete-message", id, claim: undefined })).toBe("claimed");
    driver.do({ ...on, op: "delete-messages", ids: [id] });
    expect(driver.send(removal, { ...on, op: "delete-message", id, claim: undefined })).toBe("claimed");
  });

  test("what is below the low-water mark is neither done nor answered", () => {
    const command = { ...on, op: "post", clientId, batch: batchOf(60, "1") } as const;
    driver.send({ session: 4, sequence: 5, lowWater: 4 }, command);
    expect(driver.send({ session: 4, sequence: 3, lowWater: 1 }, command)).toBeUndefined();
    expect(machine.stats()).toMatchObject({ posted: 1, duplicatesAnswered: 0 });
    expect(driver.send({ session: 4, sequence: 4, lowWater: 1 }, command)?.firstSequence).toBe(2);
  });

  test("a session is forgotten when it was idle for ten minutes of log time", () => {
    const command = { ...on, op: "post", clientId, batch: batchOf(6_000, "1") } as const;
    driver.send(header, command);
    driver.nowMs += 599_999;
    driver.send(header, command);
    expect(machine.stats().posted).toBe(1);
    driver.tick(600_000);
    expect(machine.stats().sessions).toBe(0);
    driver.send(header, command);
    expect(machine.stats().posted).toBe(2);
  });

  test("beyond the bound of sessions the least recently used one makes room", () => {
    machine = new QueueMachine({ sessionsMax: 3 });
    driver = new Driver(machine);
    for (const session of [11, 12, 13, 11, 14]) {
      driver.nowMs++;
      driver.send({ session, sequence: session === 11 ? driver.nowMs : 1, lowWater: 1 }, { ...on, op: "create-queue" });
    }
    expect(machine.state.sessions.all().map(({ id }) => id)).toEqual([11, 13, 14]);
    checkInvariants(machine);
  });

  test("beyond the bound of results the oldest is forgotten, and a repeat of it ignored", () => {
    machine = new QueueMachine({ resultsPerSessionMax: 32 });
    driver = new Driver(machine);
    const create = { ...on, op: "create-queue" } as const;
    for (let sequence = 1; sequence <= 33; sequence++) driver.send({ ...header, sequence }, create);
    expect(driver.send({ ...header, sequence: 1 }, create)).toBeUndefined();
    expect(driver.send({ ...header, sequence: 2 }, create)).toEqual({ created: false });
    expect(machine.stats().duplicatesAnswered).toBe(1);
  });
});

describe("queues", () => {
  test("are made once, carry metadata, and go with everything in them", () => {
    expect(driver.do({ ...on, op: "create-queue" })).toEqual({ created: false });
    expect(driver.ask({ ...on, op: "get-queue" })).toEqual(Buffer.from("{}"));
    expect(driver.do({ ...on, op: "set-metadata", metadata: Buffer.from('{"a":1}') })).toBe(true);
    expect(driver.ask({ ...on, op: "get-queue" })).toEqual(Buffer.from('{"a":1}'));
    post(600, "1", "2", "3");
    const id = claim(2);
    driver.do({ ...on, op: "delete-queue" });
    expect(machine.stats()).toMatchObject({ queues: 0, messages: 0, claims: 0, claimedMessages: 0, bodyBytes: 0 });
    expect(machine.nextDeadlineMs).toBe(Infinity);
    driver.do({ ...on, op: "create-queue" });
    expect(driver.ask({ ...on, op: "get-claim", claim: id })).toBeUndefined();
    expect(driver.ask({ ...on, op: "get-queue" })).toEqual(Buffer.from("{}"));
    expect(post(60, "4")).toEqual([{ incarnation: 2, sequence: 1 }]);
    checkInvariants(machine);
  });

  test("are listed per project, in byte order, after a marker", () => {
    for (const queue of ["b", "B", "a", "a.b", "_", "z"]) driver.do({ project: "p", queue, op: "create-queue" });
    driver.do({ project: "", queue: "elsewhere", op: "create-queue" });
    const page = (marker: string, limit: number): string[] =>
      driver.ask({ ...on, op: "list-queues", marker, limit, detailed: false }).map(({ name }) => name);
    expect(page("", 20)).toEqual(["B", "_", "a", "a.b", "b", "q", "z"]);
    expect(page("a", 2)).toEqual(["a.b", "b"]);
    expect(page("aa", 20)).toEqual(["b", "q", "z"]);
    expect(page("z", 20)).toEqual([]);
  });
});

describe("the log", () => {
  test("time never falls, whatever the entries say", () => {
    const [id] = post(60, "1") as [MessageId];
    driver.tick(50_000);
    const before = machine.timeMs;
    driver.tick(-40_000);
    expect(machine.timeMs).toBe(before);
    expect(get(id)?.ageSec).toBe(50);
  });

  test("entries come in order; entries without commands only count", () => {
    const index = machine.appliedIndex;
    machine.skip(index + 1);
    expect(machine.appliedIndex).toBe(index + 1);
    expect(() => {
      machine.skip(index + 1);
    }).toThrow(AssertionError);
    expect(() => {
      machine.apply(index + 3, Buffer.alloc(13), undefined);
    }).toThrow(AssertionError);
  });

  test.each([
    ["no entry", Buffer.alloc(0)],
    ["an entry of another version", Buffer.alloc(13, 9)],
    ["an unknown command", entryOf(Buffer.concat([Buffer.of(99), Buffer.alloc(24, 1), Buffer.alloc(4)]))],
    ["a command that is cut", entryOf(Buffer.of(1, 2, 3))],
  ])("stops at %s", (_name, data) => {
    expect(() => {
      machine.apply(machine.appliedIndex + 1, data, undefined);
    }).toThrow(AssertionError);
  });

  test("a malformed query is refused and changes nothing", () => {
    const before = machine.stateHash();
    expect(() => {
      machine.query(Buffer.of(131, 0), 0, undefined as never);
    }).toThrow(DecodeError);
    expect(machine.stateHash()).toBe(before);
  });
});

function entryOf(command: Buffer): Buffer {
  const builder = new EntryBuilder();
  builder.begin(1);
  builder.add(command);
  return builder.finish();
}
