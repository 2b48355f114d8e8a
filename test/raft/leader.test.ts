import { describe, expect, it } from "@jest/globals";
import { EntryKind } from "../../src/raft/index.js";
import { raftLimits } from "../../src/raft/limits.js";
import { voters } from "./harness.js";
import { entriesOfTerms, entry, Solo } from "./solo.js";

describe("commitment (sections 5.3 and 5.4.2)", () => {
  it("needs a majority, and the own disk counts only when it has answered", () => {
    const solo = new Solo().establish();
    solo.propose();
    expect(solo.status.commit).toBe(1);
    solo.acknowledge(2, 2);
    expect(solo.status.commit).toBe(1);
    solo.flush();
    expect(solo.status.commit).toBe(2);
  });

  it("may run ahead of the own disk when the others suffice, but applying may not", () => {
    const solo = new Solo().establish(2, 3);
    solo.propose();
    solo.acknowledge(2, 2).acknowledge(3, 2);
    expect([solo.status.commit, solo.status.durable, solo.replica.commitTarget]).toEqual([2, 1, 1]);
    solo.flush();
    expect(solo.replica.commitTarget).toBe(2);
  });

  it.each([
    [[2, 2], 2],
    [[3, 1], 3],
    [[1, 1], 1],
    [[3, 3], 3],
  ])("with followers at %j is %i", ([a, b], commit) => {
    const solo = new Solo().establish(2, 3);
    solo.propose();
    solo.propose();
    solo.flush();
    solo.acknowledge(2, a!).acknowledge(3, b!);
    expect(solo.status.commit).toBe(commit);
  });

  it("counts only entries of the own term; older ones follow (R1)", () => {
    const solo = new Solo({ entries: entriesOfTerms(1, 2, 2) }).lead();
    expect([solo.status.term, solo.status.lastIndex]).toEqual([3, 4]);
    solo.acknowledge(2, 3).acknowledge(3, 3);
    expect(solo.status.commit).toBe(0);
    solo.acknowledge(2, 4);
    expect(solo.status.commit).toBe(4);
  });

  it("of a single voter waits for its own flush (R11)", () => {
    const solo = new Solo({ configuration: voters(1) });
    solo.tickUntil("candidate").flush().flush().apply();
    solo.propose();
    expect(solo.status.commit).toBe(1);
    solo.flush();
    expect(solo.status.commit).toBe(2);
  });

  it("never comes from learners", () => {
    const solo = new Solo({ configuration: { voters: [1, 2, 3], outgoing: [], learners: [4, 5] } }).establish();
    solo.propose();
    solo.flush().acknowledge(4, 2).acknowledge(5, 2);
    expect(solo.status.commit).toBe(1);
    expect(solo.status.peers.map(({ learner }) => learner)).toEqual([false, false, true, true]);
  });
});

describe("proposing", () => {
  it("is for leaders, of the very term that the caller saw (R29)", () => {
    expect(new Solo().propose()).toBe("not-leader");
    const solo = new Solo().establish();
    expect(solo.core.propose(new Uint8Array(1), 0)).toEqual({ refused: "not-leader" });
    expect(solo.core.propose(new Uint8Array(1), 2)).toEqual({ refused: "not-leader" });
    expect(solo.status.lastIndex).toBe(1);
    expect(solo.core.propose(new Uint8Array(1), 1)).toEqual({ index: 2 });
    expect(solo.core.proposeConfiguration({ voters: [1], learners: [], expectedConfigurationIndex: 0 })).toEqual({
      index: 3,
    });
  });

  it("appends nothing in a term later than the one it was meant for (R29)", () => {
    const solo = new Solo().establish();
    const seen = solo.status.term;
    solo.tickUntil("follower").flush().lead();
    expect(solo.status.term).toBe(2);
    expect(solo.core.propose(new Uint8Array(1), seen)).toEqual({ refused: "not-leader" });
  });

  it("is bounded by the bytes that are not committed", () => {
    const solo = new Solo({ options: { uncommittedBytesMax: 10 } }).establish();
    expect(solo.core.propose(new Uint8Array(50), 1)).toEqual({ index: 2 });
    expect(solo.core.propose(new Uint8Array(1), 1)).toEqual({ refused: "overloaded" });
    expect(solo.core.propose(new Uint8Array(0), 1)).toEqual({ index: 3 });
    expect(solo.status.uncommittedBytes).toBe(50);
    solo.turn().flush().acknowledge(2, 3);
    expect(solo.status.uncommittedBytes).toBe(0);
    expect(solo.propose("abc")).toBe(4);
  });

  it("works at once for a new leader, which is established only later", () => {
    const solo = new Solo().lead();
    expect(solo.propose()).toBe(2);
    expect(solo.status.established).toBe(false);
    solo.flush().acknowledge(2, 2);
    expect(solo.status.established).toBe(false);
    expect(solo.apply().status.established).toBe(true);
  });
});

describe("heartbeats", () => {
  /** To whom heartbeats go at each of the next `ticks`. */
  const beats = (solo: Solo, ticks: number): string[] =>
    Array.from({ length: ticks }, () =>
      String(
        solo
          .tick()
          .sentOf("heartbeat")
          .map(({ to }) => to),
      ),
    );

  it("go to every other replica every heartbeatTicks, with no work in between", () => {
    const solo = new Solo({ options: { heartbeatTicks: 2, electionTicks: 10 } }).establish();
    beats(solo, 2);
    const sent = beats(solo, 6);
    expect(sent.filter((to) => to !== "")).toEqual(["2,3", "2,3", "2,3"]);
    expect(sent.filter((to) => to === "")).toHaveLength(3);
  });

  it("of replicas that were started together go out together, whenever they were elected", () => {
    const options = { heartbeatTicks: 4, electionTicks: 20 };
    const [one, other] = [new Solo({ options }), new Solo({ options: { ...options, electionDelayTicks: 1 } })];
    let ticks = 0;
    const pass = (count: number): void => {
      for (let i = 0; i < count; i++, ticks++) for (const solo of [one, other]) solo.tick();
    };
    const elect = (solo: Solo): void => {
      while (solo.status.role === "follower") pass(1);
      solo.vote(2, true, true).flush().vote(2).flush().acknowledge(2, 1);
      expect(solo.status.role).toBe("leader");
    };
    elect(one);
    const after = ticks;
    elect(other);
    expect(ticks % 4).not.toBe(after % 4);
    pass(8 - (ticks % 4));
    for (const solo of [one, other]) solo.sent();
    const both: string[] = [];
    for (let i = 0; i < 8; i++) {
      pass(1);
      both.push([one, other].map((solo) => solo.sentOf("heartbeat").length).join());
    }
    expect(both).toEqual(["0,0", "0,0", "0,0", "2,2", "0,0", "0,0", "0,0", "2,2"]);
  });

  it("are spared those who were sent an append and have answered something meanwhile, for as long", () => {
    const solo = new Solo().establish(2, 3);
    solo.tick(2).sent();
    solo.propose();
    solo.acknowledge(2, 2);
    expect(beats(solo, 2)).toEqual(["3", "2,3"]);
    // An answer without a question is no conversation: the question may have been lost since.
    solo.step("heartbeat-reply", 2, { term: 1, context: 0 });
    expect(beats(solo, 1)).toEqual(["2,3"]);
  });

  it("are spared nobody who has not confirmed the reads that wait", () => {
    const solo = new Solo({ configuration: voters(1, 2, 3, 4, 5) }).establish(2, 3);
    solo.tick(2).sent();
    solo.core.readIndex(7);
    const [round] = solo.turn().sentOf("heartbeat");
    solo.step("heartbeat-reply", 2, { term: 1, context: round!.context });
    solo.step("heartbeat-reply", 3, { term: 1, context: 0 });
    expect(beats(solo, 1)).toEqual(["3,4,5"]);
  });

  it("make nothing ready on a quiet tick", () => {
    const solo = new Solo({ options: { heartbeatTicks: 5, electionTicks: 25 } }).establish();
    for (let i = 0; i < 5; i++) solo.tick();
    solo.core.tick();
    expect(solo.core.hasReady()).toBe(false);
    expect(solo.core.ready()).toBeUndefined();
  });
});

describe("check-quorum", () => {
  const alive = (solo: Solo, ids: number[], ticks = 20): Solo => {
    for (let i = 0; i < ticks && solo.status.role === "leader"; i++) {
      for (const id of ids) solo.step("heartbeat-reply", id, { term: solo.status.term, context: 0 });
      solo.tick();
    }
    return solo;
  };

  it("keeps a leader that a majority answers", () => {
    expect(alive(new Solo({ configuration: voters(1, 2, 3, 4, 5) }).establish(2, 3), [4, 5]).status.role).toBe(
      "leader",
    );
  });

  it("makes a leader step down that a majority does not answer, keeping term, vote and log (R27)", () => {
    const solo = new Solo({ configuration: voters(1, 2, 3, 4, 5) }).establish(2, 3);
    solo.propose();
    alive(solo, [4], 10);
    expect(solo.status).toMatchObject({ role: "follower", term: 1, vote: 1, leader: 0, lastIndex: 2 });
  });

  it("counts no learners and no strangers", () => {
    const configuration = { voters: [1, 2, 3], outgoing: [], learners: [4] };
    expect(alive(new Solo({ configuration }).establish(), [4, 9, 8], 10).status.role).toBe("follower");
  });

  it("needs both halves of a joint configuration", () => {
    const configuration = { voters: [1, 2, 3], outgoing: [1, 4, 5], learners: [] };
    const lead = (): Solo => new Solo({ configuration }).lead(2, 4);
    expect(alive(lead(), [2, 4]).status.role).toBe("leader");
    expect(alive(lead(), [2, 3], 10).status.role).toBe("follower");
    expect(alive(lead(), [4, 5], 10).status.role).toBe("follower");
  });

  it("spares a single voter", () => {
    const solo = new Solo({ configuration: voters(1) }).tickUntil("candidate").flush();
    expect(solo.tick(50).status.role).toBe("leader");
  });

  it("takes leadership from a stalled disk, unless there is nobody else", () => {
    const solo = new Solo().establish();
    solo.propose();
    alive(solo, [2, 3], 20);
    expect(solo.status.role).toBe("follower");
    const alone = new Solo({ configuration: voters(1) }).tickUntil("candidate").flush();
    alone.propose();
    expect(alone.tick(50).status.role).toBe("leader");
  });

  it("takes leadership from a replica that does not get its entries applied", () => {
    const solo = new Solo().establish(2, 3);
    for (let i = 0; i <= raftLimits.unappliedEntriesMax; i++) solo.core.propose(new Uint8Array(0), 1);
    solo.flush().acknowledge(2, solo.status.lastIndex).acknowledge(3, solo.status.lastIndex);
    alive(solo, [2, 3], 10);
    expect(solo.status).toMatchObject({ role: "follower", vote: 1 });
    solo.sent();
    expect(solo.tick(30).sentOf("vote-request")).toEqual([]);
    solo.apply();
    expect(solo.tickUntil("pre-candidate").status.role).toBe("pre-candidate");
  });
});

describe("a higher term", () => {
  it("ends any leadership", () => {
    for (const end of [
      (solo: Solo) => solo.step("heartbeat", 3, { term: 9, commit: 0, context: 0 }),
      (solo: Solo) => solo.append(3, 9, 0, 0, [entry(1, 9)]),
      (solo: Solo) => solo.step("heartbeat-reply", 3, { term: 9, context: 0 }),
      (solo: Solo) => solo.step("append-reply", 3, { term: 9, refused: true, index: 0, hintIndex: 0, hintTerm: 0 }),
    ]) {
      const solo = new Solo().lead();
      end(solo);
      expect(solo.status).toMatchObject({ role: "follower", term: 9, vote: 0, peers: [] });
    }
  });
});

describe("two leaders in a term", () => {
  it("are the end of the world", () => {
    const solo = new Solo().establish();
    expect(() => solo.append(2, 1, 0, 0, [])).toThrow("one leader in a term");
    expect(() => solo.step("heartbeat", 2, { term: 1, commit: 0, context: 0 })).toThrow("one leader in a term");
    const follower = new Solo().step("heartbeat", 2, { term: 1, commit: 0, context: 0 });
    expect(() => follower.step("heartbeat", 3, { term: 1, commit: 0, context: 0 })).toThrow("one leader in a term");
  });
});

describe("the first entry of a term", () => {
  it("is empty, and the state machine skips it", () => {
    const solo = new Solo().establish();
    expect(solo.replica.disk.entries).toMatchObject([{ index: 1, term: 1, kind: EntryKind.empty }]);
    expect(solo.replica.history).toEqual([]);
    expect(solo.replica.appliedIndex).toBe(1);
  });
});
