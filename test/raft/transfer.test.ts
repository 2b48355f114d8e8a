import { describe, expect, it } from "@jest/globals";
import { Cluster, voters } from "./harness.js";
import { Solo } from "./solo.js";

const told = (solo: Solo): number[] => solo.sentOf("timeout-now").map(({ to }) => to);

describe("handing over (thesis 3.10)", () => {
  it("tells a target that has everything to campaign at once", () => {
    const solo = new Solo().establish();
    expect(solo.core.transferLeadership(2)).toBe(true);
    expect(told(solo.turn())).toEqual([2]);
  });

  it("lets a target catch up first, and tells it once", () => {
    const solo = new Solo().establish();
    solo.propose();
    solo.flush();
    expect(solo.core.transferLeadership(2)).toBe(true);
    expect(told(solo.turn())).toEqual([]);
    solo.acknowledge(2, 2);
    expect(told(solo)).toEqual([2]);
    solo.acknowledge(2, 2);
    expect(told(solo)).toEqual([]);
  });

  it("takes no proposals meanwhile, and again after an election timeout (R31)", () => {
    const solo = new Solo().establish();
    solo.core.transferLeadership(2);
    expect(solo.propose()).toBe("transferring");
    const change = { voters: [1, 2], learners: [], expectedConfigurationIndex: 0 };
    expect(solo.core.proposeConfiguration(change)).toEqual({ refused: "transferring" });
    for (let i = 0; i < 5; i++) solo.step("heartbeat-reply", 3, { term: 1, context: 0 }).tick();
    expect(solo.status.role).toBe("leader");
    expect(solo.propose()).toBe(2);
  });

  it("is refused to itself, strangers, learners and replicas that are silent or far behind", () => {
    const configuration = { voters: [1, 2, 3, 4], outgoing: [], learners: [5] };
    const solo = new Solo({ configuration, options: { logCacheBytesMax: 0 } }).establish(2, 3);
    solo.acknowledge(5, 1);
    for (let i = 0; i < 3; i++) solo.propose();
    solo.flush().acknowledge(2, 4);
    for (const id of [1, 3, 4, 5, 9]) expect([id, solo.core.transferLeadership(id)]).toEqual([id, false]);
    expect(new Solo().core.transferLeadership(2)).toBe(false);
    expect(solo.core.transferLeadership(2)).toBe(true);
  });

  it("is refused to a replica that waits for a snapshot", () => {
    const snapshot = { index: 5, term: 1, configuration: voters(1, 2, 3), configurationIndex: 0 };
    const solo = new Solo({ snapshot }).establish(3).refuse(2, 5, 2, 1);
    expect(solo.core.transferLeadership(2)).toBe(false);
  });

  it("goes on with the same target and refuses another", () => {
    const solo = new Solo().establish(2, 3);
    expect(solo.core.transferLeadership(2)).toBe(true);
    expect(solo.core.transferLeadership(2)).toBe(true);
    expect(solo.core.transferLeadership(3)).toBe(false);
    expect(told(solo.turn())).toEqual([2]);
  });

  it("does not clear the vote (R2)", () => {
    const solo = new Solo().establish();
    solo.core.transferLeadership(2);
    solo.turn();
    expect(solo.status).toMatchObject({ term: 1, vote: 1 });
  });
});

describe("the target", () => {
  it("skips the pre-vote and says that it was asked", () => {
    const solo = new Solo().step("heartbeat", 2, { term: 1, commit: 0, context: 0 }).flush();
    solo.sent();
    solo.step("timeout-now", 2, { term: 1 }).flush();
    expect(solo.status).toMatchObject({ role: "candidate", term: 2, vote: 1 });
    expect(solo.sentOf("vote-request")).toMatchObject([
      { to: 2, pre: false, transfer: true },
      { to: 3, pre: false, transfer: true },
    ]);
  });

  it("ignores an order of an old term, or when it already campaigns", () => {
    const solo = new Solo({ hard: { term: 4 } }).step("timeout-now", 2, { term: 3 });
    expect(solo.status).toMatchObject({ role: "follower", term: 4 });
    solo.tickUntil("pre-candidate").step("timeout-now", 2, { term: 4 });
    expect(solo.status.role).toBe("pre-candidate");
  });
});

describe("in a cluster", () => {
  it("moves leadership without a timeout, and nothing proposed before is lost", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3) });
    cluster.elect(1);
    for (let i = 0; i < 5; i++) cluster.propose(1);
    cluster.with(1, ({ core }) => core.transferLeadership(3));
    cluster.settle();
    expect(cluster.leader()?.id).toBe(3);
    expect(cluster.replica(3).history).toEqual(["p1", "p2", "p3", "p4", "p5"]);
    expect(cluster.propose(3)).toBe(8);
  });

  it("is given up when the target leaves the configuration (R31)", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3) });
    cluster.elect(1);
    cluster.with(1, ({ core }) =>
      core.proposeConfiguration({ voters: [1, 2], learners: [], expectedConfigurationIndex: 0 }),
    );
    cluster.flush(1);
    cluster.with(1, ({ core }) => expect(core.transferLeadership(3)).toBe(false));
    cluster.settle();
    expect(cluster.leader()?.id).toBe(1);
    expect(typeof cluster.propose(1)).toBe("number");
  });

  it("postpones the end of a joint configuration until it is over", () => {
    const solo = new Solo().establish(2, 3);
    solo.core.proposeConfiguration({ voters: [1, 2], learners: [], expectedConfigurationIndex: 0 });
    solo.flush();
    solo.core.transferLeadership(2);
    solo.acknowledge(3, 2).acknowledge(2, 2);
    expect(solo.status).toMatchObject({ commit: 2, lastIndex: 2 });
    for (let i = 0; i < 5; i++) solo.step("heartbeat-reply", 2, { term: 1, context: 0 }).tick();
    expect(solo.status).toMatchObject({ role: "leader", lastIndex: 3, configuration: voters(1, 2) });
  });
});
