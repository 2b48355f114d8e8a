import { describe, expect, it } from "@jest/globals";
import { Xoshiro128 } from "../../src/base/index.js";
import { ReplicaState } from "../../src/raft/state.js";
import { bootstrap, testOptions, voters } from "./harness.js";
import { entry } from "./solo.js";

/** A follower in term 5 with entries 1 to 4 of term 3, the first two committed. */
const state = (): ReplicaState =>
  new ReplicaState(
    { ...testOptions, id: 1, rng: new Xoshiro128(1) },
    {
      hard: { term: 5, vote: 0, commit: 2 },
      snapshot: bootstrap(voters(1, 2, 3)),
      termRuns: [{ from: 1, term: 3 }],
      lastIndex: 4,
      configurations: [],
    },
  );

describe("what always holds, and stops a replica when it does not", () => {
  it("terms only grow, and a vote is given once in each", () => {
    const s = state();
    expect(() => s.becomeFollower(4, 0)).toThrow("terms only grow");
    s.voteFor(2);
    s.voteFor(2);
    expect(() => s.voteFor(3)).toThrow("one vote in a term");
    s.becomeFollower(5, 0);
    expect(s.vote).toBe(2);
    s.becomeFollower(6, 0);
    expect(s.vote).toBe(0);
  });

  it("a term has one leader", () => {
    const s = state();
    s.heardLeader(2);
    expect(() => s.heardLeader(3)).toThrow("one leader in a term");
  });

  it("only a candidate becomes leader, and a leader does not campaign", () => {
    const s = state();
    expect(() => s.becomeLeader()).toThrow("only a candidate");
    s.becomeCandidate();
    s.becomeLeader();
    expect(() => s.becomeCandidate()).toThrow("does not campaign");
    expect(() => s.becomePreCandidate()).toThrow("does not campaign");
  });

  it("the commit index never goes back, nor beyond the log", () => {
    const s = state();
    s.commitTo(1);
    expect(s.commit).toBe(2);
    expect(() => s.commitTo(5)).toThrow("lost acknowledged entries");
  });

  it("only what is committed and durable is applied, in order", () => {
    const s = state();
    s.appliedTo(2);
    s.appliedTo(1);
    expect(s.applied).toBe(2);
    expect(() => s.appliedTo(3)).toThrow("committed and durable");
    s.append(entry(5, 5));
    s.commitTo(5);
    expect(() => s.appliedTo(5)).toThrow("committed and durable");
  });

  it("nothing committed or verified is truncated, and no entry is ahead of the term", () => {
    const s = state();
    expect(() => s.truncate(2)).toThrow("committed entries are never dropped");
    s.verify(3);
    expect(() => s.truncate(3)).toThrow("contradicts");
    s.truncate(4);
    expect(s.log.lastIndex).toBe(3);
    expect(() => s.append(entry(4, 6))).toThrow("ahead of the term");
  });

  it("what was verified in one term says nothing in the next", () => {
    const s = state();
    s.verify(4);
    s.verify(3);
    expect(s.verified).toBe(4);
    s.becomeFollower(6, 0);
    expect(s.verified).toBe(2);
  });

  it("a snapshot is installed when asked for, and takes nothing back", () => {
    const s = state();
    const snapshot = { ...bootstrap(voters(1, 2, 3)), index: 9, term: 4 };
    expect(() => s.installed(snapshot)).toThrow("asked for");
    s.installing = { ...snapshot, index: 1 };
    expect(() => s.installed({ ...snapshot, index: 1 })).toThrow("takes back");
    s.installing = snapshot;
    s.installed(snapshot);
    expect([s.commit, s.applied, s.verified, s.installing]).toEqual([9, 9, 9, undefined]);
  });
});
