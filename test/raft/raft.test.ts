import { describe, expect, it } from "@jest/globals";
import { Xoshiro128 } from "../../src/base/index.js";
import { defaultRaftOptions, RaftCore, type Ready, type RestoredState } from "../../src/raft/index.js";
import { bootstrap, Cluster, voters } from "./harness.js";
import { entriesOfTerms, entry, Solo } from "./solo.js";

const fresh = (state: Partial<RestoredState> = {}): RaftCore =>
  new RaftCore(
    { ...defaultRaftOptions, id: 1, rng: new Xoshiro128(1) },
    {
      hard: { term: 0, vote: 0, commit: 0 },
      snapshot: bootstrap(voters(1, 2, 3)),
      termRuns: [],
      lastIndex: 0,
      configurations: [],
      ...state,
    },
  );

describe("coming back from disk", () => {
  it("has nothing to do at first, and knows what it knew", () => {
    const solo = new Solo({ hard: { term: 4, vote: 2, commit: 2 }, entries: entriesOfTerms(1, 1, 4) });
    expect(solo.status).toMatchObject({
      role: "follower",
      term: 4,
      vote: 2,
      leader: 0,
      commit: 2,
      lastIndex: 3,
      durable: 3,
    });
    expect(fresh().hasReady()).toBe(false);
    expect(fresh().ready()).toBeUndefined();
  });

  it("applies at once what it knows to be committed", () => {
    const core = fresh({ hard: { term: 4, vote: 2, commit: 2 }, termRuns: [{ from: 1, term: 1 }], lastIndex: 3 });
    expect(core.ready()).toMatchObject({ commitTo: 2, persist: undefined, leadership: undefined });
  });

  it("trusts the checkpoint more than the commit index on disk, which rides along late", () => {
    const core = fresh({ hard: { term: 4, vote: 2, commit: 1 }, termRuns: [{ from: 1, term: 1 }], lastIndex: 9 });
    core.applied(5);
    expect(core.status()).toMatchObject({ commit: 5, applied: 5 });
    expect(core.ready()).toBeUndefined();
  });

  it("lets nobody apply uncommitted entries afterwards", () => {
    const core = fresh({ hard: { term: 4, vote: 2, commit: 1 }, termRuns: [{ from: 1, term: 1 }], lastIndex: 9 });
    core.tick();
    expect(() => core.applied(5)).toThrow("committed");
  });

  it("has lost the tail that the commit index spoke of, if a crash cut it off", () => {
    const core = fresh({ hard: { term: 4, vote: 2, commit: 7 }, termRuns: [{ from: 1, term: 1 }], lastIndex: 3 });
    expect(core.status().commit).toBe(3);
  });

  it("refuses a log that is ahead of its term", () => {
    const state = { hard: { term: 4, vote: 0, commit: 0 }, termRuns: [{ from: 1, term: 5 }], lastIndex: 1 };
    expect(() => fresh(state)).toThrow("term");
  });
});

describe("orders to the disk", () => {
  it("have ascending numbers, must be synced, and carry term and vote when those changed", () => {
    const solo = new Solo();
    const orders: NonNullable<Ready["persist"]>[] = [];
    const take = (): void => {
      const persist = solo.core.ready()?.persist;
      if (persist !== undefined) orders.push(persist);
    };
    solo.core.step({
      type: "append-request",
      from: 2,
      to: 1,
      term: 3,
      prevIndex: 0,
      prevTerm: 0,
      commit: 0,
      entries: [entry(1, 3)],
    });
    take();
    solo.core.step({
      type: "append-request",
      from: 2,
      to: 1,
      term: 3,
      prevIndex: 1,
      prevTerm: 3,
      commit: 1,
      entries: [entry(2, 3)],
    });
    take();
    solo.core.step({
      type: "append-request",
      from: 2,
      to: 1,
      term: 3,
      prevIndex: 2,
      prevTerm: 3,
      commit: 1,
      entries: [entry(3, 3)],
    });
    take();
    expect(orders.map(({ sequence, mustSync }) => [sequence, mustSync])).toEqual([
      [1, true],
      [2, true],
      [3, true],
    ]);
    expect(orders.map(({ hard }) => hard)).toEqual([
      { term: 3, vote: 0, commit: 0 },
      { term: 3, vote: 0, commit: 1 },
      undefined,
    ]);
    expect(orders.map(({ entries }) => entries.map(({ index }) => index))).toEqual([[1], [2], [3]]);
  });

  it("are not made for a moved commit index alone", () => {
    const solo = new Solo({ entries: entriesOfTerms(1, 1) });
    solo.append(2, 1, 2, 1, [], 2);
    expect(solo.replica.disk.pending).toBe(0);
    expect(solo.status.commit).toBe(2);
  });

  it("complete all earlier ones when a later one is reported, and only those that were given", () => {
    const solo = new Solo().append(2, 1, 0, 0, [entry(1, 1)]).append(2, 1, 1, 1, [entry(2, 1)]);
    solo.core.persisted(2);
    expect(solo.status.durable).toBe(2);
    expect(() => solo.core.persisted(3)).toThrow("issued");
  });

  it("let messages wait for those before them, and for no others", () => {
    const solo = new Solo();
    solo.core.step({ type: "heartbeat", from: 2, to: 1, term: 3, commit: 0, context: 5 });
    const first = solo.core.ready();
    expect(first?.persist?.sequence).toBe(1);
    expect(first?.sendAfterPersist).toMatchObject([{ type: "heartbeat-reply" }]);
    solo.core.step({ type: "heartbeat", from: 2, to: 1, term: 3, commit: 0, context: 6 });
    const second = solo.core.ready();
    expect(second?.persist).toBeUndefined();
    expect(second?.sendAfterPersist).toMatchObject([{ context: 6 }]);
    solo.core.persisted(1);
    solo.core.step({ type: "heartbeat", from: 2, to: 1, term: 3, commit: 0, context: 7 });
    const third = solo.core.ready();
    expect([third?.sendAfterPersist, third?.sendNow]).toMatchObject([[], [{ context: 7 }]]);
  });

  it("go out together with the entries for the followers", () => {
    const solo = new Solo().establish();
    solo.core.propose(new Uint8Array(3), 1);
    const ready = solo.core.ready();
    expect(ready?.persist?.entries).toHaveLength(1);
    expect(ready?.sendNow).toMatchObject([{ type: "append-request", to: 2 }]);
    expect(ready?.sendAfterPersist).toEqual([]);
  });
});

describe("messages without a Ready", () => {
  const heartbeat = { term: 3, commit: 0, context: 4 };

  it("are handed out when they are all there is", () => {
    const solo = new Solo().step("heartbeat", 2, heartbeat).flush();
    solo.core.step({ type: "heartbeat", from: 2, to: 1, ...heartbeat });
    expect(solo.core.takeMessages()).toMatchObject([{ type: "heartbeat-reply", to: 2, term: 3, context: 4 }]);
    expect(solo.core.takeMessages()).toEqual([]);
    expect(solo.core.ready()).toBeUndefined();
  });

  it("of a leader are its heartbeats", () => {
    const solo = new Solo().establish();
    solo.tick(2).sent();
    solo.core.tick();
    expect(solo.core.takeMessages()).toMatchObject([
      { type: "heartbeat", to: 2 },
      { type: "heartbeat", to: 3 },
    ]);
    expect(solo.core.hasReady()).toBe(false);
  });

  it("may not leave before what is on its way to the disk, and not without what belongs to them", () => {
    const solo = new Solo();
    solo.core.step({ type: "heartbeat", from: 2, to: 1, ...heartbeat });
    // A new term and a new leader.
    expect(solo.core.takeMessages()).toBeUndefined();
    expect(solo.core.ready()).toMatchObject({ persist: { sequence: 1 }, sendAfterPersist: [{ context: 4 }] });
    solo.core.step({ type: "heartbeat", from: 2, to: 1, ...heartbeat, context: 5 });
    expect(solo.core.takeMessages()).toBeUndefined();
    expect(solo.core.ready()).toMatchObject({ persist: undefined, sendAfterPersist: [{ context: 5 }] });
    solo.core.persisted(1);
    solo.core.step({ type: "heartbeat", from: 2, to: 1, ...heartbeat, context: 6 });
    expect(solo.core.takeMessages()).toMatchObject([{ context: 6 }]);
  });

  it("wait for the Ready that says what is committed", () => {
    const solo = new Solo().append(2, 3, 0, 0, [entry(1, 3)]).flush();
    solo.core.step({ type: "heartbeat", from: 2, to: 1, ...heartbeat, commit: 1 });
    expect(solo.core.takeMessages()).toBeUndefined();
    expect(solo.core.ready()).toMatchObject({ commitTo: 1, sendNow: [{ type: "heartbeat-reply" }] });
  });

  it("wait for the Ready that has orders", () => {
    const solo = new Solo();
    solo.core.readIndex(8);
    expect(solo.core.takeMessages()).toBeUndefined();
    expect(solo.core.ready()).toMatchObject({ reads: [{ context: 8, index: 0 }] });
  });
});

describe("what the host is told", () => {
  it("is role, term and leader whenever they change", () => {
    const solo = new Solo();
    solo.core.step({ type: "heartbeat", from: 2, to: 1, term: 3, commit: 0, context: 0 });
    expect(solo.core.ready()?.leadership).toEqual({ role: "follower", term: 3, leader: 2 });
    solo.core.step({ type: "heartbeat", from: 2, to: 1, term: 3, commit: 0, context: 0 });
    expect(solo.core.ready()?.leadership).toBeUndefined();
    solo.core.persisted(1);
    for (let i = 0; i < 10; i++) if (solo.status.role === "follower") solo.core.tick();
    expect(solo.core.ready()?.leadership).toEqual({ role: "pre-candidate", term: 3, leader: 0 });
  });

  it("is what to apply, each time only the news", () => {
    const solo = new Solo({ entries: entriesOfTerms(1, 1, 1) });
    const commit = (index: number): number | undefined => {
      solo.core.step({
        type: "append-request",
        from: 2,
        to: 1,
        term: 1,
        prevIndex: 3,
        prevTerm: 1,
        commit: index,
        entries: [],
      });
      return solo.core.ready()?.commitTo;
    };
    expect([commit(1), commit(1), commit(3)]).toEqual([1, undefined, 3]);
  });
});

describe("messages that are not for this replica", () => {
  it("are dropped when addressed to an earlier incarnation", () => {
    const solo = new Solo();
    solo.core.step({ type: "heartbeat", from: 2, to: 77, term: 9, commit: 0, context: 0 });
    expect(solo.status.term).toBe(0);
  });

  it("are a programmer's error when they come from itself", () => {
    expect(() => new Solo().step("heartbeat", 1, { term: 9, commit: 0, context: 0 })).toThrow("itself");
  });
});

describe("views", () => {
  it("give entries while they are in memory", () => {
    const solo = new Solo().append(2, 1, 0, 0, [entry(1, 1, "aaa"), entry(2, 1, "bbb"), entry(3, 1, "ccc")]);
    expect(solo.core.entries(1, 4, 100)?.map(({ index }) => index)).toEqual([1, 2, 3]);
    expect(solo.core.entries(2, 99, 3)?.map(({ index }) => index)).toEqual([2]);
    expect(solo.core.entries(4, 5, 3)).toEqual([]);
    expect(solo.core.entries(0, 5, 3)).toBeUndefined();
  });
});

describe("a cluster that loses its power", () => {
  it("comes back with everything that was acknowledged", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3) });
    cluster.elect(1);
    for (let i = 0; i < 5; i++) cluster.propose(1);
    cluster.settle();
    cluster.propose(1, "lost");
    for (const id of [1, 2, 3]) cluster.crash(id);
    cluster.flights = [];
    for (const id of [1, 2, 3]) cluster.restart(id);
    cluster.run(30);
    for (const { history } of cluster.live()) expect(history).toEqual(["p1", "p2", "p3", "p4", "p5"]);
  });
});
