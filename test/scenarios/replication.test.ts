import { describe, expect, it, jest } from "@jest/globals";
import type { Entry, Message } from "../../src/raft/index.js";
import { Cluster, voters } from "../raft/harness.js";
import { entriesOfTerms, entry, Solo } from "../raft/solo.js";

/** Published bugs in how entries are replicated and committed; the index is docs/SCENARIOS.md. */

// Processor time is about a second; a busy machine may take its time.
jest.setTimeout(60_000);

const isAppend = (message: Message): boolean => message.type === "append-request" && message.entries.length > 0;

/*
 * Raft's Figure 8, and in NATS until 2026: a leader counted a majority for an entry of an older term and committed it, and a
 * later leader without that entry overwrote it. Only an entry of the own term is committed by counting, those before it follow:
 * `#advanceCommit` in src/raft/leader.ts.
 * Fails when the comparison of the entry's term with the leader's is removed there.
 */
describe("R1: an entry of an older term is committed by counting", () => {
  it("has a majority in Figure 8 (d), is not committed, and is overwritten in (e)", () => {
    // One entry a message, so that the old one can arrive without the one that opens the term.
    const cluster = new Cluster({ configuration: voters(1, 2, 3, 4, 5), options: { messageBytesMax: 1 } });
    cluster.elect(1);
    cluster.run(1);
    cluster.lose = (message) => isAppend(message) && message.to !== 2;
    const old = cluster.propose(1, "old");
    cluster.settle();
    cluster.crash(1);
    cluster.lose = isAppend;
    cluster.elect(5);
    cluster.crash(5);
    cluster.flights = [];
    cluster.restart(1);
    // What opens term 3 reaches only those who must refuse it, since they lack the old entry; it gets lost once they have that.
    cluster.lose = (message) =>
      message.type === "append-request" &&
      message.entries.some(({ term }) => term > 2) &&
      cluster.core(message.to).status().lastIndex >= message.prevIndex;
    cluster.elect(1);
    for (let i = 0; i < 4; i++) {
      cluster.tick(1);
      cluster.settle();
    }
    const holders = cluster.live().filter(({ core }) => core.term(old as number) === 1);
    expect(holders.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
    expect(cluster.core(1).status()).toMatchObject({ role: "leader", term: 3, commit: 1 });
    cluster.crash(1);
    cluster.flights = [];
    cluster.lose = () => false;
    cluster.restart(5);
    cluster.elect(5);
    cluster.restart(1);
    cluster.run(5);
    for (const { core, history } of cluster.live()) {
      expect(core.term(old as number)).toBe(2);
      expect(history).toEqual([]);
    }
  });
});

/*
 * An etcd cluster of one answered a write when it had only been handed to the disk, and a crash lost it. A leader counts itself only
 * as far as its own log is durable: `#matchOf` in src/raft/leader.ts.
 * Fails when the last index takes the place of the durable one there.
 */
describe("R11: a single voter acknowledges before its own flush", () => {
  it("the end of one flush does not commit what the next one carries", () => {
    const solo = new Solo({ configuration: voters(1) }).tickUntil("candidate").flush().flush().apply();
    expect(solo.status).toMatchObject({ role: "leader", commit: 1 });
    solo.propose("first");
    solo.propose("second");
    expect(solo.replica.disk.pending).toBe(2);
    solo.replica.flush();
    expect(solo.status).toMatchObject({ commit: 2, durable: 2, lastIndex: 3 });
    solo.flush();
    expect(solo.status.commit).toBe(3);
  });
});

/*
 * In NATS parallel catch-ups of one follower answered success after a mismatch, took its commit index back, and cut below it. What is
 * committed is never looked at again and the commit index only grows: `append` in src/raft/follower.ts, `commitTo` in
 * src/raft/state.ts.
 * Fails when a smaller commit index is taken over; when an append below the commit index is compared with the log.
 */
describe("R15: the streams of parallel catch-ups are mixed", () => {
  it("old messages of the same leader take nothing back, in whichever order they come", () => {
    const solo = new Solo();
    const all = entriesOfTerms(1, 1, 1, 1, 1, 1);
    solo.append(2, 1, 0, 0, all, 4).flush().apply();
    solo.sent();
    const old = [
      () => solo.append(2, 1, 0, 0, all.slice(0, 2), 1),
      () => solo.append(2, 1, 4, 1, all.slice(4, 5), 2),
      () => solo.append(2, 1, 6, 1, [], 3),
      () => solo.step("heartbeat", 2, { term: 1, commit: 1, context: 0 }),
      // Cannot be this leader's: nothing of it may be taken.
      () => solo.append(2, 1, 1, 7, [entry(2, 1, "foreign")], 2),
      () => solo.append(2, 1, 9, 1, [], 9),
    ];
    for (let start = 0; start < old.length; start++) {
      for (let i = 0; i < old.length; i++) old[(start + i) % old.length]!();
      solo.flush().apply();
      expect(solo.status).toMatchObject({ commit: 4, applied: 4, durable: 6, lastIndex: 6 });
    }
    expect(solo.replica.disk.entries).toEqual(all);
    expect(solo.replica.truncations).toBe(0);
    const replies = solo.sentOf("append-reply");
    const acknowledged = replies.filter(({ refused }) => !refused).map(({ index }) => index);
    expect(Math.max(...acknowledged)).toBe(6);
    expect(replies.filter(({ refused }) => refused).every(({ index }) => index === 9)).toBe(true);
  });
});

/*
 * In Ra and NATS entries that a new leader had cut off came back from a cache, or from a read that was under way when they were
 * cut. The cache is cut together with the log (`truncate` in src/raft/log.ts), and what was read for a follower counts only if
 * it is still the read that this leader waits for (`fetched` in src/raft/replication.ts).
 * Fails when `cache.truncate` is not called; when the order of a fetch is not compared.
 */
describe("R21: truncated entries are resurrected from a cache", () => {
  it("a replica whose entries were overwritten sends the new ones when it leads", () => {
    const solo = new Solo({ entries: entriesOfTerms(1, 1) });
    solo.append(2, 1, 2, 1, [entry(3, 1, "old 3"), entry(4, 1, "old 4"), entry(5, 1, "old 5")]).flush();
    solo.append(3, 2, 2, 1, [entry(3, 2, "new 3")]).flush();
    solo.lead(2);
    expect(solo.status).toMatchObject({ role: "leader", term: 3, lastIndex: 4 });
    solo.sent();
    solo.refuse(2, 3, 2, 1);
    const sent = solo.sentOf("append-request").flatMap(({ entries }) => entries);
    expect(
      sent.map(({ index, term, data }) => `${String(index)}/${String(term)} ${Buffer.from(data).toString()}`),
    ).toEqual(["3/2 new 3", "4/3 "]);
    expect(solo.core.entries(3, 6, 1_000)?.map(({ term }) => term)).toEqual([2, 3]);
  });

  it("entries that an earlier reign asked to be read are not sent in a later one", () => {
    const solo = new Solo({ options: { logCacheBytesMax: 0 } }).establish(2);
    for (let i = 0; i < 4; i++) solo.propose(`old ${String(i)}`);
    solo.flush();
    // Replica 3 answers from far behind; what it needs has left the memory.
    solo.acknowledge(3, 1);
    const order = solo.replica.fetches.shift();
    expect(order).toMatchObject({ to: 3, low: 2 });
    const old: Entry[] = solo.replica.disk.read(2, 6, 1_000);
    expect(old).toHaveLength(4);
    solo.append(2, 2, 1, 1, [entry(2, 2, "new")]).flush();
    solo.lead(2);
    solo.acknowledge(3, 1);
    solo.sent();
    solo.core.entriesFetched(order!, old);
    solo.turn();
    expect(solo.sentOf("append-request").flatMap(({ entries }) => entries)).toEqual([]);
    expect(solo.status.role).toBe("leader");
  });
});

/*
 * Howard and Abraham (2020) and Cloudflare's outage of the same year: with links that work one way or between some nodes only,
 * leaders that nobody could answer kept others from taking over, or terms rose for ever. Pre-vote, check-quorum and stickiness are
 * always on (src/raft/election.ts, `#checkQuorum` in src/raft/leader.ts, `#admit` in src/raft/raft.ts).
 * Fails when `#checkQuorum` always holds; when messages of an old term are not answered (`#answerOldTerm` in src/raft/raft.ts).
 */
describe("R26: links that work one way only, among five", () => {
  const ids = [1, 2, 3, 4, 5];
  const links = ids.flatMap((from) => ids.filter((to) => to !== from).map((to) => ({ from, to })));

  /** Those that can exchange messages with a majority, themselves included. */
  function hubsOf(cluster: Cluster): number[] {
    const works = (from: number, to: number): boolean => !cluster.cuts.has(`${String(from)}>${String(to)}`);
    const partners = (id: number): number => ids.filter((other) => works(id, other) && works(other, id)).length;
    return ids.filter((id) => partners(id) >= 3);
  }

  it("somebody who reaches a majority both ways leads, and stays; else nobody does", () => {
    let led = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const cluster = new Cluster({ configuration: voters(...ids), seed });
      cluster.elect(1);
      const share = 0.1 + 0.5 * cluster.rng.fraction();
      for (const { from, to } of links)
        if (cluster.rng.fraction() < share) cluster.cuts.add(`${String(from)}>${String(to)}`);
      const hubs = hubsOf(cluster);
      cluster.run(45);
      const before = cluster.leader()?.core.status();
      cluster.run(15);
      const after = cluster.leader()?.core.status();
      if (hubs.length === 0) expect({ seed, leader: after?.id }).toEqual({ seed, leader: undefined });
      else {
        led++;
        expect({ seed, leads: after?.established, hub: hubs.includes(after?.id ?? 0) }).toEqual({
          seed,
          leads: true,
          hub: true,
        });
        expect({ seed, leader: after?.id, term: after?.term }).toEqual({
          seed,
          leader: before?.id,
          term: before?.term,
        });
      }
    }
    expect(led).toBeGreaterThan(8);
    expect(led).toBeLessThan(28);
  });

  it("a replica that is ahead in a term that nobody leads comes back without being elected", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3) });
    cluster.elect(1);
    const { term } = cluster.core(1).status();
    cluster.isolate(3);
    cluster.step({ type: "timeout-now", from: 1, to: 3, term });
    cluster.settle();
    expect(cluster.core(3).status()).toMatchObject({ role: "candidate", term: term + 1 });
    cluster.heal();
    cluster.run(20);
    const leader = cluster.leader()?.id ?? 0;
    cluster.propose(leader, "all");
    cluster.run(2);
    for (const id of [1, 2, 3]) {
      expect(cluster.core(id).status().leader).toBe(leader);
      expect(cluster.replica(id).history).toEqual(["all"]);
    }
  });

  it("in a star only the one in the middle can lead, and does so with everybody's entries", () => {
    const cluster = new Cluster({ configuration: voters(...ids) });
    cluster.elect(1);
    cluster.propose(1, "kept");
    cluster.settle();
    for (const a of ids) for (const b of ids) if (a < b && a !== 3 && b !== 3) cluster.cut(a, b);
    cluster.run(60);
    expect(cluster.leader()?.core.status()).toMatchObject({ id: 3, established: true });
    const { term } = cluster.core(3).status();
    cluster.propose(3, "more");
    cluster.run(60);
    expect(cluster.core(3).status()).toMatchObject({ role: "leader", term });
    for (const id of ids) expect(cluster.replica(id).history).toEqual(["kept", "more"]);
  });
});

/*
 * A NATS server that had lost what it had acknowledged (Jepsen 2025) went on as if nothing was missing and could help to elect a
 * leader without it. A replica that hears from its leader that it once had more than it has stops at once: `commitTo` in
 * src/raft/state.ts.
 * Fails when the assertion there is removed.
 */
describe("R33: a replica forgot what it had acknowledged", () => {
  it("and stops when its leader still knows better", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3) });
    cluster.elect(1);
    for (let i = 0; i < 3; i++) cluster.propose(1);
    cluster.run(1);
    expect(cluster.core(3).status()).toMatchObject({ commit: 4, durable: 4 });
    // The disk had said that these were written.
    const { disk } = cluster.replica(3);
    cluster.crash(3);
    disk.entries = disk.entries.slice(0, 2);
    disk.hard = { ...disk.hard, commit: 2 };
    cluster.restart(3);
    expect(() => cluster.run(3)).toThrow("lost acknowledged entries");
  });
});
