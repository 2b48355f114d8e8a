import { describe, expect, it, jest } from "@jest/globals";
import { CorruptionError, FaultyFileSystem } from "../../src/storage/index.js";
import type { SimNode } from "../simulation/sim-node.js";
import { type ScriptedCluster, scripted } from "./cluster.js";

/** Published bugs that show in a whole cluster: real nodes, logs and routers in virtual time; the index is docs/SCENARIOS.md. */

// Processor time is about a second; a busy machine may take its time.
jest.setTimeout(60_000);

const others = (cluster: ScriptedCluster, node: SimNode): SimNode[] => cluster.nodes.filter((other) => other !== node);

/*
 * Howard and Abraham (2020) and Cloudflare's outage of the same year: nodes that reach some others and not all made leaders come
 * and go for ever. See R26 in replication.test.ts for the rules; this is the same with real streams, which break and are dialled again.
 * Fails when neither a live leader is stuck to nor a pre-vote asked (`#admit` and `tick` in src/raft/raft.ts); when `#checkQuorum`
 * always holds. The last case fails when the balancer does not wait after a move that came back (`began` in src/node/balancer.ts).
 */
describe("R26: a network that is cut in part", () => {
  it("in a chain of three the leader at its end stays, and writes go on", () =>
    scripted(1, 3, (cluster) => {
      const leader = cluster.start();
      const [, far] = others(cluster, leader);
      cluster.sim.fabric.split([leader.host], [far!.host]);
      const { term } = leader.shard!.replicas.get(0)!.leadership;
      for (let i = 0; i < 10; i++) {
        cluster.run(2_000);
        expect(cluster.post(`m${String(i)}`)).toBe(true);
      }
      expect(leader.shard!.replicas.get(0)!.leadership).toMatchObject({ role: "leader", term });
      expect(far!.shard!.replicas.get(0)!.leadership.term).toBe(term);
    }));

  it("in a star of five the one in the middle takes over, and writes go on", () =>
    scripted(2, 5, (cluster) => {
      cluster.start();
      expect(cluster.post("before")).toBe(true);
      // The one in the middle is where the leader should be when all is well, so that nobody hands the leadership on.
      const hub = cluster.sim.node(cluster.sim.nodesOf(0)[0]!);
      cluster.cutOff(hub);
      expect(cluster.within(10_000, () => others(cluster, hub).includes(cluster.serving()!))).toBe(true);
      cluster.sim.fabric.unblockAll();
      const rim = others(cluster, hub);
      for (const one of rim)
        cluster.sim.fabric.split(
          [one.host],
          rim.filter((node) => node !== one).map(({ host }) => host),
        );
      expect(cluster.within(10_000, () => hub.shard?.replicas.get(0)?.serving === true)).toBe(true);
      const { term } = hub.shard!.replicas.get(0)!.leadership;
      cluster.run(10_000);
      expect(cluster.post("after")).toBe(true);
      expect(cluster.bodies()).toEqual(["before", "after"]);
      expect(cluster.views()).toEqual(
        cluster.nodes.map((node) => expect.stringMatching(`${node === hub ? "leader" : "follower"} ${String(term)} `)),
      );
    }));

  it("in a star whose rim holds the one that should lead, it is offered the leadership less and less often", () =>
    scripted(2, 5, (cluster) => {
      cluster.start();
      const [preferred, hub] = cluster.sim.nodesOf(0).map((name) => cluster.sim.node(name));
      expect(cluster.within(10_000, () => cluster.serving() === preferred)).toBe(true);
      const rim = others(cluster, hub!);
      for (const one of rim)
        cluster.sim.fabric.split(
          [one.host],
          rim.filter((node) => node !== one).map(({ host }) => host),
        );
      expect(cluster.within(10_000, () => hub!.shard?.replicas.get(0)?.serving === true)).toBe(true);
      const shard = hub!.shard!;
      const { transfer } = shard;
      const sinceMs = cluster.world.nowMs;
      const offered: number[] = [];
      shard.transfer = (replica, to) => {
        const isBegun = transfer.call(shard, replica, to);
        if (isBegun && replica.group === 0) offered.push(cluster.world.nowMs - sinceMs);
        return isBegun;
      };
      let servedMs = 0;
      while (cluster.world.nowMs < sinceMs + 160_000) {
        cluster.run(100);
        if (cluster.serving() === hub) servedMs += 100;
      }
      // After 10, 20, 40 and 80 seconds, each time at the next look, not every two seconds.
      expect(offered.length).toBeGreaterThan(2);
      expect(offered.length).toBeLessThanOrEqual(6);
      const waits = offered.slice(1).map((atMs, i) => atMs - offered[i]!);
      for (const [i, wait] of waits.entries()) expect(wait).toBeGreaterThanOrEqual(10_000 * 2 ** i - 100);
      expect(servedMs).toBeGreaterThan(0.9 * 160_000);
      cluster.sim.fabric.unblockAll();
      expect(cluster.within(200_000, () => cluster.serving() === preferred)).toBe(true);
      expect(cluster.post("after")).toBe(true);
    }));
});

/*
 * A Kafka controller (KAFKA-15489) that was cut off from the quorum believed to lead for ever, and clients that reached it waited.
 * A leader that has not heard of a quorum for an election timeout steps down: `#checkQuorum` in src/raft/leader.ts.
 * Fails when that always holds.
 */
describe("R27: a leader leads on although it is cut off from the quorum", () => {
  it("it gives up within two election timeouts, and the gateway goes to its successor", () =>
    scripted(3, 3, (cluster) => {
      const leader = cluster.start();
      cluster.cutOff(leader);
      const replica = leader.shard!.replicas.get(0)!;
      expect(cluster.within(2_100, () => replica.leadership.role !== "leader")).toBe(true);
      expect(replica.serving).toBe(false);
      expect(cluster.within(5_000, () => cluster.serving() !== undefined)).toBe(true);
      expect(cluster.post("after")).toBe(true);
      expect(cluster.serving()).not.toBe(leader);
      cluster.sim.fabric.unblockAll();
      cluster.run(5_000);
      expect(cluster.bodies()).toEqual(["after"]);
      expect(replica.machine.appliedIndex).toBe(cluster.serving()!.shard!.replicas.get(0)!.machine.appliedIndex);
    }));
});

/*
 * NATS counted its quorum with wall-clock times, and a step of the clock by NTP cost a leader its quorum. Elections count ticks of
 * a timer (src/raft/election-timer.ts, `tick` in src/raft/leader.ts) and never look at the wall clock.
 * Fails when a shard's ticks follow the wall clock (`#tick` in src/node/shard.ts).
 */
describe("R28: the wall clock is in the quorum's logic", () => {
  it("steps of an hour either way, on any node, move no leadership and stop no write", () =>
    scripted(4, 3, (cluster) => {
      const leader = cluster.start();
      const { term } = leader.shard!.replicas.get(0)!.leadership;
      const views = cluster.views();
      let posts = 0;
      for (const node of [leader, ...others(cluster, leader)])
        for (const stepMs of [3_600_000, -7_200_000, 3_600_000]) {
          node.host.skew.offsetMs += stepMs;
          expect(cluster.post(`m${String(posts++)}`)).toBe(true);
          cluster.run(1_500);
          expect(cluster.views()).toEqual(views);
        }
      expect(leader.shard!.replicas.get(0)!.leadership).toMatchObject({ role: "leader", term });
      expect(cluster.bodies()).toHaveLength(posts);
    }));
});

/*
 * Jepsen found (NATS 2.12.1) that damaged files on a minority of the servers made acknowledged messages vanish everywhere. A node
 * whose log is damaged where it was durable does not start (src/storage/wal/recovery.ts): it neither votes nor acknowledges, so that
 * a majority without the messages can never come about. It is not filled from its peers yet; an operator resets it.
 * Fails when a bad frame is always taken for a torn tail.
 */
describe("R33: the damage of a minority wins", () => {
  /** Nodes in `damaged` read a flipped bit in the middle of their log; what refused to start is in `refused`. */
  function damageable(cluster: ScriptedCluster): { readonly damaged: Set<string>; readonly refused: string[] } {
    const damaged = new Set<string>();
    const refused: string[] = [];
    cluster.sim.hooks.fileSystem = (disk, { name }) =>
      new FaultyFileSystem(disk, ({ operation, path, bytes }) => {
        // Frames begin after two pages of header; the third of them lies well before the last.
        const isLog = operation === "read" && path.endsWith(".seg") && bytes > 8_192;
        return damaged.has(name) && isLog ? { type: "flip", bit: 8 * (8_192 + 2 * 4_096 + 60) } : undefined;
      });
    const threw = cluster.world.threw.bind(cluster.world);
    cluster.world.threw = (owner, error) => {
      if (!(error instanceof CorruptionError) || owner === undefined) {
        threw(owner, error);
        return;
      }
      // What a real process does: it says why and ends.
      refused.push(owner.name);
      cluster.sim.node(owner.name).kill();
    };
    return { damaged, refused };
  }

  it.each([
    { nodes: 3, hurt: 1 },
    { nodes: 5, hurt: 2 },
  ])(
    "of $nodes nodes $hurt with a flipped bit stay away: nothing is lost, and no majority is made with them",
    ({ nodes, hurt }) =>
      scripted(5, nodes, (cluster) => {
        const { damaged, refused } = damageable(cluster);
        cluster.start();
        const posted = Array.from({ length: 8 }, (_, i) => `m${String(i)}`);
        for (const body of posted) expect(cluster.post(body)).toBe(true);
        cluster.run(1_000);
        const bad = cluster.nodes.slice(0, hurt);
        const good = cluster.nodes.slice(hurt);
        for (const { name } of bad) damaged.add(name);
        for (const node of cluster.nodes) node.kill();

        // One of the sound nodes is late: the damaged ones must not stand in for it.
        const [late, ...early] = good;
        cluster.boot(...bad, ...early);
        cluster.run(8_000);
        expect(refused.sort()).toEqual(bad.map(({ name }) => name));
        expect(cluster.serving()).toBeUndefined();
        cluster.boot(late!);
        expect(cluster.within(8_000, () => cluster.serving() !== undefined)).toBe(true);
        expect(cluster.bodies()).toEqual(posted);
        expect(cluster.post("more")).toBe(true);

        // Another try changes nothing; with a sound disk they come back.
        cluster.boot(...bad);
        cluster.run(2_000);
        expect(refused).toHaveLength(2 * hurt);
        damaged.clear();
        cluster.boot(...bad);
        expect(
          cluster.within(8_000, () => bad.every((node) => node.shard?.replicas.get(0)?.isCatchingUp === false)),
        ).toBe(true);
        cluster.run(3_000);
        expect(cluster.bodies()).toEqual([...posted, "more"]);
      }),
  );
});
