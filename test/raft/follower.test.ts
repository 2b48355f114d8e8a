import { describe, expect, it } from "@jest/globals";
import { EntryKind, encodeConfiguration } from "../../src/raft/index.js";
import { raftLimits } from "../../src/raft/limits.js";
import { voters } from "./harness.js";
import { entriesOfTerms, entry, Solo } from "./solo.js";

const acks = (solo: Solo): number[] =>
  solo
    .sentOf("append-reply")
    .filter(({ refused }) => !refused)
    .map(({ index }) => index);

const termsOf = (solo: Solo): (number | undefined)[] =>
  Array.from({ length: solo.status.lastIndex }, (_, i) => solo.core.term(i + 1));

describe("the consistency check (section 5.3)", () => {
  const follower = (): Solo => new Solo({ hard: { term: 4 }, entries: entriesOfTerms(1, 1, 3, 3) });

  it("accepts entries that follow one it has", () => {
    const solo = follower().append(2, 4, 4, 3, [entry(5, 4)]);
    expect(acks(solo)).toEqual([]);
    solo.flush();
    expect(acks(solo)).toEqual([5]);
    expect(termsOf(solo)).toEqual([1, 1, 3, 3, 4]);
  });

  it("refuses entries that follow one it lacks, and helps the leader to go back", () => {
    const reply = { type: "append-reply", from: 1, to: 2, term: 4, refused: true };
    const solo = follower().append(2, 4, 7, 4, [entry(8, 4)]);
    expect(solo.sent()).toEqual([{ ...reply, index: 7, hintIndex: 4, hintTerm: 3 }]);
    solo.append(2, 4, 3, 2, []);
    expect(solo.sent()).toEqual([{ ...reply, index: 3, hintIndex: 2, hintTerm: 1 }]);
    expect(termsOf(solo)).toEqual([1, 1, 3, 3]);
  });

  it("names its last entry of a term that the leader may have, past all of a term that it cannot", () => {
    const solo = new Solo({ hard: { term: 5 }, entries: entriesOfTerms(1, 1, 3, 3, 3, 4) });
    solo.append(2, 5, 6, 2, []);
    expect(solo.sent()).toMatchObject([{ refused: true, index: 6, hintIndex: 2, hintTerm: 1 }]);
    solo.append(2, 5, 9, 3, []);
    expect(solo.sent()).toMatchObject([{ refused: true, index: 9, hintIndex: 5, hintTerm: 3 }]);
  });

  it("drops what contradicts the leader, from the first conflict on", () => {
    const solo = follower()
      .append(2, 4, 1, 1, [entry(2, 1), entry(3, 2), entry(4, 4)])
      .flush();
    expect(termsOf(solo)).toEqual([1, 1, 2, 4]);
    expect(solo.replica.disk.entries.map(({ term }) => term)).toEqual([1, 1, 2, 4]);
    expect(acks(solo)).toEqual([4]);
  });

  it("keeps entries beyond the message that do not contradict it", () => {
    const solo = follower().append(2, 4, 0, 0, [entry(1, 1), entry(2, 1)]);
    expect(termsOf(solo)).toEqual([1, 1, 3, 3]);
    expect(acks(solo)).toEqual([2]);
    expect(solo.replica.disk.pending).toBe(0);
  });

  it("never goes back behind what it acknowledged: an old message of the leader is answered with all of it (R15)", () => {
    const solo = follower()
      .append(2, 4, 4, 3, [entry(5, 4), entry(6, 4)])
      .flush();
    acks(solo);
    solo.append(2, 4, 4, 3, [entry(5, 4)]);
    expect(acks(solo)).toEqual([6]);
    expect(solo.status.lastIndex).toBe(6);
  });

  it("answers an append below the commit index with that, untouched (R15)", () => {
    const solo = new Solo({ hard: { term: 4, commit: 3 }, entries: entriesOfTerms(1, 1, 3, 3) });
    solo.append(2, 4, 1, 1, [entry(2, 4)]);
    expect(acks(solo)).toEqual([3]);
    expect(termsOf(solo)).toEqual([1, 1, 3, 3]);
  });

  it("takes a conflict with what is committed for the end of the world", () => {
    const solo = new Solo({ hard: { term: 4, commit: 3 }, entries: entriesOfTerms(1, 1, 3, 3) });
    solo
      .append(2, 4, 3, 3, [entry(4, 4)])
      .flush()
      .sent();
    solo.append(2, 4, 4, 4, [], 4);
    expect(() => solo.append(3, 5, 4, 4, [entry(5, 5)]).append(3, 5, 5, 5, [entry(5, 6)])).toThrow(
      "follow its prevIndex",
    );
    const other = new Solo({ hard: { term: 4 }, entries: entriesOfTerms(1, 1) }).append(2, 4, 2, 1, [entry(3, 4)]);
    expect(() => other.append(2, 4, 2, 1, [entry(3, 2)])).toThrow("contradicts");
  });

  it("demands entries that follow each other", () => {
    expect(() => follower().append(2, 4, 4, 3, [entry(6, 4)])).toThrow("follow its prevIndex");
  });
});

describe("acknowledging", () => {
  it("waits for the disk, and one flush answers all it covered", () => {
    const solo = new Solo();
    solo
      .append(2, 1, 0, 0, [entry(1, 1)])
      .append(2, 1, 1, 1, [entry(2, 1)])
      .append(2, 1, 2, 1, [entry(3, 1)]);
    expect(acks(solo)).toEqual([]);
    solo.replica.flush();
    expect(acks(solo)).toEqual([1]);
    solo.flush();
    expect(acks(solo)).toEqual([2, 3]);
  });

  it("is for what was verified in this term, not for all there is", () => {
    const solo = new Solo({ entries: entriesOfTerms(1, 1, 1) });
    solo.append(2, 2, 1, 1, []).flush();
    expect(acks(solo)).toEqual([1]);
    solo.append(2, 2, 3, 1, []);
    expect(acks(solo)).toEqual([3]);
    solo.append(3, 3, 2, 1, []).flush();
    expect(acks(solo)).toEqual([2]);
  });

  it("waits for the term to be durable", () => {
    const solo = new Solo({ entries: entriesOfTerms(1, 1) });
    solo.append(2, 2, 2, 1, []);
    expect(solo.sent()).toEqual([]);
    solo.flush();
    expect(acks(solo)).toEqual([2]);
  });

  it("is not delayed by a later flush", () => {
    const solo = new Solo().append(2, 1, 0, 0, [entry(1, 1)]);
    solo.replica.flush();
    expect(acks(solo)).toEqual([1]);
    solo.append(2, 1, 1, 1, [entry(2, 1)]).append(2, 1, 0, 0, [entry(1, 1)]);
    solo.append(2, 1, 2, 1, [entry(3, 1)]);
    solo.replica.flush();
    expect(acks(solo)).toEqual([2]);
    expect(solo.replica.disk.pending).toBe(1);
  });

  it("covers nothing that was overwritten before it was flushed (R8)", () => {
    const solo = new Solo({ entries: entriesOfTerms(...Array.from({ length: 9 }, () => 1)) });
    solo.append(
      2,
      1,
      9,
      1,
      Array.from({ length: 11 }, (_, i) => entry(10 + i, 1)),
    );
    solo.append(3, 2, 9, 1, [entry(10, 2)]);
    expect(solo.status.durable).toBe(9);
    solo.replica.flush();
    expect(acks(solo).every((index) => index <= 9)).toBe(true);
    solo.flush();
    expect(acks(solo)).toEqual([10]);
  });

  it("is not fooled by late completions when entries come again (R9)", () => {
    const solo = new Solo({ entries: entriesOfTerms(1) });
    solo.append(2, 2, 1, 1, [entry(2, 2), entry(3, 2)]);
    solo.append(3, 3, 1, 1, [entry(2, 3)]);
    solo.append(2, 4, 1, 1, [entry(2, 2), entry(3, 2)]);
    expect(solo.replica.disk.pending).toBe(3);
    solo.replica.flush();
    expect([solo.status.durable, acks(solo)]).toEqual([1, []]);
    solo.replica.flush();
    expect([solo.status.durable, acks(solo)]).toEqual([1, []]);
    solo.replica.flush();
    expect([solo.status.durable, acks(solo)]).toEqual([3, [3]]);
  });

  it("stops while applying lags, and goes on when it has caught up", () => {
    const { unappliedEntriesMax, unappliedEntriesResume } = raftLimits;
    const count = unappliedEntriesMax + 1;
    const solo = new Solo({ entries: Array.from({ length: count }, (_, i) => entry(i + 1, 1, "")) });
    solo.append(2, 1, count, 1, [], count);
    expect(acks(solo)).toEqual([]);
    expect(solo.status.commit).toBe(count);
    solo.replica.apply(count - unappliedEntriesResume - 1);
    expect(acks(solo)).toEqual([]);
    solo.apply();
    expect(acks(solo)).toEqual([count]);
  });
});

describe("the commit index of a follower", () => {
  it("follows the leader's, up to what the message verified (R7)", () => {
    const solo = new Solo({ entries: entriesOfTerms(1, 1, 1, 1) });
    solo.append(2, 2, 2, 1, [], 9);
    expect(solo.status.commit).toBe(2);
    solo.append(2, 2, 2, 1, [entry(3, 2)], 9);
    expect(solo.status.commit).toBe(3);
    solo.append(2, 2, 3, 2, [], 1);
    expect(solo.status.commit).toBe(3);
  });

  it("is taken from heartbeats, which carry only what this replica acknowledged", () => {
    const solo = new Solo({ entries: entriesOfTerms(1, 1, 1) }).append(2, 1, 3, 1, []);
    solo.step("heartbeat", 2, { term: 1, commit: 2, context: 0 });
    expect(solo.status.commit).toBe(2);
    solo.step("heartbeat", 2, { term: 1, commit: 1, context: 0 });
    expect(solo.status.commit).toBe(2);
    expect(() => solo.step("heartbeat", 2, { term: 1, commit: 4, context: 0 })).toThrow("lost acknowledged entries");
  });

  it("lets nothing be applied that is not on the own disk", () => {
    const solo = new Solo().append(2, 1, 0, 0, [entry(1, 1), entry(2, 1)], 2);
    expect([solo.status.commit, solo.replica.commitTarget]).toEqual([2, 0]);
    solo.flush();
    expect(solo.replica.commitTarget).toBe(2);
    solo.apply();
    expect(solo.replica.history).toEqual(["e1", "e2"]);
  });
});

describe("heartbeats", () => {
  it("are answered with their context, behind a flush that is under way", () => {
    const solo = new Solo().step("heartbeat", 2, { term: 1, commit: 0, context: 7 });
    expect(solo.sent()).toEqual([]);
    solo.flush();
    expect(solo.sent()).toEqual([{ type: "heartbeat-reply", from: 1, to: 2, term: 1, context: 7 }]);
    solo.step("heartbeat", 2, { term: 1, commit: 0, context: 8 });
    expect(solo.sent()).toHaveLength(1);
  });

  it("of an old leader are answered with the new term", () => {
    const solo = new Solo({ hard: { term: 9 } });
    solo.step("heartbeat", 2, { term: 3, commit: 0, context: 0 }).append(2, 3, 0, 0, [entry(1, 3)]);
    const replies = solo.sentOf("append-reply");
    expect(replies.map(({ term, refused }) => [term, refused])).toEqual([
      [9, true],
      [9, true],
    ]);
    expect(solo.status).toMatchObject({ leader: 0, lastIndex: 0 });
  });
});

describe("a leader outside the known configuration", () => {
  it("is followed: the follower's configuration may be old", () => {
    const solo = new Solo({ configuration: voters(1, 2, 3) });
    solo.append(9, 1, 0, 0, [entry(1, 1)], 1).flush();
    expect(acks(solo)).toEqual([1]);
    expect(solo.status).toMatchObject({ leader: 9, commit: 1 });
  });
});

describe("configurations in the log", () => {
  const configEntry = (index: number, term: number, ...ids: number[]) => ({
    ...entry(index, term),
    kind: EntryKind.config,
    data: encodeConfiguration(voters(...ids)),
  });

  it("rule from the moment they are appended, and go with their entry", () => {
    const solo = new Solo().append(2, 1, 0, 0, [entry(1, 1), configEntry(2, 1, 1, 2, 3, 4)]);
    expect(solo.status).toMatchObject({ configurationIndex: 2, configuration: voters(1, 2, 3, 4) });
    solo.append(3, 2, 1, 1, [entry(2, 2)]);
    expect(solo.status).toMatchObject({ configurationIndex: 0, configuration: voters(1, 2, 3) });
  });

  it("are known again after a restart", () => {
    const solo = new Solo().append(2, 1, 0, 0, [entry(1, 1), configEntry(2, 1, 1, 2)]).flush();
    solo.replica.restart();
    expect(solo.status).toMatchObject({ configurationIndex: 2, configuration: voters(1, 2) });
    expect(solo.core.configurationAt(1)).toEqual({ index: 0, configuration: voters(1, 2, 3) });
  });
});
