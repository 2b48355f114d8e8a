import { describe, expect, it } from "@jest/globals";
import { type Configuration, decodeConfiguration, EntryKind } from "../../src/raft/index.js";
import { Cluster, voters } from "./harness.js";
import { Solo } from "./solo.js";

const change = (
  solo: Solo,
  ids: number[],
  learners: number[] = [],
  expectedConfigurationIndex = solo.status.configurationIndex,
) => solo.core.proposeConfiguration({ voters: ids, learners, expectedConfigurationIndex });

function changeAt(cluster: Cluster, id: number, ids: number[], learners: number[] = []) {
  return cluster.with(id, ({ core }) =>
    core.proposeConfiguration({ voters: ids, learners, expectedConfigurationIndex: core.status().configurationIndex }),
  );
}

const configurationsInLog = (solo: Solo): Configuration[] =>
  solo.replica.disk.entries
    .filter(({ kind }) => kind === EntryKind.config)
    .map(({ data }) => decodeConfiguration(data));

describe("a membership change (section 6)", () => {
  it("enters a joint configuration, and leaves it by itself when both halves have it", () => {
    const solo = new Solo().establish(2, 3);
    expect(change(solo, [1, 4, 5])).toEqual({ index: 2 });
    solo.flush();
    expect(solo.status.configuration).toEqual({ voters: [1, 4, 5], outgoing: [1, 2, 3], learners: [] });
    solo.acknowledge(2, 2);
    expect(solo.status.commit).toBe(1);
    solo.acknowledge(4, 2);
    expect(solo.status).toMatchObject({ commit: 2, configurationIndex: 3, configuration: voters(1, 4, 5) });
    solo.flush();
    expect(configurationsInLog(solo)).toEqual([
      { voters: [1, 4, 5], outgoing: [1, 2, 3], learners: [] },
      voters(1, 4, 5),
    ]);
    solo.acknowledge(2, 3);
    expect(solo.status.commit).toBe(2);
    solo.acknowledge(5, 3);
    expect(solo.status.commit).toBe(3);
  });

  it("is refused when it was decided before the one in force: a leader that knows no better must not go back on it", () => {
    const solo = new Solo().establish(2, 3);
    const decided = (generation: number | undefined) =>
      solo.core.proposeConfiguration({
        ...{ voters: [1, 2, 3], learners: [], expectedConfigurationIndex: solo.status.configurationIndex },
        ...(generation === undefined ? {} : { generation }),
      });
    expect(decided(5)).toEqual({ index: 2 });
    solo.flush();
    solo.acknowledge(2, 2);
    solo.flush();
    solo.acknowledge(2, 3);
    expect(solo.status).toMatchObject({ commit: 3, configuration: { outgoing: [], generation: 5 } });
    expect(decided(4)).toEqual({ refused: "precondition" });
    // Without a word the decision stays the same.
    expect(decided(undefined)).toEqual({ index: 4 });
    solo.flush();
    expect(configurationsInLog(solo).map(({ generation }) => generation)).toEqual([5, 5, 5]);
  });

  it("raises the quorum from the moment it is appended (R3)", () => {
    const solo = new Solo({ configuration: voters(1, 2, 3) }).establish();
    change(solo, [1, 2, 3, 4, 5]);
    solo.flush();
    // Cut off from 2 and 3, the new ones do not make a majority of the old.
    solo.acknowledge(4, 2).acknowledge(5, 2);
    expect(solo.status.commit).toBe(1);
    for (let i = 0; i < 12; i++)
      for (const id of [4, 5]) solo.step("heartbeat-reply", id, { term: 1, context: 0 }).tick();
    expect(solo.status.role).not.toBe("leader");
  });

  it("follows new replicas at once, and gives them time to answer", () => {
    const solo = new Solo().establish(2, 3);
    change(solo, [1, 2, 3], [4]);
    solo.turn();
    expect(solo.status.peers.find(({ id }) => id === 4)).toMatchObject({ learner: true, recentlyActive: true });
    expect(solo.sentOf("append-request").some(({ to }) => to === 4)).toBe(true);
  });

  it("reports the configuration in force", () => {
    const solo = new Solo().establish(2, 3);
    change(solo, [1, 2]);
    expect(solo.core.ready()?.configuration).toEqual({ voters: [1, 2], outgoing: [1, 2, 3], learners: [] });
    solo.propose();
    expect(solo.core.ready()?.configuration).toBeUndefined();
  });

  it("makes a demoted voter a learner only when the joint configuration ends", () => {
    const solo = new Solo().establish(2, 3);
    change(solo, [1, 2], [3]);
    solo.flush();
    expect(solo.status.peers.find(({ id }) => id === 3)?.learner).toBe(false);
    solo.acknowledge(2, 2).acknowledge(3, 2);
    expect(solo.status.peers.find(({ id }) => id === 3)?.learner).toBe(true);
  });
});

describe("a change is refused", () => {
  it("before the leader has committed an entry of its own term (R5)", () => {
    const solo = new Solo().lead();
    expect(change(solo, [1, 2])).toEqual({ refused: "precondition" });
    solo.acknowledge(2, 1);
    expect(change(solo, [1, 2])).toEqual({ index: 2 });
  });

  it("while another is under way, in either half of it", () => {
    const solo = new Solo().establish(2, 3);
    change(solo, [1, 2]);
    expect(change(solo, [1, 3])).toEqual({ refused: "precondition" });
    solo.flush().acknowledge(2, 2).acknowledge(3, 2);
    expect(change(solo, [1, 3])).toEqual({ refused: "precondition" });
    solo.flush().acknowledge(2, 3);
    expect(change(solo, [1, 3])).toEqual({ index: 4 });
  });

  it("when it was meant for another configuration, so that a retry does it once", () => {
    const solo = new Solo().establish(2, 3);
    expect(change(solo, [1, 2], [], 7)).toEqual({ refused: "precondition" });
    expect(change(solo, [1, 2], [], 0)).toEqual({ index: 2 });
    solo.flush().acknowledge(2, 2).acknowledge(3, 2).flush().acknowledge(2, 3);
    expect(change(solo, [1, 2], [], 0)).toEqual({ refused: "precondition" });
  });

  it.each([
    [[], []],
    [[1, 2, 3, 4, 5, 6, 7, 8], []],
    [[1, 1], []],
    [[1, 2], [2]],
    [[0], []],
    [[1.5], []],
  ])("when it is none: voters %j, learners %j", (ids, learners) => {
    expect(change(new Solo().establish(2, 3), ids, learners)).toEqual({ refused: "precondition" });
  });

  it("by everybody but the leader", () => {
    expect(change(new Solo(), [1, 2])).toEqual({ refused: "not-leader" });
  });
});

describe("a leader that is removed", () => {
  it("leads until the new configuration is committed, not counting itself, then lets the best successor campaign", () => {
    const solo = new Solo().establish(2, 3);
    change(solo, [2, 3, 4]);
    solo.flush().acknowledge(2, 2).acknowledge(3, 2);
    expect(solo.status).toMatchObject({ role: "leader", configuration: voters(2, 3, 4), lastIndex: 3 });
    solo.flush().acknowledge(2, 3);
    expect([solo.status.role, solo.status.commit]).toEqual(["leader", 2]);
    solo.sent();
    solo.acknowledge(4, 3);
    expect(solo.status).toMatchObject({ role: "follower", commit: 3, leader: 0, vote: 1 });
    expect(solo.sentOf("timeout-now").map(({ to }) => [2, 4].includes(to))).toEqual([true]);
  });

  it("never campaigns again (R30)", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3) });
    cluster.elect(1);
    changeAt(cluster, 1, [2, 3]);
    cluster.settle();
    expect(cluster.leader()?.id).not.toBe(1);
    cluster.sent = [];
    cluster.tick(1, 40);
    expect(cluster.sent).toEqual([]);
  });

  it("leads on in the new configuration's eyes only through its successor", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3), ids: [1, 2, 3, 4] });
    cluster.elect(1);
    cluster.propose(1);
    changeAt(cluster, 1, [2, 3, 4]);
    cluster.settle();
    const leader = cluster.leader();
    expect(leader?.core.status().established).toBe(true);
    cluster.propose(leader!.id);
    cluster.settle();
    expect(cluster.replica(4).history).toEqual(["p1", "p2"]);
  });
});

describe("a replica with its own uncommitted removal in the log", () => {
  const removed = (): Solo => {
    const solo = new Solo({ configuration: voters(1, 2, 3) }).establish(2, 3);
    change(solo, [2, 3]);
    solo.flush().acknowledge(2, 2).acknowledge(3, 2).flush();
    expect(solo.status).toMatchObject({ configuration: voters(2, 3), commit: 2, lastIndex: 3 });
    return solo.tickUntil("follower");
  };

  it("does not campaign (R30)", () => {
    const solo = removed();
    solo.sent();
    solo.tick(60).step("timeout-now", 2, { term: 1 });
    expect([solo.status.role, solo.sent()]).toEqual(["follower", []]);
  });

  it("does, when others showed that they cannot do without its log (thesis 4.2.2)", () => {
    const solo = removed();
    solo.step("vote-request", 2, { term: 2, pre: true, lastIndex: 2, lastTerm: 1, transfer: false });
    expect(solo.sentOf("vote-reply")).toMatchObject([{ granted: false }]);
    solo.tickUntil("pre-candidate");
    // Its own vote does not count: it needs both of the others.
    solo.vote(2, true, true);
    expect(solo.status.role).toBe("pre-candidate");
    solo.vote(3, true, true).flush().vote(2).vote(3);
    expect(solo.status.role).toBe("leader");
    solo.flush().acknowledge(2, 4).acknowledge(3, 4);
    expect(solo.status).toMatchObject({ role: "follower", commit: 4 });
  });

  it("ends a deadlock: only the old voter holds the entry that removes it", () => {
    const cluster = new Cluster({ configuration: voters(1), ids: [1, 2] });
    cluster.elect(1);
    changeAt(cluster, 1, [2]);
    while (cluster.core(1).status().configuration.outgoing.length > 0 || cluster.core(1).status().lastIndex < 3)
      cluster.round();
    cluster.isolate(1);
    cluster.flush(1);
    cluster.tick(1, 12);
    expect(cluster.core(1).status()).toMatchObject({ role: "follower", configuration: voters(2) });
    expect(cluster.core(2).status().configuration.outgoing).toEqual([1]);
    cluster.heal();
    cluster.run(40);
    expect(cluster.leader()?.id).toBe(2);
    expect(cluster.core(2).status()).toMatchObject({ configuration: voters(2), established: true });
  });
});

describe("changes in a cluster", () => {
  it("replace every replica at once", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3), ids: [1, 2, 3, 4, 5, 6] });
    cluster.elect(1);
    cluster.propose(1);
    changeAt(cluster, 1, [4, 5, 6]);
    cluster.settle();
    cluster.run(30);
    expect(cluster.leader()?.core.status()).toMatchObject({ configuration: voters(4, 5, 6), established: true });
    for (const id of [1, 2, 3]) cluster.crash(id);
    cluster.propose(cluster.leader()!.id);
    cluster.settle();
    for (const id of [4, 5, 6]) expect(cluster.replica(id).history).toEqual(["p1", "p2"]);
  });

  it("promote a learner that has caught up", () => {
    const cluster = new Cluster({ configuration: { voters: [1], outgoing: [], learners: [2] } });
    cluster.elect(1);
    for (let i = 0; i < 3; i++) cluster.propose(1);
    cluster.settle();
    cluster.tick(2, 40);
    expect(cluster.core(2).status().role).toBe("follower");
    expect(cluster.replica(2).history).toHaveLength(3);
    changeAt(cluster, 1, [1, 2]);
    cluster.settle();
    cluster.crash(2);
    cluster.propose(1);
    cluster.settle();
    expect(cluster.core(1).status().commit).toBe(cluster.core(1).status().lastIndex - 1);
    cluster.restart(2);
    cluster.run(3);
    expect(cluster.replica(2).history).toHaveLength(4);
  });

  it("are finished by a new leader that finds them half done", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3), ids: [1, 2, 3, 4] });
    cluster.elect(1);
    changeAt(cluster, 1, [2, 3, 4]);
    cluster.flush(1);
    cluster.deliverAll();
    for (const id of [2, 3, 4]) cluster.flush(id);
    cluster.crash(1);
    cluster.flights = [];
    expect(cluster.core(2).status().configuration.outgoing).toEqual([1, 2, 3]);
    cluster.run(30);
    expect(cluster.leader()?.core.status()).toMatchObject({ configuration: voters(2, 3, 4), established: true });
  });

  it("are taken back with the entries that a new leader drops (R6)", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3), ids: [1, 2, 3, 4, 5] });
    cluster.elect(1);
    cluster.isolate(1);
    changeAt(cluster, 1, [1, 4, 5]);
    cluster.flush(1);
    cluster.elect(2);
    cluster.propose(2);
    cluster.settle();
    expect(cluster.core(1).status().configurationIndex).toBe(2);
    // A checkpoint taken meanwhile holds the configuration as of its index.
    cluster.apply(1);
    expect(cluster.core(1).configurationAt(cluster.replica(1).appliedIndex)).toEqual({
      index: 0,
      configuration: voters(1, 2, 3),
    });
    cluster.heal();
    cluster.run(10);
    expect(cluster.core(1).status()).toMatchObject({ configurationIndex: 0, configuration: voters(1, 2, 3) });
    expect(cluster.replica(1).history).toEqual(["p1"]);
  });

  it("do not let two leaders with overlapping changes pick disjoint quorums (R5)", () => {
    // Ongaro's counter-example of 2015: each of two leaders adds one server, without having committed anything before.
    const cluster = new Cluster({ configuration: voters(1, 2, 3, 4), ids: [1, 2, 3, 4, 5, 6] });
    cluster.elect(1);
    cluster.isolate(1);
    expect(changeAt(cluster, 1, [1, 2, 3, 4, 5])).toEqual({ index: 2 });
    cluster.flush(1);
    cluster.elect(2);
    cluster.heal();
    cluster.cut(1, 3);
    changeAt(cluster, 2, [2, 3, 4, 6]);
    cluster.run(30);
    cluster.heal();
    cluster.run(30);
    expect(cluster.leader()?.core.status().configuration).toEqual(voters(2, 3, 4, 6));
  });
});
