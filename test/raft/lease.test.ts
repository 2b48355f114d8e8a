import { describe, expect, it } from "@jest/globals";
import { Lease } from "../../src/raft/lease.js";
import { entriesOfTerms, Solo } from "./solo.js";

const LEASE_MS = 400;
const options = { leaseMs: LEASE_MS };

/** One tick at `nowMs`; returns the number of the round that the heartbeats carry. */
function beat(solo: Solo, nowMs: number): number {
  solo.sent();
  solo.core.tick(nowMs);
  solo.turn();
  return solo.sentOf("heartbeat")[0]?.context ?? 0;
}

const answer = (solo: Solo, from: number, context: number): Solo =>
  solo.step("heartbeat-reply", from, { term: solo.status.term, context });

describe("a lease (thesis 6.4.1)", () => {
  it("runs from the sending of the oldest heartbeats that a quorum has answered, not from their answers", () => {
    const solo = new Solo({ options }).establish(2, 3);
    expect(solo.core.leaseUntilMs).toBe(0);
    const first = beat(solo, 1_000);
    const second = beat(solo, 1_100);
    expect(second).toBeGreaterThan(first);
    answer(solo, 2, first);
    expect(solo.core.leaseUntilMs).toBe(1_000 + LEASE_MS);
    answer(solo, 3, second);
    expect(solo.core.leaseUntilMs).toBe(1_100 + LEASE_MS);
  });

  it("is not had before an entry of the own term is committed and applied", () => {
    const solo = new Solo({ options }).lead(2);
    const round = beat(solo, 1_000);
    answer(solo, 2, round);
    expect(solo.core.leaseUntilMs).toBe(0);
  });

  it("needs a majority of both halves while the membership changes", () => {
    const solo = new Solo({ options }).establish(2, 3);
    solo.core.proposeConfiguration({ voters: [1, 4, 5], learners: [], expectedConfigurationIndex: 0 });
    solo.flush();
    const round = beat(solo, 1_000);
    answer(solo, 2, round);
    expect(solo.core.leaseUntilMs).toBe(0);
    answer(solo, 4, round);
    expect(solo.core.leaseUntilMs).toBe(1_000 + LEASE_MS);
  });

  it("ends for good with a transfer: its target may campaign whenever it hears of it", () => {
    const solo = new Solo({ options }).establish(2, 3);
    answer(solo, 2, beat(solo, 1_000));
    solo.acknowledge(2, solo.status.lastIndex);
    expect(solo.core.transferLeadership(2)).toBe(true);
    expect(solo.core.leaseUntilMs).toBe(0);
    // Given up after an election timeout, and still.
    for (let i = 1; i <= 12; i++) for (const id of [2, 3]) answer(solo, id, beat(solo, 1_000 + i * 100));
    expect(solo.status.role).toBe("leader");
    expect(solo.core.leaseUntilMs).toBe(0);
  });

  it("ends with the leadership", () => {
    const solo = new Solo({ options }).establish(2, 3);
    answer(solo, 2, beat(solo, 1_000));
    solo.step("heartbeat", 3, { term: solo.status.term + 1, commit: 0, context: 0 });
    expect(solo.core.leaseUntilMs).toBe(0);
  });

  it("is not had where it was not asked for, and costs no heartbeats there", () => {
    const solo = new Solo().establish(2, 3);
    answer(solo, 2, beat(solo, 1_000));
    expect(solo.core.leaseUntilMs).toBe(0);
  });

  it("confirms reads with the same rounds", () => {
    const solo = new Solo({ options }).establish(2, 3);
    solo.core.readIndex(7);
    solo.turn();
    answer(solo, 2, beat(solo, 1_000));
    expect(solo.grants()).toEqual([{ context: 7, index: solo.status.commit }]);
  });
});

describe("voters, where leases are in use", () => {
  const ask = { term: 9, pre: false, lastIndex: 50, lastTerm: 8, transfer: false };

  it("elect nobody for an election timeout after a restart: they may have answered heartbeats before", () => {
    const solo = new Solo({ options, entries: entriesOfTerms(1) });
    solo.step("vote-request", 2, ask).flush();
    expect(solo.sentOf("vote-reply")).toEqual([]);
    expect(solo.status.term).toBe(1);
    solo.step("vote-request", 2, { ...ask, transfer: true }).flush();
    expect(solo.sentOf("vote-reply")).toMatchObject([{ granted: true }]);
  });

  it("do so afterwards, and at once when they never voted nor heard of a leader", () => {
    const young = new Solo({ options });
    young.step("vote-request", 2, ask).flush();
    expect(young.sentOf("vote-reply")).toMatchObject([{ granted: true }]);
    const old = new Solo({ options, entries: entriesOfTerms(1) });
    for (let i = 0; i < 5; i++) old.core.tick();
    old.turn();
    old.sent();
    old.step("vote-request", 2, ask).flush();
    expect(old.sentOf("vote-reply")).toMatchObject([{ granted: true }]);
  });

  it("keep to a leader whose process looks dead to them alone", () => {
    const solo = new Solo({ options });
    solo.append(3, 1, 0, 0, [], 0);
    solo.core.peerDown(3);
    solo.step("vote-request", 2, { ...ask, term: 2 }).flush();
    expect(solo.sentOf("vote-reply")).toEqual([]);
  });
});

describe("the times of rounds", () => {
  it("are bounded", () => {
    const lease = new Lease(100);
    for (let round = 1; round <= 1_000; round++) lease.roundBegan(round, round);
    lease.confirmed(900);
    expect(lease.untilMs).toBe(0);
    lease.confirmed(990);
    expect(lease.untilMs).toBe(1_090);
  });
});
