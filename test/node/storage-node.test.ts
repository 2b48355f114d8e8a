import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { metaGroup } from "../../src/cluster/index.js";
import { MiniMembers, type MiniMembersOptions, seatsInUse, Writer } from "./mini-members.js";

// A second or two of processor time each; a busy machine may take its time.
jest.setTimeout(60_000);

describe("a cluster of whole nodes", () => {
  let cluster: MiniMembers;

  afterEach(async () => {
    await cluster.stopAll();
    expect(cluster.problems()).toEqual([]);
  });

  async function founded(options: Partial<MiniMembersOptions> = {}): Promise<MiniMembers> {
    cluster = new MiniMembers({ founders: 3, partitions: 3, replicationFactor: 3, ...options });
    await cluster.found();
    return cluster;
  }

  /** All replicas of all groups are equal, and hold what was acknowledged. */
  async function expectEqual(writer?: Writer): Promise<void> {
    const groups = [metaGroup, ...cluster.map.partitions.keys()];
    for (const group of groups) expect(new Set(await cluster.hashes(group)).size).toBe(1);
    for (const [partition, count] of writer?.acknowledged.entries() ?? [])
      expect(cluster.leaderOf(partition)?.replica(partition)?.machine.stats().queues).toBe(count);
  }

  test("founds itself: one map, all incarnations known, everything led where it should be", async () => {
    await founded();
    await cluster.untilSettled();
    expect(cluster.map.nodes.map(({ incarnation }) => incarnation)).toEqual(
      [...cluster.folders.values()].map(({ incarnation }) => incarnation),
    );
    // The founding changes nothing; each incarnation is a change.
    expect(cluster.map.version).toBe(4);
    for (const { id, view } of cluster.processes.values()) {
      const seat = view.own?.seat as number;
      expect([id, cluster.processes.get(id)?.shard.ledCount]).toEqual([id, seat === 1 ? 2 : 1]);
    }
    await expectEqual();
  });

  test("grows from three nodes to five while writes go on, and shrinks again", async () => {
    await founded({ partitions: 5 });
    await cluster.untilSettled();
    const writer = new Writer(cluster).start();
    await cluster.join("n4");
    await cluster.join("n5");
    await cluster.untilSettled();
    expect(seatsInUse(cluster.map)).toEqual([1, 2, 3, 4, 5]);
    const held = cluster.map.partitions.flatMap(({ replicas }) => replicas.map((id) => id % 2 ** 20));
    for (const seat of [1, 2, 3, 4, 5]) expect(held.filter((one) => one === seat)).toHaveLength(3);
    expect(cluster.map.meta.replicas).toHaveLength(5);

    await cluster.setState("n4", "leaving");
    await cluster.setState("n5", "leaving");
    await cluster.until(() => !cluster.processes.has("n4") && !cluster.processes.has("n5"), "the leaving of two");
    await cluster.untilSettled();
    expect(cluster.map.nodes.map(({ state }) => state)).toEqual(["active", "active", "active", "gone", "gone"]);
    const left = cluster.all.filter(({ id }) => id === "n4" || id === "n5");
    expect(left.map(({ evictions }) => evictions.length)).toEqual([1, 1]);
    await writer.stop();
    expect(writer.total).toBeGreaterThan(500);
    await expectEqual(writer);
  });
});
