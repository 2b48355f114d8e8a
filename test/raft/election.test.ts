import { describe, expect, it } from "@jest/globals";
import { voters } from "./harness.js";
import { entriesOfTerms, entry, Solo, type SoloInit } from "./solo.js";

/** A vote request for `term` from 2, with a log that ends at (lastIndex, lastTerm). */
function ask(solo: Solo, term: number, lastIndex = 0, lastTerm = 0, pre = false, transfer = false, from = 2): boolean {
  solo.sent();
  solo.step("vote-request", from, { term, pre, lastIndex, lastTerm, transfer }).flush();
  return solo.sentOf("vote-reply").some(({ granted }) => granted);
}

/** A follower of 3 in `term`, who just heard it. */
function following(init: SoloInit = {}, term = 5): Solo {
  const solo = new Solo(init);
  solo.step("heartbeat", 3, { term, commit: 0, context: 0 }).flush();
  solo.sent();
  return solo;
}

describe("starting an election (section 5.2)", () => {
  it("starts as a follower and stays one while a leader is heard", () => {
    const solo = new Solo();
    expect(solo.status.role).toBe("follower");
    for (let i = 0; i < 50; i++) solo.tick().step("heartbeat", 3, { term: 1, commit: 0, context: 0 });
    expect([solo.status.role, solo.status.leader, solo.status.term]).toEqual(["follower", 3, 1]);
  });

  it("waits at least E and less than 2E ticks", () => {
    const seen = new Set<number>();
    const solo = new Solo({ configuration: voters(1, 2, 3), options: { electionTicks: 10 } });
    for (let round = 0; round < 200; round++) {
      solo.step("heartbeat", 3, { term: round + 1, commit: 0, context: 0 }).flush();
      let ticks = 0;
      while (solo.status.role === "follower") {
        solo.tick();
        ticks++;
      }
      seen.add(ticks);
    }
    expect(Math.min(...seen)).toBe(10);
    expect(Math.max(...seen)).toBe(19);
  });

  it("asks first whether it could win, and changes nothing but its role", () => {
    const solo = new Solo({ hard: { term: 4, vote: 3 }, entries: entriesOfTerms(1, 4) });
    solo.tickUntil("pre-candidate");
    expect([solo.status.term, solo.status.vote, solo.replica.disk.pending]).toEqual([4, 3, 0]);
    const request = { type: "vote-request", from: 1, term: 5, pre: true, lastIndex: 2, lastTerm: 4, transfer: false };
    expect(solo.sent()).toEqual([
      { ...request, to: 2 },
      { ...request, to: 3 },
    ]);
  });

  it("increments the term, votes for itself and asks all others when a majority would give its vote", () => {
    const solo = new Solo({ hard: { term: 4 }, entries: entriesOfTerms(1, 4) });
    solo.tickUntil("pre-candidate").sent();
    solo.vote(2, true, true);
    expect([solo.status.role, solo.status.term, solo.status.vote]).toEqual(["candidate", 5, 1]);
    // Only what a crash cannot take back is asked with.
    expect(solo.sent()).toEqual([]);
    solo.flush();
    expect(solo.sentOf("vote-request").map(({ to, term, pre }) => [to, term, pre])).toEqual([
      [2, 5, false],
      [3, 5, false],
    ]);
  });

  it("does not ask learners", () => {
    const solo = new Solo({ configuration: { voters: [1, 2], outgoing: [], learners: [3] } });
    solo.tickUntil("pre-candidate");
    expect(solo.sent().map(({ to }) => to)).toEqual([2]);
  });
});

describe("the outcome of an election", () => {
  const campaigning = (init: SoloInit = { configuration: voters(1, 2, 3, 4, 5) }): Solo => {
    const solo = new Solo(init).tickUntil("pre-candidate");
    for (const id of [2, 3]) solo.vote(id, true, true);
    solo.flush().sent();
    expect(solo.status.role).toBe("candidate");
    return solo;
  };

  it("is won with the votes of a majority", () => {
    const solo = campaigning();
    solo.vote(2);
    expect(solo.status.role).toBe("candidate");
    solo.vote(3);
    expect([solo.status.role, solo.status.leader]).toEqual(["leader", 1]);
  });

  it("counts each voter once, its first answer", () => {
    const solo = campaigning();
    solo.vote(2).vote(2).vote(2);
    expect(solo.status.role).toBe("candidate");
    solo.vote(4, false).vote(4).vote(9).vote(8);
    expect(solo.status.role).toBe("candidate");
  });

  it("is lost when a majority refuses", () => {
    const solo = campaigning();
    for (const id of [2, 3, 4]) solo.vote(id, false);
    expect([solo.status.role, solo.status.term, solo.status.vote]).toEqual(["follower", 1, 1]);
  });

  it("is left undecided by a split vote; a new one starts after a timeout", () => {
    const solo = campaigning();
    solo.vote(2).vote(4, false).vote(5, false);
    expect(solo.status.role).toBe("candidate");
    solo.tickUntil("pre-candidate");
    expect([solo.status.term, solo.status.vote]).toEqual([1, 1]);
  });

  it("is lost to a leader of the same term, or of a later one", () => {
    expect(campaigning().append(3, 1, 0, 0, []).status).toMatchObject({ role: "follower", leader: 3, term: 1 });
    const later = campaigning().step("heartbeat", 3, { term: 2, commit: 0, context: 0 });
    expect(later.status).toMatchObject({ role: "follower", leader: 3, term: 2 });
  });

  it("ignores votes of another term or another kind", () => {
    const solo = campaigning();
    for (const from of [2, 3, 4]) {
      solo.step("vote-reply", from, { term: 0, pre: false, granted: true });
      solo.step("vote-reply", from, { term: 2, pre: true, granted: true });
    }
    expect([solo.status.role, solo.status.term]).toEqual(["candidate", 1]);
  });

  it("waits until the own vote is durable, whatever the others say (R11, R12)", () => {
    const solo = new Solo({ configuration: voters(1, 2, 3, 4, 5) }).tickUntil("pre-candidate");
    for (const id of [2, 3]) solo.vote(id, true, true);
    for (const id of [2, 3, 4, 5]) solo.vote(id);
    expect(solo.status.role).toBe("candidate");
    solo.flush();
    expect(solo.status.role).toBe("leader");
  });

  it("needs a majority of both halves of a joint configuration", () => {
    const joint = { voters: [1, 2, 3], outgoing: [3, 4, 5], learners: [] };
    const solo = new Solo({ configuration: joint }).tickUntil("pre-candidate");
    solo.vote(2, true, true).vote(4, true, true);
    expect(solo.status.role).toBe("pre-candidate");
    solo.vote(5, true, true);
    expect(solo.status.role).toBe("candidate");
  });

  it("of a single voter is won by its own vote, once that is durable", () => {
    const solo = new Solo({ configuration: voters(1) }).tickUntil("candidate");
    expect(solo.status.role).toBe("candidate");
    expect(solo.sent()).toEqual([]);
    solo.flush();
    expect(solo.status.role).toBe("leader");
  });
});

describe("pre-vote (thesis 9.6)", () => {
  it("is lost when a majority refuses, without a trace", () => {
    const solo = new Solo({ hard: { term: 4, vote: 2 } }).tickUntil("pre-candidate");
    solo.vote(2, false, true).vote(3, false, true);
    expect([solo.status.role, solo.status.term, solo.status.vote]).toEqual(["follower", 4, 2]);
  });

  it("is refused with the own term, so that the asker may catch up", () => {
    const solo = new Solo({ hard: { term: 9 }, entries: entriesOfTerms(1) });
    solo.step("vote-request", 2, { term: 5, pre: true, lastIndex: 9, lastTerm: 4, transfer: false });
    expect(solo.sent()).toEqual([{ type: "vote-reply", from: 1, to: 2, term: 9, pre: true, granted: false }]);
    const asker = new Solo({ hard: { term: 4 } }).tickUntil("pre-candidate");
    asker.step("vote-reply", 2, { term: 9, pre: true, granted: false });
    expect([asker.status.role, asker.status.term]).toEqual(["follower", 9]);
  });

  it("is granted with the term asked for", () => {
    const solo = new Solo({ hard: { term: 4 } });
    solo.step("vote-request", 2, { term: 5, pre: true, lastIndex: 0, lastTerm: 0, transfer: false });
    expect(solo.sent()).toEqual([{ type: "vote-reply", from: 1, to: 2, term: 5, pre: true, granted: true }]);
  });

  it("changes nothing in the granter: neither term nor vote nor timer (R18)", () => {
    const ticksLeft = (ask: boolean): number => {
      const solo = new Solo({ hard: { term: 4, vote: 3 } }).tick(3);
      if (ask) solo.step("vote-request", 2, { term: 9, pre: true, lastIndex: 0, lastTerm: 0, transfer: false });
      expect(solo.replica.disk.pending).toBe(0);
      expect([solo.status.term, solo.status.vote, solo.status.role]).toEqual([4, 3, "follower"]);
      for (let ticks = 0; ; ticks++) if (solo.tick().status.role !== "follower") return ticks;
    };
    expect(ticksLeft(true)).toBe(ticksLeft(false));
  });

  it("may be granted to several, and by one that votes otherwise", () => {
    const solo = new Solo({ hard: { term: 4, vote: 3 } });
    expect(ask(solo, 5, 0, 0, true)).toBe(true);
    expect(ask(solo, 5, 0, 0, true, false, 3)).toBe(true);
    solo.tickUntil("pre-candidate");
    expect(ask(solo, 5, 0, 0, true)).toBe(true);
    expect(solo.status.role).toBe("pre-candidate");
  });

  it("is granted by a candidate, which goes on", () => {
    const solo = new Solo().tickUntil("pre-candidate");
    solo.vote(2, true, true);
    expect(ask(solo, 2, 0, 0, true, false, 3)).toBe(true);
    expect(solo.status.role).toBe("candidate");
  });
});

describe("voting", () => {
  it("goes to one candidate in a term, and to that again (section 5.2)", () => {
    const solo = new Solo();
    expect(ask(solo, 5)).toBe(true);
    expect(solo.status.vote).toBe(2);
    expect(ask(solo, 5)).toBe(true);
    expect(ask(solo, 5, 0, 0, false, false, 3)).toBe(false);
    expect(ask(solo, 6, 0, 0, false, false, 3)).toBe(true);
  });

  it("is refused to an older term, with the own", () => {
    const solo = new Solo({ hard: { term: 9 } });
    solo.step("vote-request", 2, { term: 5, pre: false, lastIndex: 9, lastTerm: 4, transfer: false });
    expect(solo.sent()).toEqual([{ type: "vote-reply", from: 1, to: 2, term: 9, pre: false, granted: false }]);
    expect(solo.status.vote).toBe(0);
  });

  it.each([
    ["an older last term, though longer", 9, 2, false],
    ["the same last term, shorter", 2, 3, false],
    ["an equal log", 3, 3, true],
    ["a longer log", 4, 3, true],
    ["a newer last term, though shorter", 1, 4, true],
  ])("compares logs (section 5.4.1): %s", (_name, lastIndex, lastTerm, granted) => {
    const init = { hard: { term: 4 }, entries: entriesOfTerms(1, 3, 3) };
    expect(ask(new Solo(init), 5, lastIndex, lastTerm)).toBe(granted);
    expect(ask(new Solo(init), 5, lastIndex, lastTerm, true)).toBe(granted);
  });

  it("is answered only when durable", () => {
    const solo = new Solo();
    solo.step("vote-request", 2, { term: 5, pre: false, lastIndex: 0, lastTerm: 0, transfer: false });
    expect(solo.sent()).toEqual([]);
    solo.flush();
    expect(solo.sentOf("vote-reply")).toHaveLength(1);
    expect(solo.replica.disk.hard).toMatchObject({ term: 5, vote: 2 });
  });

  it("is remembered across a restart", () => {
    const solo = new Solo();
    expect(ask(solo, 5)).toBe(true);
    solo.replica.restart();
    expect(ask(solo, 5, 9, 4, false, false, 3)).toBe(false);
    expect(ask(solo, 5)).toBe(true);
  });

  it("survives step-down, transfer and a lost candidacy in the same term (R2)", () => {
    const leader = new Solo().establish();
    leader.tickUntil("follower");
    expect([leader.status.role, leader.status.vote]).toEqual(["follower", 1]);
    expect(ask(leader, 1, 9, 1, false, true)).toBe(false);

    const candidate = new Solo().tickUntil("pre-candidate");
    candidate.vote(2, true, true);
    candidate.vote(2, false).vote(3, false);
    expect(candidate.status.role).toBe("follower");
    expect(ask(candidate, 1, 9, 1)).toBe(false);

    const voter = new Solo();
    expect(ask(voter, 5)).toBe(true);
    voter.append(2, 5, 0, 0, []).tick(20);
    expect(voter.status.role).toBe("pre-candidate");
    expect(ask(voter, 5, 9, 4, false, false, 3)).toBe(false);
    expect(ask(voter, 5, 9, 4)).toBe(true);
  });

  it("is not given while a leader of this term is known", () => {
    const solo = following();
    expect(ask(solo, 5, 9, 9)).toBe(false);
    expect(solo.status).toMatchObject({ leader: 3, vote: 0 });
  });

  it("is given by a learner, which may have been promoted without knowing", () => {
    const solo = new Solo({ configuration: { voters: [2, 3], outgoing: [], learners: [1] } });
    expect(ask(solo, 5)).toBe(true);
    const outsider = new Solo({ configuration: voters(2, 3) });
    expect(ask(outsider, 5)).toBe(true);
  });
});

describe("leader stickiness (thesis 4.2.3)", () => {
  it("ignores requests for later terms for E ticks after the leader was heard", () => {
    const solo = following().tick(4);
    for (const pre of [true, false])
      solo.step("vote-request", 2, { term: 9, pre, lastIndex: 9, lastTerm: 9, transfer: false });
    expect(solo.sent()).toEqual([]);
    expect(solo.status).toMatchObject({ term: 5, leader: 3 });
  });

  it("ends with the leader's silence", () => {
    const solo = new Solo({ options: { electionTicks: 50 } });
    solo.step("heartbeat", 3, { term: 5, commit: 0, context: 0 }).tick(49);
    expect(ask(solo, 6, 9, 9, true)).toBe(false);
    solo.tick();
    expect(ask(solo, 6, 9, 9, true)).toBe(true);
    expect(ask(solo, 6, 9, 9)).toBe(true);
  });

  it("does not apply to a transfer, which the leader wants", () => {
    expect(ask(following(), 6, 9, 9, false, true)).toBe(true);
  });

  it("does not apply to the leader itself, which leads no more when it asks (R18)", () => {
    expect(ask(following(), 6, 9, 9, true, false, 3)).toBe(true);
  });

  it("holds for a leader, which a transfer deposes", () => {
    const solo = new Solo().establish();
    for (const pre of [true, false]) expect(ask(solo, 2, 9, 9, pre)).toBe(false);
    expect(solo.status).toMatchObject({ role: "leader", term: 1 });
    expect(ask(solo, 2, 9, 9, false, true)).toBe(true);
    expect(solo.status).toMatchObject({ role: "follower", term: 2, vote: 2 });
  });
});

describe("fast suspicion", () => {
  it("campaigns within six ticks when the leader's process is gone", () => {
    const solo = following({ options: { electionTicks: 100 } });
    solo.core.peerDown(2);
    solo.tick(10);
    expect(solo.status.role).toBe("follower");
    solo.core.peerDown(3);
    solo.tick(6);
    expect(solo.status.role).toBe("pre-candidate");
  });

  it("lets others campaign too", () => {
    const solo = following();
    solo.core.peerDown(3);
    expect(ask(solo, 6, 9, 9, true)).toBe(true);
  });

  it("is forgotten when the leader speaks", () => {
    const solo = following({ options: { electionTicks: 100 } });
    solo.core.peerDown(3);
    solo.step("heartbeat", 3, { term: 5, commit: 0, context: 0 }).tick(20);
    expect(solo.status).toMatchObject({ role: "follower", leader: 3 });
    expect(ask(solo, 6, 9, 9, true)).toBe(false);
  });

  it("means nothing to a leader", () => {
    const solo = new Solo().establish();
    solo.core.peerDown(2);
    expect(solo.tick(3).status.role).toBe("leader");
  });
});

describe("who may campaign", () => {
  const config = (ids: number[], learners: number[] = []) => ({ voters: ids, outgoing: [], learners });

  it("no learner and no outsider (R30)", () => {
    for (const configuration of [config([2, 3], [1]), config([2, 3])]) {
      const solo = new Solo({ configuration }).tick(50);
      expect([solo.status.role, solo.sent()]).toEqual(["follower", []]);
      solo.step("timeout-now", 2, { term: 1 });
      expect(solo.status).toMatchObject({ role: "follower", term: 1 });
    }
  });

  it("an outgoing voter of a joint configuration", () => {
    const solo = new Solo({ configuration: { voters: [2, 3], outgoing: [1, 2], learners: [] } });
    expect(solo.tickUntil("pre-candidate").status.role).toBe("pre-candidate");
  });

  it("no replica that still installs a snapshot", () => {
    const solo = new Solo();
    const snapshot = { index: 9, term: 3, configuration: voters(1, 2, 3), configurationIndex: 0 };
    solo.step("snapshot-request", 2, { term: 3, snapshot }).tick(50);
    expect(solo.status.role).toBe("follower");
    solo.step("timeout-now", 2, { term: 3 });
    expect(solo.status.role).toBe("follower");
  });

  it("no replica whose disk does not answer", () => {
    const solo = following();
    solo.append(3, 5, 0, 0, entriesOfTerms(5));
    for (let i = 0; i < 11; i++) solo.tick().step("heartbeat", 3, { term: 5, commit: 0, context: 0 });
    solo.tick(20);
    expect(solo.status.role).toBe("follower");
    solo.flush();
    expect(solo.tickUntil("pre-candidate").status.role).toBe("pre-candidate");
  });

  it("no replica that was told to stand aside, nor when the leader asks it to; it votes and follows, and may be called back", () => {
    const solo = new Solo();
    solo.core.standAside(true);
    solo.tick(50).step("timeout-now", 2, { term: 1 });
    expect([solo.status.role, solo.status.term, solo.sent()]).toEqual(["follower", 1, []]);
    expect(ask(solo, 3)).toBe(true);
    solo.append(2, 3, 0, 0, [entry(1, 3)]).flush();
    expect(solo.sentOf("append-reply")).toMatchObject([{ to: 2, index: 1, refused: false }]);
    solo.tick(50);
    expect(solo.status).toMatchObject({ role: "follower", leader: 0 });
    solo.core.standAside(false);
    expect(solo.tick().status.role).toBe("pre-candidate");
  });

  it("no replica that is told to stand aside in the midst of it: votes that come later elect nobody", () => {
    const early = new Solo().tickUntil("pre-candidate");
    early.core.standAside(true);
    expect(early.turn().vote(2, true, true).status).toMatchObject({ role: "follower", term: 0, vote: 0 });
    const late = new Solo().tickUntil("pre-candidate").vote(2, true, true);
    late.core.standAside(true);
    late.flush().vote(2).vote(3);
    expect(late.status).toMatchObject({ role: "follower", term: 1, vote: 1 });
  });

  it("a replica without which nobody would, although it was told to stand aside", () => {
    const solo = new Solo({ configuration: config([1], [2]) });
    solo.core.standAside(true);
    expect(solo.tickUntil("candidate").flush().status.role).toBe("leader");
    const leaving = new Solo({ configuration: { voters: [1], outgoing: [1, 2], learners: [] } });
    leaving.core.standAside(true);
    expect(leaving.tick(50).status.role).toBe("follower");
  });

  it("no replica that stands aside, but it may go on leading until the host has handed over", () => {
    const solo = new Solo().establish();
    solo.core.standAside(true);
    expect(solo.turn().status.role).toBe("leader");
    expect(solo.core.transferLeadership(2)).toBe(true);
  });

  it("forgets a silent leader even when it may not campaign itself", () => {
    const solo = following({ configuration: config([2, 3], [1]) }).tick(20);
    expect(solo.status.leader).toBe(0);
  });
});
