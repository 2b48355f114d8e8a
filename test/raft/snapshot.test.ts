import { describe, expect, it } from "@jest/globals";
import type { SnapshotMeta } from "../../src/raft/index.js";
import { bootstrap, Cluster, voters } from "./harness.js";
import { entriesOfTerms, entry, Solo } from "./solo.js";

const snapshotAt = (index: number, term: number, ...ids: number[]): SnapshotMeta => ({
  index,
  term,
  configuration: voters(...(ids.length === 0 ? [1, 2, 3] : ids)),
  configurationIndex: ids.length === 0 ? 0 : index - 1,
});

const acks = (solo: Solo): [number, number][] => solo.sentOf("append-reply").map(({ to, index }) => [to, index]);

/** The host finishes what `Ready.install` asked for. */
function install(solo: Solo): void {
  const { installing } = solo.replica;
  if (installing === undefined) throw new Error("nothing to install");
  solo.replica.received.set(installing.index, { snapshot: installing, history: ["s"] });
  solo.replica.install();
}

describe("receiving a snapshot (section 7)", () => {
  const offered = (meta: SnapshotMeta, term = 2): Solo => {
    const solo = new Solo({ entries: entriesOfTerms(1, 1) })
      .step("heartbeat", 2, { term, commit: 0, context: 0 })
      .flush();
    solo.sent();
    return solo.step("snapshot-request", 2, { term, snapshot: meta });
  };

  it("asks the host to install it, and takes it over when that is done", () => {
    const solo = offered(snapshotAt(9, 2, 1, 2, 4));
    expect(solo.replica.installing?.index).toBe(9);
    expect([solo.status.lastIndex, solo.sent()]).toEqual([2, []]);
    install(solo);
    expect(solo.status).toMatchObject({
      firstIndex: 10,
      lastIndex: 9,
      commit: 9,
      applied: 9,
      durable: 9,
      configuration: voters(1, 2, 4),
      configurationIndex: 8,
    });
    expect(solo.core.term(9)).toBe(2);
    expect(acks(solo)).toEqual([[2, 9]]);
    solo
      .append(2, 2, 9, 2, [entry(10, 2)], 10)
      .flush()
      .apply();
    expect(solo.replica.history).toEqual(["s", "e10"]);
  });

  it("keeps to the old log until then: it votes by it, and appends nothing", () => {
    const solo = offered(snapshotAt(9, 2));
    solo.append(2, 2, 2, 1, [entry(3, 2)]).step("heartbeat", 2, { term: 2, commit: 0, context: 3 });
    expect(solo.status.lastIndex).toBe(2);
    expect(solo.sent()).toMatchObject([{ type: "heartbeat-reply", context: 3 }]);
    solo.step("vote-request", 3, { term: 3, pre: false, lastIndex: 2, lastTerm: 1, transfer: true }).flush();
    expect(solo.sentOf("vote-reply")).toMatchObject([{ granted: true, term: 3 }]);
    install(solo);
    expect(solo.status).toMatchObject({ lastIndex: 9, term: 3, vote: 3 });
  });

  it("takes one at a time", () => {
    const solo = offered(snapshotAt(9, 2)).step("snapshot-request", 2, { term: 2, snapshot: snapshotAt(12, 2) });
    expect(solo.replica.installing?.index).toBe(9);
    install(solo);
    solo.step("snapshot-request", 2, { term: 2, snapshot: snapshotAt(12, 2) });
    expect(solo.replica.installing?.index).toBe(12);
  });

  it("refuses an install that nobody asked for", () => {
    expect(() => new Solo().core.snapshotInstalled(snapshotAt(9, 2))).toThrow("asked for");
  });

  it("answers one that it is already past like an append, so that the sender goes on from the log (R16)", () => {
    const solo = new Solo({ hard: { term: 2, commit: 4 }, entries: entriesOfTerms(1, 1, 2, 2, 2) });
    solo.step("snapshot-request", 2, { term: 2, snapshot: snapshotAt(3, 2) });
    expect(solo.replica.installing).toBeUndefined();
    expect(acks(solo)).toEqual([[2, 4]]);
  });

  it("needs none whose last entry it has", () => {
    const solo = new Solo({ entries: entriesOfTerms(1, 1, 2, 2, 2) });
    solo.step("snapshot-request", 2, { term: 2, snapshot: snapshotAt(4, 2) });
    expect(solo.replica.installing).toBeUndefined();
    expect(solo.status).toMatchObject({ commit: 4, lastIndex: 5 });
    expect(acks(solo)).toEqual([[2, 4]]);
  });

  it("answers the leader, whoever sent it", () => {
    const solo = new Solo({ hard: { commit: 2 }, entries: entriesOfTerms(1, 1) });
    solo.step("heartbeat", 3, { term: 1, commit: 0, context: 0 }).sent();
    solo.step("snapshot-request", 2, { term: 1, snapshot: snapshotAt(2, 1) });
    expect(acks(solo)).toEqual([[3, 2]]);
    expect(solo.status.leader).toBe(3);
  });

  it("makes a candidate of that term a follower (R17)", () => {
    const solo = new Solo().tickUntil("pre-candidate").vote(2, true, true).flush();
    solo.step("snapshot-request", 2, { term: 1, snapshot: snapshotAt(9, 1) });
    expect(solo.status.role).toBe("follower");
    expect(solo.replica.installing?.index).toBe(9);
  });

  it("replaces a log that contradicts it, and completions of older orders mean nothing afterwards", () => {
    const solo = new Solo({ entries: entriesOfTerms(1, 1) });
    solo.append(2, 1, 2, 1, [entry(3, 1), entry(4, 1)]);
    expect(solo.replica.disk.pending).toBe(1);
    solo.step("snapshot-request", 3, { term: 3, snapshot: snapshotAt(3, 3) });
    install(solo);
    expect(solo.status).toMatchObject({ lastIndex: 3, durable: 3, commit: 3 });
    expect(solo.core.term(3)).toBe(3);
  });

  it("says nothing to a leader that is not known", () => {
    const solo = new Solo();
    solo
      .step("snapshot-request", 2, { term: 1, snapshot: snapshotAt(9, 1) })
      .flush()
      .tick(60);
    install(solo);
    expect(acks(solo)).toEqual([]);
    solo.append(3, 2, 9, 1, []).flush();
    expect(acks(solo)).toEqual([[3, 9]]);
  });

  it("may come without the receiver in its configuration: the entry that adds it follows", () => {
    const solo = new Solo({ id: 4, configuration: voters(1, 2, 3) });
    solo.step("snapshot-request", 1, { term: 1, snapshot: { ...bootstrap(voters(1, 2, 3)), index: 9, term: 1 } });
    install(solo);
    expect(solo.status.lastIndex).toBe(9);
  });
});

describe("forgetting the log", () => {
  const applied = (): Solo => {
    const solo = new Solo({ hard: { term: 2, commit: 4 }, entries: entriesOfTerms(1, 1, 2, 2, 2) });
    return solo.turn().apply();
  };

  it("moves its start, and keeps the term before it", () => {
    const solo = applied();
    solo.core.compacted(snapshotAt(3, 2));
    expect(solo.status).toMatchObject({ firstIndex: 4, lastIndex: 5, commit: 4, applied: 4 });
    expect([2, 3, 4].map((index) => solo.core.term(index))).toEqual([undefined, 2, 2]);
    expect(solo.core.entries(3, 5, 100)).toBeUndefined();
  });

  it("ignores what is forgotten already, and never goes beyond what is applied", () => {
    const solo = applied();
    solo.core.compacted(snapshotAt(3, 2));
    solo.core.compacted(snapshotAt(3, 2));
    solo.core.compacted(snapshotAt(1, 1));
    expect(solo.status.firstIndex).toBe(4);
    expect(() => solo.core.compacted(snapshotAt(5, 2))).toThrow("applied");
    expect(() => solo.core.compacted(snapshotAt(4, 1))).toThrow("this log");
  });
});

describe("in a cluster", () => {
  /** A leader that forgot what replica 3 lacks. */
  const behind = (): Cluster => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3), options: { logCacheBytesMax: 0 } });
    cluster.elect(1);
    cluster.isolate(3);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 4; i++) cluster.propose(1);
      cluster.settle();
      cluster.with(1, (replica) => replica.checkpoint());
    }
    expect(cluster.core(1).status().firstIndex).toBeGreaterThan(2);
    return cluster;
  };

  it("brings a follower back that the log no longer can", () => {
    const cluster = behind();
    cluster.heal();
    cluster.run(5);
    expect(cluster.sent.filter(({ type }) => type === "snapshot-request")).toHaveLength(1);
    expect(cluster.replica(3).history).toEqual(cluster.replica(1).history);
    expect(cluster.replica(3).history).toHaveLength(12);
    expect(
      cluster
        .core(1)
        .status()
        .peers.find(({ id }) => id === 3)?.state,
    ).toBe("replicate");
  });

  it("sends one again that got lost", () => {
    const cluster = behind();
    cluster.heal();
    cluster.lose = ({ type }) => type === "snapshot-request";
    cluster.run(10);
    expect(cluster.replica(3).history).toEqual([]);
    cluster.lose = () => false;
    cluster.run(6);
    expect(cluster.replica(3).history).toHaveLength(12);
  });

  it("survives a crash of the receiver, before and after the install", () => {
    const cluster = behind();
    cluster.heal();
    cluster.tick(1);
    while (cluster.replica(3).installing === undefined) {
      cluster.deliverAll();
      for (const id of [1, 2]) cluster.with(id, (replica) => replica.flushAll());
      cluster.flush(3);
      cluster.sendSnapshot(1);
      if (cluster.flights.length === 0) cluster.tick(1);
    }
    cluster.crash(3);
    cluster.restart(3);
    expect(cluster.core(3).status().lastIndex).toBeLessThan(3);
    cluster.run(6);
    cluster.crash(3);
    cluster.restart(3);
    expect(cluster.core(3).status().firstIndex).toBeGreaterThan(2);
    cluster.propose(1);
    cluster.run(6);
    expect(cluster.replica(3).history).toHaveLength(13);
  });
});
