import { describe, expect, it } from "@jest/globals";
import type { AppendRequest } from "../../src/raft/index.js";
import { raftLimits } from "../../src/raft/limits.js";
import { voters } from "./harness.js";
import { entriesOfTerms, Solo, type SoloInit } from "./solo.js";

/** Appends to one replica, as [prevIndex, number of entries, commit]. */
const appends = (solo: Solo, to = 2): number[][] =>
  solo
    .sentOf("append-request")
    .filter((message) => message.to === to)
    .map(({ prevIndex, entries, commit }) => [prevIndex, entries.length, commit]);

const peer = (solo: Solo, id = 2) => solo.status.peers.find((candidate) => candidate.id === id)!;

/** A leader of term 2 whose log has `terms` before its own first entry. */
const leading = (terms: number[], init: SoloInit = {}): Solo =>
  new Solo({ entries: entriesOfTerms(...terms), ...init }).lead();

describe("a new leader", () => {
  it("opens its term with an empty entry and probes at the end of its log", () => {
    const solo = leading([1, 1, 1]);
    const [first] = solo.sentOf("append-request") as [AppendRequest];
    expect(first).toMatchObject({ term: 2, prevIndex: 3, prevTerm: 1, commit: 0 });
    expect(first.entries).toMatchObject([{ index: 4, term: 2, kind: 1 }]);
    expect(peer(solo)).toEqual({
      id: 2,
      match: 0,
      state: "probe",
      recentlyActive: false,
      caughtUp: false,
      learner: false,
    });
  });

  it("sends while its own flush is under way", () => {
    const solo = new Solo().establish();
    solo.propose();
    expect(solo.replica.disk.pending).toBe(1);
    expect(appends(solo)).toEqual([[1, 1, 1]]);
  });

  it("goes on when the probe is acknowledged", () => {
    const solo = leading([1, 1, 1]);
    solo.propose();
    solo.propose();
    expect(appends(solo)).toEqual([[3, 1, 0]]);
    solo.acknowledge(2, 4);
    expect(peer(solo)).toMatchObject({ match: 4, state: "replicate" });
    expect(appends(solo)).toEqual([[4, 2, 4]]);
  });

  it("repeats an unanswered probe with each heartbeat reply, and not before", () => {
    const solo = leading([1]);
    appends(solo);
    solo.propose();
    expect(appends(solo)).toEqual([]);
    solo.step("heartbeat-reply", 2, { term: 2, context: 0 });
    expect(appends(solo)).toEqual([[1, 2, 0]]);
    solo.turn();
    expect(appends(solo)).toEqual([]);
  });
});

describe("fast backtracking", () => {
  it("skips a whole term of the leader at once", () => {
    const solo = leading([1, 2, 2, 2, 2, 5, 5, 5]);
    appends(solo);
    solo.refuse(2, 8, 6, 2);
    expect(appends(solo)).toEqual([[5, 0, 0]]);
  });

  it("skips a whole term of the follower at once", () => {
    const solo = leading([1, 1, 1, 4, 4, 4, 6]);
    appends(solo);
    // The follower has 1 1 1 3 3 3 3: it names its last entry of a term that the leader may have.
    solo.refuse(2, 7, 7, 3);
    expect(appends(solo)).toEqual([[3, 0, 0]]);
  });

  it("starts at the end of a shorter log", () => {
    const solo = leading([1, 1, 1, 1, 1]);
    appends(solo);
    solo.refuse(2, 5, 2, 1);
    expect(appends(solo)).toEqual([[2, 0, 0]]);
    solo.acknowledge(2, 2);
    expect(peer(solo).state).toBe("replicate");
  });

  it("sends entries with the probe while they are in memory, and reads none from disk for it", () => {
    const solo = leading([1]);
    solo.propose();
    solo.refuse(2, 1, 0, 0);
    expect(appends(solo).at(-1)).toEqual([0, 0, 0]);
    expect(solo.replica.fetches).toEqual([]);
  });

  it("ignores a refusal that comes twice", () => {
    const solo = leading([1, 1, 1, 1, 1]);
    solo.refuse(2, 5, 2, 1);
    appends(solo);
    solo.refuse(2, 5, 2, 1).refuse(2, 5, 0, 0);
    expect(appends(solo)).toEqual([]);
  });

  it("goes from replication back to probing after what matched", () => {
    const solo = new Solo().establish();
    for (let i = 0; i < 3; i++) solo.propose();
    appends(solo);
    solo.refuse(2, 1, 0, 0);
    expect(peer(solo)).toMatchObject({ state: "replicate", match: 1 });
    solo.refuse(2, 3, 1, 1);
    expect(peer(solo)).toMatchObject({ state: "probe", match: 1 });
    expect(appends(solo)).toEqual([[1, 3, 1]]);
  });
});

describe("pipelining", () => {
  it("gathers the proposals of a turn into one message, and sends ahead of acknowledgements", () => {
    const solo = new Solo().establish();
    for (let i = 0; i < 5; i++) solo.core.propose(new Uint8Array(10), 1);
    solo.turn();
    solo.propose();
    expect(appends(solo)).toEqual([
      [1, 5, 1],
      [6, 1, 1],
    ]);
  });

  it("cuts messages by bytes, letting a larger entry through alone", () => {
    const solo = new Solo({ options: { messageBytesMax: 100 } }).establish();
    for (const size of [40, 50, 30, 500, 10]) solo.core.propose(new Uint8Array(size), 1);
    solo.turn();
    expect(appends(solo).map(([, count]) => count)).toEqual([2, 1, 1, 1]);
  });

  it("stops at a full window of messages, and goes on as it empties", () => {
    const solo = new Solo({ options: { inflightMessagesMax: 3 } }).establish();
    for (let i = 0; i < 6; i++) solo.propose();
    expect(appends(solo)).toHaveLength(3);
    solo.acknowledge(2, 3);
    expect(appends(solo)).toEqual([[4, 3, 1]]);
  });

  it("stops at a full window of bytes", () => {
    const solo = new Solo({ options: { inflightBytesMax: 5 } }).establish();
    for (let i = 0; i < 9; i++) solo.propose("123");
    expect(appends(solo)).toHaveLength(2);
  });

  it("is not stalled for ever by a window of lost messages (R19)", () => {
    const solo = new Solo({ options: { inflightMessagesMax: 64 } }).establish();
    for (let i = 0; i < 100; i++) solo.propose();
    expect(appends(solo)).toHaveLength(64);
    solo.step("heartbeat-reply", 2, { term: 1, context: 0 });
    expect(appends(solo)).toEqual([[65, 0, 1]]);
    solo.turn();
    expect(appends(solo)).toEqual([]);
    // All 64 were lost: the follower refuses, and gets everything again.
    solo.refuse(2, 65, 1, 1);
    expect(appends(solo)).toEqual([[1, 100, 1]]);
  });

  it("notices that the last message was lost although the window is open", () => {
    const solo = new Solo().establish();
    solo.propose();
    appends(solo);
    solo.step("heartbeat-reply", 2, { term: 1, context: 0 });
    expect(appends(solo)).toEqual([[2, 0, 1]]);
    solo.acknowledge(2, 2).flush();
    appends(solo);
    solo.step("heartbeat-reply", 2, { term: 1, context: 0 });
    expect(appends(solo)).toEqual([]);
  });

  it("falls back to probing when messages were dropped on the way", () => {
    const solo = new Solo().establish();
    solo.propose();
    appends(solo);
    solo.core.unreachable(2);
    solo.turn();
    expect(peer(solo).state).toBe("probe");
    expect(appends(solo)).toEqual([[1, 1, 1]]);
    solo.core.unreachable(2);
    solo.core.unreachable(99);
    expect(peer(solo).state).toBe("probe");
  });

  it("never goes back behind an acknowledgement, however they are reordered (R20)", () => {
    const solo = new Solo().establish();
    for (let i = 0; i < 5; i++) solo.propose();
    appends(solo);
    solo.acknowledge(2, 6).acknowledge(2, 3).acknowledge(2, 4);
    expect(peer(solo).match).toBe(6);
    solo.propose();
    expect(appends(solo).at(-1)?.[0]).toBe(6);
  });

  it("takes an acknowledgement of what it does not have for the end of the world", () => {
    expect(() => new Solo().establish().acknowledge(2, 9)).toThrow("beyond the leader's log");
  });
});

describe("the commit index on its way", () => {
  it("travels with the next append", () => {
    const solo = new Solo().establish();
    solo.propose();
    solo.flush().acknowledge(3, 2);
    expect(solo.status.commit).toBe(2);
    expect(appends(solo, 2)).toEqual([
      [1, 1, 1],
      [2, 0, 2],
    ]);
  });

  it("does not travel alone when a message that carries it is on its way", () => {
    const solo = new Solo().establish();
    solo.propose();
    solo.flush().acknowledge(2, 2);
    solo.propose();
    expect(appends(solo)).toEqual([
      [1, 1, 1],
      [2, 0, 2],
      [2, 1, 2],
    ]);
    solo.turn();
    expect(appends(solo)).toEqual([]);
  });

  it("travels in heartbeats only as far as the follower is known to match", () => {
    const solo = new Solo().establish();
    for (let i = 0; i < 3; i++) solo.propose();
    solo.flush().acknowledge(3, 4).acknowledge(2, 2).sent();
    solo.tick(2);
    expect(solo.sentOf("heartbeat").map(({ to, commit }) => [to, commit])).toEqual([
      [2, 2],
      [3, 4],
    ]);
  });
});

describe("entries that are no longer in memory", () => {
  const lagging = (): Solo => {
    const solo = new Solo({ options: { logCacheBytesMax: 0, messageBytesMax: 4 } }).establish(2, 3);
    for (let i = 0; i < 6; i++) solo.propose("abc");
    solo.flush().acknowledge(3, 7);
    solo.sent();
    solo.refuse(2, 7, 1, 1);
    return solo;
  };

  it("are asked of the host, one read at a time, and sent in messages of the usual size", () => {
    const solo = lagging();
    solo.sent();
    solo.acknowledge(2, 1);
    expect(solo.replica.fetches).toEqual([{ to: 2, low: 2, high: 8, bytesMax: raftLimits.fetchBytesMax }]);
    solo.tick().turn();
    expect(solo.replica.fetches).toHaveLength(1);
    appends(solo);
    solo.replica.answerFetch();
    expect(appends(solo).map(([prev, count]) => [prev, count])).toEqual([2, 3, 4, 5, 6, 7].map((i) => [i - 1, 1]));
  });

  it("are dropped where acknowledgements overtook the read", () => {
    const solo = lagging();
    solo.acknowledge(2, 1);
    appends(solo);
    solo.acknowledge(2, 5);
    solo.replica.answerFetch();
    const filled = appends(solo).filter(([, count]) => count !== 0);
    expect(filled.map(([prev]) => prev)).toEqual([5, 6]);
  });

  it("mean nothing when the follower started over meanwhile, or for another leadership", () => {
    const solo = lagging();
    solo.acknowledge(2, 1);
    const [order] = solo.replica.fetches;
    solo.core.unreachable(2);
    appends(solo);
    solo.core.entriesFetched(order!, solo.replica.disk.read(2, 8, 99));
    solo.core.entriesFetched({ ...order!, to: 77 }, []);
    expect(appends(solo)).toEqual([]);
    solo.step("heartbeat", 3, { term: 9, commit: 0, context: 0 });
    solo.core.entriesFetched(order!, []);
    expect(appends(solo)).toEqual([]);
  });

  it("that are gone from the log as well make a snapshot necessary", () => {
    const solo = lagging();
    solo.apply().acknowledge(2, 1);
    const [order] = solo.replica.fetches;
    solo.core.entriesFetched(order!, []);
    solo.turn();
    expect(peer(solo).state).toBe("snapshot");
    expect(solo.replica.snapshotOrders).toEqual([{ to: 2, minimumIndex: 2 }]);
    // A late acknowledgement of what it had does not help; one of what the snapshot holds does.
    solo.acknowledge(2, 1);
    expect(peer(solo).state).toBe("snapshot");
    solo.acknowledge(2, 2);
    expect(peer(solo).state).toBe("replicate");
  });
});

describe("snapshots for lagging followers", () => {
  const snapshot = { index: 5, term: 1, configuration: voters(1, 2, 3), configurationIndex: 0 };
  /** Leads with a log that starts after 5. */
  const compacted = (): Solo => new Solo({ snapshot, hard: { term: 1, commit: 5 } }).establish(3);

  it("are ordered when the next entry is gone, for replicas that answer", () => {
    const solo = compacted();
    expect(solo.replica.snapshotOrders).toEqual([]);
    solo.refuse(2, 5, 2, 1);
    expect(peer(solo).state).toBe("snapshot");
    expect(solo.replica.snapshotOrders).toEqual([{ to: 2, minimumIndex: 5 }]);
    solo.propose();
    expect(appends(solo)).toEqual([]);
  });

  it("are followed by the log after them", () => {
    const solo = compacted().refuse(2, 5, 2, 1);
    solo.core.snapshotSent(2, true, 6);
    solo.turn();
    expect(peer(solo).state).toBe("probe");
    expect(appends(solo)).toEqual([]);
    solo.step("heartbeat-reply", 2, { term: 2, context: 0 });
    expect(appends(solo)).toEqual([[6, 0, 6]]);
    solo.acknowledge(2, 6);
    expect(peer(solo)).toMatchObject({ state: "replicate", match: 6 });
  });

  it("are ordered again after a failure, when the replica gives a sign of life", () => {
    const solo = compacted().refuse(2, 5, 2, 1);
    solo.core.snapshotSent(2, false, 0);
    solo.turn();
    expect(solo.replica.snapshotOrders).toHaveLength(1);
    solo.step("heartbeat-reply", 2, { term: 2, context: 0 });
    expect(solo.replica.snapshotOrders).toHaveLength(2);
  });

  it("are not needed by a receiver that is already past them (R16)", () => {
    const solo = compacted().refuse(2, 5, 2, 1);
    solo.acknowledge(2, 6);
    expect(peer(solo)).toMatchObject({ state: "replicate", match: 6 });
    solo.core.snapshotSent(2, true, 5);
    expect(peer(solo).state).toBe("replicate");
    solo.core.snapshotSent(99, true, 5);
  });

  it("are not ordered for a replica that is down", () => {
    const solo = compacted();
    solo.refuse(2, 5, 2, 1);
    solo.core.snapshotSent(2, false, 0);
    // A check of the quorum passes without a word of 2.
    for (let i = 0; i < 6; i++) solo.tick().step("heartbeat-reply", 3, { term: 2, context: 0 });
    solo.core.unreachable(2);
    expect(solo.turn().replica.snapshotOrders).toHaveLength(1);
    solo.step("heartbeat-reply", 2, { term: 2, context: 0 });
    expect(solo.replica.snapshotOrders).toHaveLength(2);
  });

  it("wait for a silent replica to speak, when the log was cut behind it", () => {
    const solo = new Solo().establish(2, 3);
    for (let i = 0; i < 11; i++) solo.tick().step("heartbeat-reply", 3, { term: 1, context: 0 });
    solo.core.unreachable(2);
    for (let i = 0; i < 5; i++) solo.propose();
    solo.flush().acknowledge(3, 6).apply();
    solo.core.compacted({ ...snapshot, index: 5 });
    solo.turn();
    expect([peer(solo).state, solo.replica.snapshotOrders]).toEqual(["probe", []]);
    solo.step("heartbeat-reply", 2, { term: 1, context: 0 });
    expect(solo.replica.snapshotOrders).toEqual([{ to: 2, minimumIndex: 5 }]);
  });

  it("wait for a silent replica in the middle of replication, too", () => {
    const solo = new Solo({ options: { inflightMessagesMax: 1 } }).establish(2, 3);
    for (let i = 0; i < 5; i++) solo.propose();
    solo.flush().acknowledge(3, 2).acknowledge(3, 6).apply();
    for (let i = 0; i < 11; i++) solo.tick().step("heartbeat-reply", 3, { term: 1, context: 0 });
    solo.core.compacted({ ...snapshot, index: 5 });
    solo.turn();
    expect([peer(solo).state, solo.replica.snapshotOrders]).toEqual(["probe", []]);
  });

  it("take the place of a full window when the log was cut behind it", () => {
    const solo = new Solo({ options: { inflightMessagesMax: 1 } }).establish(2, 3);
    solo.propose();
    for (let i = 0; i < 5; i++) solo.propose();
    solo.flush().acknowledge(3, 7).apply();
    solo.core.compacted({ ...snapshot, index: 6 });
    solo.turn();
    expect(peer(solo).state).toBe("snapshot");
    expect(solo.replica.snapshotOrders).toEqual([{ to: 2, minimumIndex: 6 }]);
  });

  it("are preferred to a million entries", () => {
    const { lagEntriesMax } = raftLimits;
    const far = { ...snapshot, index: 1 };
    const solo = new Solo({ snapshot: far, hard: { term: 1, commit: 1 } }).establish(2, 3);
    const last = lagEntriesMax + 10;
    while (solo.status.lastIndex < last) {
      for (let i = 0; i < 1_000; i++) solo.core.propose(new Uint8Array(0), 2);
      solo.flush().acknowledge(3, solo.status.lastIndex).apply().sent();
    }
    expect(peer(solo).state).toBe("replicate");
    solo.core.unreachable(2);
    solo.step("heartbeat-reply", 2, { term: 2, context: 0 });
    expect(peer(solo).state).toBe("snapshot");
    const { applied } = solo.status;
    expect(solo.replica.snapshotOrders).toEqual([{ to: 2, minimumIndex: applied - lagEntriesMax / 2 }]);
  });
});

describe("having caught up", () => {
  const beat = (solo: Solo, ...answering: number[]): boolean => {
    for (const id of answering) solo.step("heartbeat-reply", id, { term: solo.status.term, context: 0 });
    return peer(solo.tick()).caughtUp;
  };

  it("takes two heartbeat intervals on end in which little is missing", () => {
    const solo = new Solo().lead();
    expect([beat(solo, 2), beat(solo, 2)]).toEqual([false, false]);
    solo.acknowledge(2, 1);
    expect([beat(solo), beat(solo, 2), beat(solo, 2)]).toEqual([false, true, true]);
    // Entries on their way are no lag, as long as they are few.
    solo.propose();
    expect(beat(solo, 2)).toBe(true);
  });

  it("needs answers", () => {
    const solo = new Solo().establish();
    expect([beat(solo, 2, 3), beat(solo, 2, 3), beat(solo, 3), beat(solo, 2, 3), beat(solo, 2, 3)]).toEqual([
      false,
      true,
      false,
      false,
      true,
    ]);
  });

  it("is over as soon as its log has to be looked for again", () => {
    const solo = new Solo().establish();
    expect([beat(solo, 2), beat(solo, 2)]).toEqual([false, true]);
    solo.core.unreachable(2);
    expect(peer(solo).caughtUp).toBe(false);
    // And has to be shown anew when it is found.
    solo.turn().acknowledge(2, 1);
    expect(peer(solo)).toMatchObject({ state: "replicate", caughtUp: false });
    expect([beat(solo), beat(solo, 2)]).toEqual([false, true]);
  });

  const large = "x".repeat(raftLimits.caughtUpBytesMax);

  it("does not hold while a mebibyte is on its way", () => {
    const solo = new Solo({ options: { messageBytesMax: 1 << 21 } }).establish();
    solo.propose(large);
    expect([beat(solo, 2), beat(solo, 2)]).toEqual([false, false]);
    solo.flush().acknowledge(2, 2);
    expect([beat(solo), beat(solo, 2)]).toEqual([false, true]);
  });

  it("counts what a full window holds back", () => {
    const solo = new Solo({ options: { inflightMessagesMax: 1 } }).establish();
    solo.propose("sent");
    solo.propose("small");
    expect([beat(solo, 2), beat(solo, 2)]).toEqual([false, true]);
    solo.propose(large);
    expect(beat(solo, 2)).toBe(false);
    solo.flush().acknowledge(2, 2);
    solo.acknowledge(2, 3).acknowledge(2, 4);
    solo.propose("sent");
    expect([beat(solo, 2), beat(solo, 2)]).toEqual([false, true]);
    solo.propose(large);
    expect(beat(solo, 2)).toBe(false);
  });

  it("counts entries without payload as well, and what left the memory as a lot", () => {
    const many = new Solo({ options: { inflightMessagesMax: 1 } }).establish();
    many.propose("sent");
    for (let i = raftLimits.caughtUpBytesMax / raftLimits.entryOverheadBytes; i > 0; i--)
      many.core.propose(new Uint8Array(0), many.status.term);
    many.turn();
    expect([beat(many, 2), beat(many, 2)]).toEqual([false, false]);
    const evicted = new Solo({ options: { inflightMessagesMax: 1, logCacheBytesMax: 0 } }).establish();
    evicted.propose("sent");
    evicted.propose("gone");
    evicted.flush();
    expect([beat(evicted, 2), beat(evicted, 2)]).toEqual([false, false]);
  });
});

describe("strangers", () => {
  it("are not counted: answers of ids outside the configuration weigh nothing (R4)", () => {
    const solo = new Solo({ configuration: voters(1, 2, 3, 4, 5) }).establish(2, 3);
    solo.propose();
    solo.flush();
    for (const id of [7, 8, 9]) solo.acknowledge(id, 2).step("heartbeat-reply", id, { term: 1, context: 0 });
    expect(solo.status.commit).toBe(1);
    expect(solo.status.peers.map(({ id }) => id)).toEqual([2, 3, 4, 5]);
  });
});
