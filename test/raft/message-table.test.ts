import { describe, expect, it } from "@jest/globals";
import type { Message, Role, Status } from "../../src/raft/index.js";
import { voters } from "./harness.js";
import { entriesOfTerms, entry, Solo } from "./solo.js";

type State = Role | "learner" | "stranger" | "installing" | "leaderless";

const snapshot = { index: 9, term: 3, configuration: voters(1, 2, 3), configurationIndex: 0 };

/** A replica 1 in each state, in term 5, with entries of terms 1 1 3. */
const states: Record<State, () => Solo> = {
  leaderless: () => base(),
  follower: () => base().step("heartbeat", 2, { term: 5, commit: 0, context: 0 }),
  "pre-candidate": () => base().tickUntil("pre-candidate"),
  candidate: () => base(4).tickUntil("pre-candidate").vote(2, true, true).flush(),
  leader: () => base(4).lead(),
  learner: () => base(5, { voters: [2, 3], outgoing: [], learners: [1] }),
  stranger: () => base(5, voters(2, 3)),
  installing: () => base().step("snapshot-request", 2, { term: 5, snapshot }),
};

function base(term = 5, configuration = voters(1, 2, 3)): Solo {
  return new Solo({ hard: { term }, entries: entriesOfTerms(1, 1, 3), configuration });
}

/** Every type of message, each in variants that go down different paths. */
function messages(term: number): Message[] {
  const envelope = { from: 3, to: 1, term };
  const all: Message[] = [];
  for (const pre of [true, false]) {
    for (const transfer of [true, false])
      for (const [lastIndex, lastTerm] of [
        [1, 1],
        [9, 3],
        [1, 9],
      ] as const)
        all.push({ ...envelope, type: "vote-request", pre, lastIndex, lastTerm, transfer });
    for (const granted of [true, false]) all.push({ ...envelope, type: "vote-reply", pre, granted });
  }
  for (const [prevIndex, prevTerm] of [
    [0, 0],
    [3, 3],
    [3, 2],
    [8, 3],
  ] as const)
    for (const entries of [[], [entry(prevIndex + 1, Math.min(term, 4))]])
      all.push({ ...envelope, type: "append-request", prevIndex, prevTerm, commit: 1, entries });
  for (const refused of [true, false])
    for (const index of [0, 3])
      all.push({ ...envelope, type: "append-reply", refused, index, hintIndex: 1, hintTerm: 1 });
  for (const context of [0, 1]) {
    all.push({ ...envelope, type: "heartbeat", commit: 0, context });
    all.push({ ...envelope, type: "heartbeat-reply", context });
  }
  all.push({ ...envelope, type: "timeout-now" });
  for (const index of [2, 3, 20]) all.push({ ...envelope, type: "snapshot-request", snapshot: { ...snapshot, index } });
  return all;
}

const fromLeader = new Set<Message["type"]>(["append-request", "heartbeat", "snapshot-request"]);

/** What may become of a role within one message; a candidate or leader of a term never loses it to its own term's votes alone. */
const transitions: Record<Role, readonly Role[]> = {
  follower: ["follower", "candidate"],
  "pre-candidate": ["pre-candidate", "candidate", "follower"],
  candidate: ["candidate", "leader", "follower"],
  // A candidate only when the leader of a later term tells it to campaign.
  leader: ["leader", "follower", "candidate"],
};

function checkTransition(before: Status, after: Status, message: Message): void {
  expect(transitions[before.role]).toContain(after.role);
  if (before.role === "leader" && after.role === "candidate") expect(message.type).toBe("timeout-now");
  expect(after.term).toBeGreaterThanOrEqual(before.term);
  expect(after.commit).toBeGreaterThanOrEqual(before.commit);
  expect(after.lastIndex).toBeGreaterThanOrEqual(after.commit);
  if (after.term === before.term && before.vote !== 0) expect(after.vote).toBe(before.vote);
  if (after.role === "leader") expect(after.leader).toBe(1);
  if (after.role === "candidate" || after.role === "pre-candidate") expect(after.leader).toBe(0);
  if (message.term < before.term) expect({ ...after, vote: 0 }).toEqual({ ...before, vote: 0 });
  if (before.role === "leader" && after.role !== "leader") expect(after.term).toBeGreaterThan(before.term);
  const removed = !before.configuration.voters.includes(1);
  if (removed) expect(after.role).toBe("follower");
}

const names = Object.keys(states) as State[];

describe.each(names)("a %s", (name) => {
  it.each([
    ["an older", 4],
    ["its own", 5],
    ["a later", 7],
  ])("takes every message of %s term without a throw or an illegal transition (R17)", (_which, term) => {
    let count = 0;
    for (const message of messages(term)) {
      const solo = states[name]();
      solo.sent();
      const before = solo.status;
      expect(before.term).toBe(5);
      // Two leaders in one term cannot be: the only message that stops a replica. A follower of 2 is told so by another leader, too.
      const twoLeaders =
        term === 5 && (name === "leader" || (name === "follower" && message.type !== "snapshot-request"));
      if (twoLeaders && fromLeader.has(message.type)) {
        expect(() => solo.core.step(message)).toThrow("one leader in a term");
        continue;
      }
      solo.core.step(message);
      checkTransition(before, solo.status, message);
      solo.turn().flush();
      checkTransition(before, solo.status, message);
      for (const { from, to } of solo.sent()) expect([from, to === 1]).toEqual([1, false]);
      count++;
    }
    expect(count).toBeGreaterThan(15);
  });

  it("goes on living afterwards", () => {
    for (const message of messages(7)) {
      const solo = states[name]();
      solo.core.step(message);
      if (solo.replica.installing === undefined) solo.turn();
      solo.flush().step("append-request", 2, { term: 8, prevIndex: 2, prevTerm: 1, commit: 0, entries: [entry(3, 8)] });
      expect(solo.status).toMatchObject({ role: "follower", leader: 2, term: 8 });
    }
  });
});

describe("special cases of the table", () => {
  it("a leader and a candidate answer pre-votes of an old term with their own", () => {
    for (const name of ["leader", "candidate", "follower"] as const) {
      const solo = states[name]();
      solo.flush().sent();
      solo.step("vote-request", 3, { term: 4, pre: true, lastIndex: 9, lastTerm: 9, transfer: false }).flush();
      expect(solo.sentOf("vote-reply")).toMatchObject([{ granted: false, term: 5 }]);
    }
  });

  it("a replica that installs a snapshot votes and answers heartbeats", () => {
    const solo = states.installing();
    solo.step("vote-request", 3, { term: 6, pre: false, lastIndex: 9, lastTerm: 3, transfer: false }).flush();
    expect(solo.sentOf("vote-reply")).toMatchObject([{ granted: true }]);
    solo.step("heartbeat", 3, { term: 6, commit: 0, context: 4 }).flush();
    expect(solo.sentOf("heartbeat-reply")).toMatchObject([{ context: 4 }]);
  });
});
