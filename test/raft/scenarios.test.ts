import { describe, expect, it } from "@jest/globals";
import type { Message, VoteRequest } from "../../src/raft/index.js";
import { Cluster, voters } from "./harness.js";
import { entriesOfTerms, entry, Solo } from "./solo.js";

/** Published bugs of other implementations, by their number in the design's list; each must not be ours. */

const change = (cluster: Cluster, id: number, ids: number[], learners: number[] = []) =>
  cluster.with(id, ({ core }) =>
    core.proposeConfiguration({ voters: ids, learners, expectedConfigurationIndex: core.status().configurationIndex }),
  );

const isAppend = (message: Message): boolean => message.type === "append-request" && message.entries.length > 0;

/** A request for a vote, but for who asks whom in which term. */
type Solicited = Omit<VoteRequest, "from" | "to" | "term">;

describe("R1: an entry of an older term is committed by counting", () => {
  it("Figure 8 with five replicas: the overwritten entry was never committed", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3, 4, 5) });
    cluster.elect(1);
    cluster.run(1);
    cluster.lose = (message) => isAppend(message) && message.to !== 2;
    cluster.propose(1, "old");
    cluster.settle();
    cluster.crash(1);
    cluster.lose = isAppend;
    cluster.elect(5);
    cluster.crash(5);
    cluster.flights = [];
    cluster.restart(1);
    // The old entry reaches a majority, the one of the new term does not.
    cluster.lose = (message) =>
      message.type === "append-request" && message.entries.some(({ term, index }) => index > 2 || term > 2);
    cluster.elect(1);
    for (let i = 0; i < 3; i++) {
      cluster.tick(1);
      cluster.settle();
    }
    expect(cluster.core(1).status().commit).toBe(1);
    cluster.crash(1);
    cluster.flights = [];
    cluster.lose = () => false;
    cluster.restart(5);
    cluster.elect(5);
    cluster.restart(1);
    cluster.run(5);
    for (const { history } of cluster.live()) expect(history).toEqual([]);
  });
});

describe("R3: a new replica does not raise the quorum", () => {
  it("a leader cut off from its followers cannot recruit two new ones into a majority", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3), ids: [1, 2, 3, 4, 5] });
    cluster.elect(1);
    for (const id of [2, 3]) for (const other of [1, 4, 5]) cluster.cut(id, other);
    change(cluster, 1, [1, 2, 3, 4, 5]);
    cluster.propose(1, "minority");
    for (let i = 0; i < 4; i++) {
      cluster.tick(1);
      cluster.settle();
    }
    expect(cluster.core(1).status().commit).toBe(1);
    cluster.elect(2);
    cluster.propose(2, "majority");
    cluster.settle();
    cluster.heal();
    cluster.run(10);
    for (const id of [1, 2, 3]) expect(cluster.replica(id).history).toEqual(["majority"]);
  });
});

describe("R4: answers of removed replicas are counted", () => {
  it("a late acknowledgement of one that left commits nothing", () => {
    const solo = new Solo({ configuration: voters(1, 2, 3) }).establish(2, 3);
    solo.core.proposeConfiguration({ voters: [1, 2], learners: [], expectedConfigurationIndex: 0 });
    solo.flush().acknowledge(2, 2).acknowledge(3, 2).flush().acknowledge(2, 3);
    expect(solo.status).toMatchObject({ configuration: voters(1, 2), commit: 3 });
    solo.propose();
    solo.flush().acknowledge(3, 4).step("heartbeat-reply", 3, { term: 1, context: 9 });
    expect(solo.status.commit).toBe(3);
  });

  it("one that left and does not know it disturbs nobody: a live leader is not asked to prove itself", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3, 4) });
    cluster.elect(1);
    cluster.isolate(4);
    change(cluster, 1, [1, 2, 3]);
    cluster.settle();
    const { term } = cluster.core(1).status();
    cluster.heal();
    cluster.run(60);
    expect(cluster.sent.some(({ type, from }) => type === "vote-request" && from === 4)).toBe(true);
    expect(cluster.core(1).status()).toMatchObject({ role: "leader", term, configuration: voters(1, 2, 3) });
    expect(cluster.core(4).status()).toMatchObject({ term, configuration: voters(1, 2, 3, 4) });
  });

  it.each<[string, Solicited]>([
    ["a vote", { type: "vote-request", pre: false, lastIndex: 99, lastTerm: 99, transfer: false }],
    [
      "a vote because the leader once told it to campaign",
      { type: "vote-request", pre: false, lastIndex: 99, lastTerm: 99, transfer: true },
    ],
    ["a pre-vote", { type: "vote-request", pre: true, lastIndex: 99, lastTerm: 99, transfer: true }],
  ])("one that left and asks for %s in a later term is not heard while a leader is", (_, body) => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3, 4) });
    cluster.elect(1);
    change(cluster, 1, [1, 2, 3]);
    cluster.settle();
    const { term } = cluster.core(1).status();
    for (const to of [1, 2, 3]) cluster.step({ ...body, from: 4, to, term: term + 5 });
    expect([1, 2, 3].map((id) => cluster.core(id).status().term)).toEqual([term, term, term]);
    expect(cluster.leader()?.id).toBe(1);
  });

  it("an answer of one that left does not even tell its term", () => {
    const solo = new Solo({ configuration: voters(1, 2) }).establish();
    const refused = { term: 9, refused: true, index: 1, hintIndex: 1, hintTerm: 1 };
    solo.step("append-reply", 3, refused);
    solo.step("heartbeat-reply", 3, { term: 9, context: 0 });
    solo.step("vote-reply", 3, { term: 9, pre: false, granted: false });
    expect(solo.status).toMatchObject({ role: "leader", term: 1 });
    // A member's does.
    solo.step("append-reply", 2, refused);
    expect(solo.status).toMatchObject({ role: "follower", term: 9 });
  });

  it("a leader outside the known configuration is followed all the same: this replica may have missed the change", () => {
    const solo = new Solo({ configuration: voters(1, 2) }).establish();
    solo.step("heartbeat", 7, { term: 3, commit: 0, context: 0 });
    expect(solo.status).toMatchObject({ role: "follower", term: 3, leader: 7 });
  });

  it("a vote of one that left elects nobody", () => {
    const solo = new Solo({ configuration: voters(1, 2) }).tickUntil("pre-candidate");
    solo.vote(3, true, true).vote(4, true, true);
    expect(solo.status.role).toBe("pre-candidate");
  });
});

describe("R6: an uncommitted configuration leaks into a snapshot", () => {
  it("a checkpoint between append and truncation holds the configuration of its index", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3), ids: [1, 2, 3, 4, 5] });
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.isolate(1);
    change(cluster, 1, [1, 4, 5]);
    cluster.flush(1);
    cluster.with(1, (replica) => replica.checkpoint());
    expect(cluster.replica(1).disk.checkpoint.snapshot).toMatchObject({
      index: 2,
      configuration: voters(1, 2, 3),
      configurationIndex: 0,
    });
    cluster.elect(2);
    cluster.heal();
    cluster.run(10);
    cluster.crash(1);
    cluster.restart(1);
    expect(cluster.core(1).status()).toMatchObject({ configuration: voters(1, 2, 3), configurationIndex: 0 });
  });
});

describe("R7: a follower commits beyond what was verified", () => {
  it("an empty append with a high commit index onto a divergent log", () => {
    const solo = new Solo({ entries: entriesOfTerms(1, 1, 1, 1, 1) });
    solo.append(2, 3, 2, 1, [], 5);
    expect(solo.status.commit).toBe(2);
    solo
      .append(2, 3, 2, 1, [entry(3, 2), entry(4, 3)], 5)
      .flush()
      .apply();
    expect(solo.status.commit).toBe(4);
    expect(solo.replica.disk.entries.map(({ term }) => term)).toEqual([1, 1, 2, 3]);
  });
});

describe("R11: a single voter acknowledges before its own flush", () => {
  it("a group of one that loses its cache loses nothing that was committed", () => {
    const cluster = new Cluster({ configuration: voters(1) });
    cluster.elect(1);
    cluster.propose(1, "kept");
    cluster.settle();
    cluster.propose(1, "lost");
    expect(cluster.core(1).status().commit).toBe(2);
    cluster.crash(1);
    cluster.restart(1);
    cluster.elect(1);
    expect(cluster.replica(1).history).toEqual(["kept"]);
  });
});

describe("R12: a term is forgotten that was led", () => {
  it("a candidate with the votes of all others leads only when its own is on disk", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3, 4, 5) });
    while (cluster.core(1).status().role === "follower") cluster.tick(1);
    cluster.deliverAll();
    cluster.deliverAll();
    expect(cluster.core(1).status()).toMatchObject({ role: "candidate", term: 1 });
    for (let i = 0; i < 3; i++) {
      for (const id of [2, 3, 4, 5]) cluster.flush(id);
      cluster.deliverAll();
    }
    expect(cluster.core(1).status().role).toBe("candidate");
    cluster.crash(1);
    cluster.restart(1);
    expect(cluster.core(1).status()).toMatchObject({ role: "follower", term: 0 });
    expect(cluster.checker.elections).toBe(0);
  });
});

describe("R15: answers of parallel catch-ups", () => {
  it("duplicated and reordered streams leave match, commit and log as they were", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3), options: { messageBytesMax: 1 } });
    cluster.elect(1);
    cluster.isolate(3);
    for (let i = 0; i < 8; i++) cluster.propose(1);
    cluster.settle();
    cluster.heal();
    cluster.tick(1, 2);
    const seen: Message[] = [];
    cluster.watch = { sent: (message) => seen.push(message) };
    cluster.settle();
    // Everything once more, last first.
    for (const message of seen.reverse()) cluster.step(message);
    cluster.settle();
    for (const { history } of cluster.live()) expect(history).toHaveLength(8);
    cluster.checker.compareLogs(cluster.live());
  });
});

describe("R16: a snapshot at or behind the receiver is sent for ever", () => {
  it("the sender goes on from the log after one answer", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3) });
    cluster.elect(1);
    for (let i = 0; i < 3; i++) {
      cluster.propose(1);
      cluster.settle();
      cluster.with(1, (replica) => replica.checkpoint());
    }
    const { snapshot } = cluster.replica(1).disk;
    const { term } = cluster.core(1).status();
    cluster.step({ type: "snapshot-request", from: 1, to: 2, term, snapshot });
    cluster.settle();
    expect(cluster.replica(2).installing).toBeUndefined();
    cluster.run(5);
    expect(cluster.sent.filter(({ type }) => type === "snapshot-request")).toEqual([]);
    expect(
      cluster
        .core(1)
        .status()
        .peers.every(({ state }) => state === "replicate"),
    ).toBe(true);
  });
});

describe("R18: a pre-vote has side effects", () => {
  it("a replica that comes and goes changes no term and no leader", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3) });
    cluster.elect(1);
    for (let i = 0; i < 5; i++) {
      cluster.isolate(3);
      cluster.tick(3, 20);
      cluster.flights = [];
      cluster.heal();
      cluster.tick(3, 8);
      cluster.settle();
      cluster.run(2);
    }
    for (const id of [1, 2, 3]) expect(cluster.core(id).status()).toMatchObject({ term: 1, leader: 1 });
    expect(cluster.checker.elections).toBe(1);
  });
});

describe("R19: a window full of lost messages", () => {
  it("stalls nobody", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3) });
    cluster.elect(1);
    cluster.lose = (message) => message.type === "append-request" && message.to === 3;
    for (let i = 0; i < 100; i++) cluster.propose(1);
    cluster.settle();
    expect(cluster.replica(3).history).toEqual([]);
    cluster.lose = () => false;
    cluster.run(2);
    expect(cluster.replica(3).history).toHaveLength(100);
  });
});

describe("R26: links that work one way only", () => {
  const links = [1, 2, 3].flatMap((a) => [1, 2, 3].filter((b) => b !== a).map((b) => `${String(a)}>${String(b)}`));

  it("never let two lead at once, and a leader exists whenever one can reach a majority both ways", () => {
    for (let pattern = 0; pattern < 1 << links.length; pattern++) {
      const cluster = new Cluster({ configuration: voters(1, 2, 3), seed: pattern + 1 });
      for (const [bit, link] of links.entries()) if (pattern & (1 << bit)) cluster.cuts.add(link);
      cluster.run(60);
      const pair = (a: number, b: number): boolean =>
        !cluster.cuts.has(`${String(a)}>${String(b)}`) && !cluster.cuts.has(`${String(b)}>${String(a)}`);
      const pairs = [pair(1, 2), pair(1, 3), pair(2, 3)].filter(Boolean).length;
      if (pairs === 0) expect(cluster.leader()).toBeUndefined();
      else expect({ pattern, leads: cluster.leader()?.core.status().established }).toEqual({ pattern, leads: true });
      cluster.heal();
      cluster.run(40);
      expect({ pattern, established: cluster.leader()?.core.status().established }).toEqual({
        pattern,
        established: true,
      });
    }
  });
});

describe("R27: a leader leads on without a quorum", () => {
  it("one that hears nobody gives up, and with it every read and proposal", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3) });
    cluster.elect(1);
    // It can send, but not receive.
    for (const id of [2, 3]) cluster.cuts.add(`${String(id)}>1`);
    cluster.read(1);
    for (let i = 0; i < 12; i++) {
      cluster.tick(1);
      cluster.settle();
    }
    expect(cluster.core(1).status().role).not.toBe("leader");
    expect([cluster.checker.grants, cluster.checker.refusedReads]).toEqual([0, 1]);
    expect(cluster.propose(1)).toBe("not-leader");
    cluster.run(40);
    expect([2, 3]).toContain(cluster.leader()?.id);
  });
});

describe("R29: a proposal of an old term is appended in a new one", () => {
  it("is refused when leadership was lost and won again in between", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3) });
    cluster.elect(1);
    const { term } = cluster.core(1).status();
    cluster.elect(2);
    cluster.elect(1);
    const proposal = cluster.with(1, ({ core }) => core.propose(new Uint8Array(1), term));
    expect(proposal).toEqual({ refused: "not-leader" });
  });
});

describe("R31: leadership goes to a replica that lags or was removed", () => {
  it("a lagging target catches up first, and what is proposed meanwhile is refused, not lost", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3) });
    cluster.elect(1);
    cluster.lose = (message) => isAppend(message) && message.to === 3;
    for (let i = 0; i < 5; i++) cluster.propose(1);
    cluster.settle();
    expect(cluster.with(1, ({ core }) => core.transferLeadership(3))).toBe(true);
    cluster.settle();
    expect(cluster.leader()?.id).toBe(1);
    expect(cluster.propose(1)).toBe("transferring");
    cluster.lose = () => false;
    cluster.run(2);
    expect(cluster.leader()?.id).toBe(3);
    expect(cluster.replica(3).history).toHaveLength(5);
  });

  it("a removed target is no target", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3) });
    cluster.elect(1);
    change(cluster, 1, [1, 2]);
    cluster.settle();
    expect(cluster.with(1, ({ core }) => core.transferLeadership(3))).toBe(false);
  });
});
