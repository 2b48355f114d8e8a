import { beforeEach, describe, expect, test } from "@jest/globals";
import { ByteReader, ByteWriter } from "../../../src/base/index.js";
import { isQuery, writeFlag } from "../../../src/command/index.js";
import { MarconiError, RequestStatus } from "../../../src/contract/index.js";
import { Dispatcher } from "../../../src/gateway/router/dispatcher.js";
import { type RouterLimits, routerLimits } from "../../../src/gateway/router/limits.js";
import { MemoryTransport, type SentRequest } from "./memory-transport.js";
import { RecordingLog, seededRng, VirtualTime } from "./support.js";

const timeoutMs = 1_000;
/** Of a delete-queue with one letter for project and queue. */
const commandBytes = 31;
const flag = (value: boolean): Buffer => {
  const out = new ByteWriter();
  writeFlag(out, value);
  return out.copy();
};
const headerOf = ({ bytes }: SentRequest): { session: number; sequence: number; lowWater: number } => {
  const reader = new ByteReader(bytes);
  reader.u8();
  return { session: reader.u64(), sequence: reader.u64(), lowWater: reader.u64() };
};
const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    (value) => `result ${String(value)}`,
    (error: unknown) => (error instanceof MarconiError ? error.code : String(error)),
  );

describe("Dispatcher", () => {
  let time: VirtualTime;
  let transport: MemoryTransport;
  let log: RecordingLog;
  let dispatcher: Dispatcher;
  const node = (id: string) => transport.to(`${id}:1`);
  /** The latest request that a node got. */
  const last = (id: string): SentRequest => {
    const request = node(id).requests.at(-1);
    if (request === undefined) throw new Error(`nothing was sent to ${id}`);
    return request;
  };

  function start(limits: Partial<RouterLimits> = {}): void {
    dispatcher = new Dispatcher({
      addresses: ["a:1", "b:1"],
      clusterId: "",
      gateway: "g",
      transport,
      clock: time,
      timers: time,
      rng: seededRng(),
      limits: { ...routerLimits, ...limits },
      log,
      requestTimeoutMs: timeoutMs,
      newSession: () => 4711,
    });
    dispatcher.start();
  }

  /** Both nodes connected, `a` leads the one partition at term 5. */
  function startLed(limits: Partial<RouterLimits> = {}): void {
    start(limits);
    node("a").hello("a", { updates: [{ partition: 0, term: 5, leader: "a" }] });
    node("b").hello("b");
  }

  const createQueue = (queue = "q") => dispatcher.command({ op: "create-queue", project: "p", queue });
  const deleteQueue = (queue = "q") => codeOf(dispatcher.command({ op: "delete-queue", project: "p", queue }));
  const getQueue = (queue = "q") => codeOf(dispatcher.query({ op: "get-queue", project: "p", queue }));

  beforeEach(() => {
    time = new VirtualTime();
    transport = new MemoryTransport();
    log = new RecordingLog();
  });

  test("numbers commands and names the oldest that is not settled", async () => {
    startLed();
    const calls = [createQueue("a"), createQueue("b")];
    await time.advance(0);
    const [first, second] = node("a").requests;
    if (first === undefined || second === undefined) throw new Error("two requests");
    expect(headerOf(first)).toEqual({ session: 4711, sequence: 1, lowWater: 1 });
    expect(headerOf(second)).toEqual({ session: 4711, sequence: 2, lowWater: 1 });
    node("a").answer(second.correlation, RequestStatus.ok, flag(false));
    await expect(calls[1]).resolves.toEqual({ created: false });
    calls.push(createQueue("c"));
    await time.advance(0);
    expect(headerOf(last("a"))).toMatchObject({ sequence: 3, lowWater: 1 });
    node("a").answer(first.correlation, RequestStatus.ok, flag(true));
    await expect(calls[0]).resolves.toEqual({ created: true });
    void createQueue("d");
    await time.advance(0);
    expect(headerOf(last("a"))).toMatchObject({ sequence: 4, lowWater: 3 });
  });

  test("calls before the first node wait for it", async () => {
    start();
    const call = createQueue();
    await time.advance(500);
    node("a").hello("a", { updates: [{ partition: 0, term: 5, leader: "a" }] });
    await time.advance(0);
    node("a").answer(last("a").correlation, RequestStatus.ok, flag(true));
    await expect(call).resolves.toEqual({ created: true });
  });

  test("without any node, calls of all kinds end in no-leader at their deadline", async () => {
    start();
    const list = { op: "list-queues", project: "p", queue: "", marker: "", limit: 1, detailed: false } as const;
    const calls = [codeOf(createQueue()), getQueue(), codeOf(dispatcher.queryAll(list))];
    await time.advance(timeoutMs + routerLimits.sweepPeriodMs);
    await expect(Promise.all(calls)).resolves.toEqual(["no-leader", "no-leader", "no-leader"]);
    expect(dispatcher.stats().noLeader).toBe(3);
  });

  test("a request without a leader waits for one", async () => {
    start();
    node("a").hello("a");
    const call = deleteQueue();
    await time.advance(900);
    expect(dispatcher.stats()).toMatchObject({ requestsWaiting: 1, requestsInFlight: 0, partitionsWithoutLeader: 1 });
    expect(dispatcher.healthy()).toBe(false);
    node("a").news({ partition: 0, term: 6, leader: "a", serving: false });
    await time.advance(0);
    expect(node("a").requests).toEqual([]);
    node("a").news({ partition: 0, term: 6, leader: "a" });
    await time.advance(0);
    expect(dispatcher.stats()).toMatchObject({ requestsWaiting: 0, requestsInFlight: 1, retries: 0 });
    expect(dispatcher.healthy()).toBe(true);
    node("a").answer(last("a").correlation, RequestStatus.ok, flag(true));
    await expect(call).resolves.toBe("result true");
  });

  test("a leader that others named is asked once its link stands", async () => {
    start();
    node("b").hello("b", { updates: [{ partition: 0, term: 5, leader: "a" }] });
    const call = deleteQueue();
    await time.advance(10);
    node("a").hello("a", { updates: [{ partition: 0, term: 5, leader: "a" }] });
    await time.advance(0);
    node("a").answer(last("a").correlation, RequestStatus.ok, flag(true));
    await expect(call).resolves.toBe("result true");
  });

  describe("at the deadline", () => {
    test("what was never sent is no-leader", async () => {
      start();
      node("a").hello("a");
      const calls = [deleteQueue(), getQueue()];
      await time.advance(timeoutMs + routerLimits.sweepPeriodMs);
      await expect(Promise.all(calls)).resolves.toEqual(["no-leader", "no-leader"]);
      expect(dispatcher.stats()).toMatchObject({ requestsOutstanding: 0, requestsWaiting: 0, outstandingBytes: 0 });
    });

    test("a command without an answer is of unknown outcome, a query is not", async () => {
      startLed();
      const calls = [deleteQueue(), getQueue()];
      await time.advance(timeoutMs + routerLimits.sweepPeriodMs);
      await expect(Promise.all(calls)).resolves.toEqual(["unknown-outcome", "no-leader"]);
      expect(dispatcher.stats()).toMatchObject({ unknownOutcomes: 1, noLeader: 1, requestsInFlight: 0 });
      node("a").answer(1, RequestStatus.ok, flag(true));
      expect(dispatcher.stats().answersLate).toBe(1);
    });

    test("a command that was only ever turned away is no-leader", async () => {
      startLed();
      const call = deleteQueue();
      await time.advance(0);
      node("a").answer(last("a").correlation, RequestStatus.notLeader);
      node("a").news({ partition: 0, term: 6, leader: "", serving: false });
      await time.advance(timeoutMs + routerLimits.sweepPeriodMs);
      await expect(call).resolves.toBe("no-leader");
    });

    test("a command that was turned away after an attempt of unknown outcome stays uncertain", async () => {
      startLed();
      const call = deleteQueue();
      await time.advance(0);
      node("a").fail();
      node("b").news({ partition: 0, term: 6, leader: "b" });
      await time.advance(0);
      node("b").answer(last("b").correlation, RequestStatus.notLeader);
      node("b").news({ partition: 0, term: 7, leader: "", serving: false });
      await time.advance(timeoutMs + routerLimits.sweepPeriodMs);
      await expect(call).resolves.toBe("unknown-outcome");
    });
  });

  describe("retries", () => {
    test("a broken stream: the same bytes to the next leader", async () => {
      startLed();
      const call = deleteQueue();
      await time.advance(0);
      const first = last("a");
      node("a").fail();
      await time.advance(0);
      expect(node("b").requests).toEqual([]);
      node("b").news({ partition: 0, term: 6, leader: "b" });
      await time.advance(0);
      expect(Buffer.from(last("b").bytes)).toEqual(Buffer.from(first.bytes));
      node("b").answer(last("b").correlation, RequestStatus.ok, flag(true));
      await expect(call).resolves.toBe("result true");
      expect(dispatcher.stats()).toMatchObject({ retries: 1, streamsLost: 1, results: 1 });
    });

    test("a lost leadership: the request waits for news, then goes on", async () => {
      startLed();
      const calls = [deleteQueue(), getQueue()];
      await time.advance(0);
      for (const { correlation } of node("a").requests) node("a").answer(correlation, RequestStatus.unknownOutcome);
      node("b").news({ partition: 0, term: 6, leader: "b" });
      await time.advance(0);
      expect(node("b").requests).toHaveLength(2);
      for (const [i, { correlation }] of node("b").requests.entries())
        node("b").answer(correlation, RequestStatus.ok, flag(i === 0));
      await expect(Promise.all(calls)).resolves.toEqual(["result true", "result undefined"]);
    });

    test("does not spin: a node that turns requests away without news is asked with one, after a pause", async () => {
      startLed();
      const calls = Array.from({ length: 10 }, () => deleteQueue());
      await time.advance(0);
      for (const { correlation } of node("a").requests) node("a").answer(correlation, RequestStatus.notLeader);
      await time.advance(routerLimits.bounceRetryDelayMs - 1);
      expect(node("a").requests).toHaveLength(10);
      await time.advance(1);
      expect(node("a").requests).toHaveLength(11);
      node("a").answer(last("a").correlation, RequestStatus.notLeader);
      await time.advance(routerLimits.bounceRetryDelayMs);
      expect(node("a").requests).toHaveLength(12);
      // It leads after all: all others follow.
      node("a").answer(last("a").correlation, RequestStatus.ok, flag(true));
      await time.advance(0);
      expect(node("a").requests).toHaveLength(21);
      for (const { correlation } of node("a").requests.slice(-9))
        node("a").answer(correlation, RequestStatus.ok, flag(true));
      await expect(Promise.all(calls)).resolves.toEqual(new Array(10).fill("result true"));
      expect(dispatcher.stats().bounces).toBe(11);
    });

    test("a request that comes while its leader is in doubt is tried as well", async () => {
      startLed();
      node("b").news({ partition: 0, term: 6, leader: "", serving: false });
      expect(dispatcher.healthy()).toBe(false);
      const call = deleteQueue();
      await time.advance(routerLimits.bounceRetryDelayMs);
      node("a").answer(last("a").correlation, RequestStatus.ok, flag(true));
      await expect(call).resolves.toBe("result true");
      expect(dispatcher.healthy()).toBe(true);
    });

    test("takes back what a frozen former leader holds, on its stream and before it", async () => {
      startLed();
      node("a").takesMore = false;
      const calls = [deleteQueue("sent"), getQueue("sent")];
      await time.advance(0);
      calls.push(deleteQueue("unsent"));
      await time.advance(0);
      expect(node("a").requests).toHaveLength(2);
      node("b").news({ partition: 0, term: 6, leader: "b" });
      await time.advance(routerLimits.strandedAfterMs - 1);
      expect(node("b").requests).toEqual([]);
      await time.advance(routerLimits.sweepPeriodMs);
      expect(node("b").requests).toHaveLength(3);
      // The old one thaws: what it says and sends comes too late.
      node("a").answer(node("a").requests[0]?.correlation ?? 0, RequestStatus.ok, flag(false));
      node("a").drain();
      expect(node("a").requests).toHaveLength(2);
      for (const { correlation, bytes } of node("b").requests)
        node("b").answer(correlation, RequestStatus.ok, flag(!isQuery(bytes)));
      await expect(Promise.all(calls)).resolves.toEqual(["result true", "result undefined", "result true"]);
      expect(dispatcher.stats()).toMatchObject({ requestsOutstanding: 0, answersLate: 1, retries: 2 });
    });

    test("leaves alone what the new leader holds already", async () => {
      startLed();
      node("b").news({ partition: 0, term: 6, leader: "b" });
      const call = deleteQueue();
      await time.advance(routerLimits.strandedAfterMs + routerLimits.sweepPeriodMs);
      expect(node("b").requests).toHaveLength(1);
      node("b").answer(last("b").correlation, RequestStatus.ok, flag(true));
      await expect(call).resolves.toBe("result true");
    });
  });

  describe("refusals", () => {
    const { overloaded, storageFull, malformed, forgotten } = RequestStatus;
    test.each([
      [overloaded, "overloaded"],
      [storageFull, "storage-full"],
      [malformed, "internal"],
      [forgotten, "unknown-outcome"],
      [250, "internal"],
    ])("status %d of a first attempt is %s at once", async (status, code) => {
      startLed();
      const call = deleteQueue();
      await time.advance(0);
      node("a").answer(last("a").correlation, status);
      await expect(call).resolves.toBe(code);
      expect(log.errors).toHaveLength(code === "internal" ? 1 : 0);
    });

    test.each([overloaded, storageFull])(
      "status %d of a later attempt is retried: an earlier one may have been executed",
      async (status) => {
        startLed();
        const call = deleteQueue();
        await time.advance(0);
        node("a").answer(last("a").correlation, RequestStatus.unknownOutcome);
        node("b").news({ partition: 0, term: 6, leader: "b" });
        await time.advance(0);
        node("b").answer(last("b").correlation, status);
        await time.advance(routerLimits.bounceRetryDelayMs);
        expect(node("b").requests).toHaveLength(2);
        node("b").answer(last("b").correlation, RequestStatus.ok, flag(true));
        await expect(call).resolves.toBe("result true");
      },
    );

    test("a result that cannot be read is an internal error", async () => {
      startLed();
      const call = deleteQueue();
      await time.advance(0);
      node("a").answer(last("a").correlation, RequestStatus.ok, Buffer.from("nonsense"));
      await expect(call).resolves.toBe("internal");
      expect(log.errors).toHaveLength(1);
    });
  });

  describe("bounds", () => {
    test.each([
      ["requests", { outstandingRequestsMax: 3 }],
      ["bytes", { outstandingBytesMax: 3 * commandBytes }],
      ["requests of a partition", { partitionRequestsMax: 3 }],
      ["bytes of a partition", { partitionBytesMax: 3 * commandBytes }],
    ])("%s: one more is refused at once, and room is made by answers", async (_name, limits) => {
      startLed(limits);
      const calls = Array.from({ length: 3 }, () => deleteQueue());
      await expect(deleteQueue()).resolves.toBe("overloaded");
      await expect(getQueue()).resolves.toBe("overloaded");
      expect(dispatcher.stats()).toMatchObject({ overloaded: 2, requests: 3 });
      await time.advance(0);
      node("a").answer(last("a").correlation, RequestStatus.ok, flag(true));
      await expect(calls[2]).resolves.toBe("result true");
      calls.push(deleteQueue());
      await time.advance(0);
      expect(headerOf(last("a")).sequence).toBe(4);
    });

    test("a node whose stream takes no more: refused once its outbox is full, waiting ones go on when it drains", async () => {
      startLed({ outboxBytesMax: 60 });
      node("a").takesMore = false;
      const calls = [deleteQueue()];
      await time.advance(0);
      calls.push(deleteQueue(), deleteQueue());
      await expect(deleteQueue()).resolves.toBe("overloaded");
      node("a").drain();
      expect(node("a").requests).toHaveLength(3);
      for (const { correlation } of node("a").requests) node("a").answer(correlation, RequestStatus.ok, flag(true));
      await expect(Promise.all(calls)).resolves.toEqual(new Array(3).fill("result true"));
    });

    test("what waited for a leader whose stream is slow waits on, in order, without loss", async () => {
      start({ outboxBytesMax: 60 });
      node("a").hello("a");
      const calls = Array.from({ length: 20 }, (_, i) => deleteQueue(`q${String(i)}`));
      node("a").takesMore = false;
      node("a").news({ partition: 0, term: 5, leader: "a" });
      for (let round = 0; round < 20; round++) {
        await time.advance(0);
        node("a").drain();
      }
      await time.advance(0);
      expect(node("a").requests.map((request) => headerOf(request).sequence)).toEqual(calls.map((_, i) => i + 1));
      for (const { correlation } of node("a").requests) node("a").answer(correlation, RequestStatus.ok, flag(true));
      await expect(Promise.all(calls)).resolves.toEqual(new Array(20).fill("result true"));
    });
  });

  test("news of a partition that does not exist is reported and ignored", () => {
    startLed();
    node("a").news({ partition: 1, term: 5, leader: "a" });
    expect(log.errors).toHaveLength(1);
    expect(dispatcher.healthy()).toBe(true);
  });

  describe("close", () => {
    test("refuses new calls and lets those under way finish", async () => {
      startLed();
      const call = deleteQueue();
      await time.advance(0);
      let closed = false;
      const closing = dispatcher.close(500).then(() => {
        closed = true;
      });
      await expect(deleteQueue()).resolves.toBe("shutting-down");
      await expect(getQueue()).resolves.toBe("shutting-down");
      await time.advance(100);
      expect(closed).toBe(false);
      node("a").answer(last("a").correlation, RequestStatus.ok, flag(true));
      await expect(call).resolves.toBe("result true");
      await closing;
      expect(transport.connections.every((connection) => connection.closed)).toBe(true);
    });

    test("gives up the rest after the grace, and says what is known of it", async () => {
      startLed();
      const calls = [deleteQueue(), getQueue()];
      await time.advance(0);
      node("b").news({ partition: 0, term: 6, leader: "b", serving: false });
      calls.push(deleteQueue());
      const closing = dispatcher.close(500);
      await time.advance(500);
      await closing;
      await expect(Promise.all(calls)).resolves.toEqual(["unknown-outcome", "shutting-down", "shutting-down"]);
      await time.advance(60_000);
      expect(transport.connections).toHaveLength(2);
    });

    test("ends calls that never met a node", async () => {
      start();
      const call = deleteQueue();
      await dispatcher.close(500);
      await expect(call).resolves.toBe("shutting-down");
    });
  });
});
