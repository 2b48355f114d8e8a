import { beforeEach, describe, expect, test } from "@jest/globals";
import { create } from "@bufbuild/protobuf";
import { RequestStatus } from "../../../src/contract/index.js";
import { routerLimits } from "../../../src/gateway/router/limits.js";
import { type Greeting, type LinkEvents, type LinkGreeter, NodeLink } from "../../../src/gateway/router/node-link.js";
import type { Request } from "../../../src/gateway/router/request.js";
import { type RouterCounters, zeroCounters } from "../../../src/gateway/router/stats.js";
import { GatewayHelloSchema, type LeaderUpdate, type Membership } from "../../../src/gen/marconi/v1/partitions_pb.js";
import { MemoryTransport } from "./memory-transport.js";
import { RecordingLog, requestOf, seededRng, VirtualTime } from "./support.js";

/** Writes down what a link says. */
class Listener implements LinkEvents, LinkGreeter {
  greeting: Greeting = { take: "use" };
  isUrgent = true;
  readonly heard: string[] = [];
  readonly answers: { request: Request; status: number; result: string }[] = [];
  lostRequests: readonly Request[] = [];

  hello() {
    return create(GatewayHelloSchema, { gateway: "g" });
  }

  greet(): Greeting {
    return this.greeting;
  }

  membershipChanged({ version }: Membership): void {
    this.heard.push(`members ${String(version)}`);
  }

  urgent(): boolean {
    return this.isUrgent;
  }

  answered(_link: NodeLink, request: Request, status: number, payload: Uint8Array, start: number, end: number): void {
    this.heard.push("answered");
    this.answers.push({ request, status, result: Buffer.from(payload.subarray(start, end)).toString() });
  }

  leadersChanged(_link: NodeLink, leaders: readonly LeaderUpdate[]): void {
    this.heard.push(`leaders ${leaders.map(({ partition }) => partition).join()}`);
  }

  frameDone(): void {
    this.heard.push("done");
  }

  drained(): void {
    this.heard.push("drained");
  }

  lost(_link: NodeLink, requests: readonly Request[]): void {
    this.heard.push("lost");
    this.lostRequests = requests;
  }
}

describe("NodeLink", () => {
  let time: VirtualTime;
  let transport: MemoryTransport;
  let listener: Listener;
  let log: RecordingLog;
  let counters: RouterCounters;
  let link: NodeLink;
  const wire = () => transport.to("n:1");

  beforeEach(() => {
    time = new VirtualTime();
    transport = new MemoryTransport();
    listener = new Listener();
    log = new RecordingLog();
    counters = zeroCounters();
    link = new NodeLink({
      address: "n:1",
      greeter: listener,
      events: listener,
      transport,
      timers: time,
      rng: seededRng(),
      limits: { ...routerLimits, outboxBytesMax: 20 },
      counters,
      log,
    });
    link.dial();
  });

  test("says hello first, and is ready after the node's", () => {
    expect(wire().frames[0]?.hello?.gateway).toBe("g");
    expect(link.ready).toBe(false);
    wire().hello("a", { updates: [{ partition: 0, term: 1, leader: "a" }] });
    expect(link.ready).toBe(true);
    expect(link.nodeId).toBe("a");
    expect(listener.heard).toEqual(["leaders 0", "done"]);
  });

  test("gathers the requests of a turn into one frame", async () => {
    wire().hello("a");
    for (const i of [1, 2, 3]) link.enqueue(requestOf(i));
    expect(wire().requests).toEqual([]);
    await time.advance(0);
    expect(wire().frames).toHaveLength(2);
    expect(wire().requests.map(({ partition }) => partition)).toEqual([1, 2, 3]);
    expect([counters.framesSent, counters.requestsSent, link.inFlight]).toEqual([1, 3, 3]);
  });

  test("matches answers in any order, and hands over answers before news", async () => {
    wire().hello("a");
    const [first, second] = [requestOf(1), requestOf(2)];
    link.enqueue(first);
    link.enqueue(second);
    await time.advance(0);
    listener.heard.length = 0;
    wire().reply({
      correlations: [2, 1, 99],
      statuses: [RequestStatus.ok, RequestStatus.notLeader, RequestStatus.ok],
      lengths: [2, 0, 1],
      payload: Buffer.from("hi!"),
      leaders: [{ partition: 7, term: 1n, leaderNodeId: "a", serving: true }],
    });
    expect(listener.answers).toEqual([
      { request: second, status: RequestStatus.ok, result: "hi" },
      { request: first, status: RequestStatus.notLeader, result: "" },
    ]);
    expect(listener.heard).toEqual(["answered", "answered", "leaders 7", "done"]);
    expect(counters.answersLate).toBe(1);
  });

  test("an abandoned request's answer is late", async () => {
    wire().hello("a");
    const request = requestOf(1);
    link.enqueue(request);
    await time.advance(0);
    link.abandon(request);
    wire().answer(1, RequestStatus.ok);
    expect(listener.answers).toEqual([]);
    expect(counters.answersLate).toBe(1);
  });

  test("holds requests back while the stream takes no more, and is full at the bound", async () => {
    wire().hello("a");
    wire().takesMore = false;
    link.enqueue(requestOf(1, 0, Buffer.alloc(30)));
    await time.advance(0);
    link.enqueue(requestOf(2, 0, Buffer.alloc(10)));
    await time.advance(10);
    expect(wire().requests).toHaveLength(1);
    expect(link.full).toBe(false);
    link.enqueue(requestOf(3, 0, Buffer.alloc(10)));
    expect(link.full).toBe(true);
    wire().drain();
    expect(wire().requests.map(({ partition }) => partition)).toEqual([1, 2, 3]);
    expect(wire().frames).toHaveLength(3);
    expect(link.full).toBe(false);
    expect(listener.heard).toContain("drained");
  });

  test("hands back what a broken stream held: sent commands are uncertain, unsent ones and queries are not", async () => {
    wire().hello("a");
    const [command, query, unsent] = [requestOf(1, 1), requestOf(1, 0), requestOf(1, 2)];
    link.enqueue(command);
    link.enqueue(query);
    await time.advance(0);
    link.enqueue(unsent);
    wire().fail();
    expect(listener.lostRequests).toEqual([command, query, unsent]);
    expect(listener.lostRequests.map(({ uncertain }) => uncertain)).toEqual([true, false, false]);
    expect(listener.lostRequests.every(({ link: holder, inFlight }) => holder === undefined && !inFlight)).toBe(true);
    expect(link.ready).toBe(false);
    expect(counters.streamsLost).toBe(1);
  });

  test("dials a lost node at once, then ever more slowly, and within 500 ms of its return", async () => {
    wire().hello("a");
    wire().fail();
    expect(transport.dials("n:1")).toBe(1);
    await time.advance(20);
    expect(transport.dials("n:1")).toBe(2);
    for (let i = 0; i < 20; i++) {
      wire().fail("connection refused");
      await time.advance(i < 3 ? 160 : 400);
      expect(transport.dials("n:1")).toBe(3 + i);
    }
    expect(listener.heard.filter((event) => event === "lost")).toHaveLength(1);
    wire().hello("a");
    expect(link.ready).toBe(true);
  });

  test("gives up a connection without hello", async () => {
    await time.advance(routerLimits.helloTimeoutMs);
    expect(transport.connections[0]?.closed).toBe(true);
    await time.advance(20);
    expect(transport.dials("n:1")).toBe(2);
    expect(listener.heard).toEqual([]);
  });

  test("survives an address that cannot be dialled", async () => {
    wire().hello("a");
    let thrown = 0;
    transport.connect = () => {
      thrown += 1;
      throw new Error("no such name");
    };
    wire().fail();
    await time.advance(1_000);
    expect(thrown).toBeGreaterThan(2);
    expect(link.ready).toBe(false);
  });

  test("a refused node is not used; that is said once and tried again at leisure", async () => {
    listener.greeting = { take: "refuse", reason: "another cluster" };
    wire().hello("a");
    expect(link.ready).toBe(false);
    expect(wire().closed).toBe(true);
    await time.advance(routerLimits.refusedRedialDelayMs - 1);
    expect(transport.dials("n:1")).toBe(1);
    await time.advance(1);
    wire().hello("a");
    expect(log.errors).toEqual([
      { fields: { address: "n:1", reason: "another cluster" }, message: "storage node refused; it is not used" },
    ]);
  });

  test("a first frame without hello is refused", () => {
    wire().news({ partition: 0, term: 1, leader: "a" });
    expect(link.ready).toBe(false);
    expect(listener.heard).toEqual([]);
    expect(log.errors).toHaveLength(1);
  });

  test("rests when told so, until it is dialled", async () => {
    listener.greeting = { take: "rest" };
    wire().hello("a");
    expect([link.ready, link.nodeId, wire().closed]).toEqual([false, "a", true]);
    await time.advance(60_000);
    expect(transport.dials("n:1")).toBe(1);
    listener.greeting = { take: "use" };
    link.dial();
    wire().hello("a");
    expect(link.ready).toBe(true);
  });

  test("passes on what a node says of the membership, after answers and leaders", async () => {
    wire().hello("a");
    link.enqueue(requestOf(1));
    await time.advance(0);
    listener.heard.length = 0;
    wire().reply({
      membership: { version: 7n, members: [] },
      leaders: [{ partition: 3, term: 1n, leaderNodeId: "a", serving: true }],
      correlations: [1],
      statuses: [RequestStatus.ok],
      lengths: [0],
    });
    expect(listener.heard).toEqual(["answered", "leaders 3", "members 7", "done"]);
  });

  describe("that is not missed", () => {
    beforeEach(() => {
      listener.isUrgent = false;
    });

    test("is dialled at leisure, until it is missed", async () => {
      wire().fail("connection refused");
      await time.advance(routerLimits.spareRedialDelayMs - 1);
      expect(transport.dials("n:1")).toBe(1);
      await time.advance(1);
      expect(transport.dials("n:1")).toBe(2);
      wire().fail("connection refused");
      listener.isUrgent = true;
      link.hasten();
      await time.advance(20);
      expect(transport.dials("n:1")).toBe(3);
      link.hasten();
      await time.advance(routerLimits.helloTimeoutMs - 1);
      expect(transport.dials("n:1")).toBe(3);
    });

    test("may be of no use now: that is said once, and it is asked again at leisure", async () => {
      listener.greeting = { take: "later" };
      wire().hello("a");
      expect([link.ready, link.nodeId, wire().closed]).toEqual([false, "a", true]);
      await time.advance(routerLimits.spareRedialDelayMs);
      wire().hello("a");
      expect(log.warnings.map(({ message }) => message)).toEqual(["storage node is not used"]);
      await time.advance(routerLimits.spareRedialDelayMs);
      expect(transport.dials("n:1")).toBe(3);
    });
  });

  describe("that retires", () => {
    test("goes at once when nothing is on it, and is not dialled again", async () => {
      wire().hello("a");
      link.retire();
      expect([link.ready, link.retiring]).toEqual([true, true]);
      await time.advance(0);
      expect([link.ready, link.retiring, wire().closed]).toEqual([false, false, true]);
      expect(listener.heard).toContain("lost");
      expect(counters.streamsLost).toBe(0);
      await time.advance(60_000);
      expect(transport.dials("n:1")).toBe(1);
      link.hasten();
      expect(transport.dials("n:1")).toBe(2);
    });

    test("waits for the answers to what is on it", async () => {
      wire().hello("a");
      link.enqueue(requestOf(1, 1));
      await time.advance(0);
      link.retire();
      link.enqueue(requestOf(2, 2));
      await time.advance(10);
      wire().answer(1, RequestStatus.ok);
      expect(link.ready).toBe(true);
      wire().answer(2, RequestStatus.ok);
      expect(link.ready).toBe(false);
      expect(listener.answers).toHaveLength(2);
      expect(listener.lostRequests).toEqual([]);
    });

    test("does not wait for ever", async () => {
      wire().hello("a");
      const request = requestOf(1, 1);
      link.enqueue(request);
      await time.advance(0);
      link.retire();
      await time.advance(routerLimits.retireMsMax - 1);
      expect(link.ready).toBe(true);
      await time.advance(1);
      expect(link.ready).toBe(false);
      expect(listener.lostRequests).toEqual([request]);
      expect(request.uncertain).toBe(true);
    });

    test("may be kept after all", async () => {
      wire().hello("a");
      link.retire();
      link.keep();
      await time.advance(routerLimits.retireMsMax);
      expect([link.ready, link.retiring]).toEqual([true, false]);
      link.retire();
      await time.advance(0);
      expect(link.ready).toBe(false);
    });
  });

  test.each([
    ["statuses are missing", { correlations: [1], statuses: [], lengths: [0] }],
    ["lengths are missing", { correlations: [1], statuses: [1], lengths: [] }],
    ["the payload is too short", { correlations: [1], statuses: [1], lengths: [5], payload: Buffer.alloc(4) }],
    ["the payload is too long", { correlations: [1], statuses: [1], lengths: [5], payload: Buffer.alloc(6) }],
  ])("gives up a stream whose frame is malformed: %s", async (_name, frame) => {
    wire().hello("a");
    link.enqueue(requestOf(1, 1));
    await time.advance(0);
    wire().reply(frame);
    expect(listener.answers).toEqual([]);
    expect(listener.lostRequests).toHaveLength(1);
    expect(wire().closed).toBe(true);
    expect(log.errors).toHaveLength(1);
  });

  test("hears nothing of a connection that it has given up, nor after close", async () => {
    const former = wire();
    former.hello("a");
    former.fail();
    listener.heard.length = 0;
    former.hello("b");
    former.fail();
    expect(listener.heard).toEqual([]);
    await time.advance(20);
    link.close();
    wire().hello("a");
    wire().fail();
    await time.advance(10_000);
    expect(listener.heard).toEqual([]);
    expect(transport.dials("n:1")).toBe(2);
  });
});
