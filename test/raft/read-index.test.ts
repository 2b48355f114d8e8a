import { describe, expect, it } from "@jest/globals";
import { Outbox } from "../../src/raft/outbox.js";
import { ReadRounds } from "../../src/raft/read-index.js";
import { Cluster, voters } from "./harness.js";
import { Solo } from "./solo.js";

const read = (solo: Solo, ...contexts: number[]): Solo => {
  for (const context of contexts) solo.core.readIndex(context);
  return solo.turn();
};
const confirm = (solo: Solo, from: number, context: number): Solo =>
  solo.step("heartbeat-reply", from, { term: solo.status.term, context });
const contextsSent = (solo: Solo): number[] => solo.sentOf("heartbeat").map(({ context }) => context);

describe("reads at a leader (thesis 6.4)", () => {
  it("share one round of heartbeats per turn", () => {
    const solo = new Solo().establish();
    read(solo, 11, 12, 13);
    expect(contextsSent(solo)).toEqual([1, 1]);
    expect(solo.grants()).toEqual([]);
    confirm(solo, 2, 1);
    expect(solo.grants()).toEqual([11, 12, 13].map((context) => ({ context, index: 1 })));
  });

  it("get the commit index of the moment their round began", () => {
    const solo = new Solo().establish();
    read(solo, 11);
    solo.propose();
    solo.flush().acknowledge(2, 2);
    read(solo, 12);
    confirm(solo, 2, 2);
    expect(solo.grants()).toEqual([
      { context: 11, index: 1 },
      { context: 12, index: 2 },
    ]);
  });

  it("are confirmed by later rounds, never by earlier ones (R14)", () => {
    const solo = new Solo().establish();
    read(solo, 11);
    read(solo, 12);
    confirm(solo, 2, 1);
    expect(solo.grants()).toEqual([{ context: 11, index: 1 }]);
    confirm(solo, 3, 1);
    confirm(solo, 2, 0);
    expect(solo.grants()).toEqual([]);
    confirm(solo, 3, 2);
    expect(solo.grants()).toEqual([{ context: 12, index: 1 }]);
  });

  it("keep their round in every heartbeat until confirmed, so that a lost one does no harm", () => {
    const solo = new Solo().establish();
    read(solo, 11);
    solo.sent();
    expect(contextsSent(solo.tick())).toEqual([1, 1]);
    confirm(solo, 2, 1);
    expect(contextsSent(solo.tick())).toEqual([0, 0]);
  });

  it("wait for the first commit of the term (R13)", () => {
    const solo = new Solo().lead();
    read(solo, 11);
    confirm(solo, 2, 0);
    expect([contextsSent(solo.turn()), solo.grants()]).toEqual([[], []]);
    solo.acknowledge(2, 1);
    expect(contextsSent(solo)).toEqual([1, 1]);
    confirm(solo, 2, 1);
    expect(solo.grants()).toEqual([{ context: 11, index: 1 }]);
  });

  it("are refused beyond the bound, and at once by others than a leader", () => {
    const solo = new Solo({ options: { pendingReadsMax: 2 } }).establish();
    read(solo, 11, 12, 13);
    expect(solo.grants()).toEqual([{ context: 13, index: 0 }]);
    confirm(solo, 2, 1);
    expect(solo.grants()).toHaveLength(2);
    read(solo, 14);
    expect(solo.grants()).toEqual([]);
    expect(read(new Solo(), 5).grants()).toEqual([{ context: 5, index: 0 }]);
  });

  it("are all refused when leadership ends, whether in a round or waiting for one", () => {
    const solo = new Solo().establish();
    read(solo, 11);
    solo.step("heartbeat", 3, { term: 9, commit: 0, context: 0 });
    expect(solo.grants()).toEqual([{ context: 11, index: 0 }]);
    const early = read(new Solo().lead(), 12);
    early.step("heartbeat", 3, { term: 9, commit: 0, context: 0 });
    expect(early.grants()).toEqual([{ context: 12, index: 0 }]);
  });

  it("need no one else in a group of one", () => {
    const solo = new Solo({ configuration: voters(1) }).tickUntil("candidate").flush();
    expect(read(solo, 11).grants()).toEqual([{ context: 11, index: 1 }]);
  });

  it("are not confirmed by learners, strangers or half of a joint configuration", () => {
    const configuration = { voters: [1, 2, 3], outgoing: [1, 4, 5], learners: [6] };
    const solo = new Solo({ configuration }).establish(2, 4);
    // The joint configuration is committed, so the leader has left it; the others are still to confirm.
    read(solo, 11);
    for (const id of [4, 5, 6, 7]) confirm(solo, id, 1);
    expect(solo.grants()).toEqual([]);
    confirm(solo, 3, 1);
    expect(solo.grants()).toEqual([{ context: 11, index: 1 }]);
  });

  it("in a joint configuration need both halves", () => {
    const solo = new Solo({ configuration: voters(1, 2, 3) }).establish();
    solo.core.proposeConfiguration({ voters: [1, 4, 5], learners: [], expectedConfigurationIndex: 0 });
    read(solo, 11);
    confirm(solo, 2, 1);
    confirm(solo, 3, 1);
    expect(solo.grants()).toEqual([]);
    confirm(solo, 4, 1);
    expect(solo.grants()).toEqual([{ context: 11, index: 1 }]);
  });

  it("are confirmed at once when the quorum shrinks around those who did", () => {
    const solo = new Solo({ configuration: voters(1, 2, 3, 4, 5) }).establish(2, 3);
    read(solo, 11);
    confirm(solo, 2, 1);
    expect(solo.grants()).toEqual([]);
    solo.core.proposeConfiguration({ voters: [1, 2], learners: [], expectedConfigurationIndex: 0 });
    solo.flush().acknowledge(2, 2).acknowledge(3, 2).acknowledge(4, 2);
    expect(solo.status.configuration).toEqual(voters(1, 2));
    expect(solo.grants()).toEqual([{ context: 11, index: 1 }]);
  });
});

describe("a leader that was paused while another took over (R14)", () => {
  it("grants no read, not with late answers and not to a retry", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3) });
    cluster.elect(1);
    cluster.read(1);
    const late = cluster.flights.splice(0);
    cluster.isolate(1);
    cluster.elect(2);
    cluster.propose(2);
    cluster.settle();
    cluster.heal();
    // The old leader wakes up: its first round is answered by replicas that moved on, then it tries again.
    cluster.read(1);
    cluster.flights = [...late, ...cluster.flights];
    cluster.settle();
    expect(cluster.checker.grants).toBe(0);
    expect(cluster.checker.refusedReads).toBe(2);
  });
});

describe("ReadRounds", () => {
  it("counts what waits, in rounds and out of them", () => {
    const outbox = new Outbox();
    const reads = new ReadRounds(3);
    for (const context of [1, 2]) reads.add(context, outbox);
    reads.begin(5);
    reads.add(3, outbox);
    reads.add(4, outbox);
    expect(outbox.reads.take()).toEqual([{ context: 4, index: 0 }]);
    reads.confirm(0, outbox);
    expect(outbox.reads.isEmpty).toBe(true);
    reads.confirm(1, outbox);
    expect(outbox.reads.take()).toHaveLength(2);
    expect([reads.context, reads.hasRounds, reads.hasWaiting]).toEqual([0, false, true]);
    reads.refuseAll(outbox);
    expect(outbox.reads.take()).toEqual([{ context: 3, index: 0 }]);
  });
});
