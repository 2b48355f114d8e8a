import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { metaGroup, seatOf, seatsMax } from "../../src/cluster/index.js";
import { MemoryFileSystem } from "../../src/storage/index.js";
import { type Folder, MiniMembers, type MiniMembersOptions, seatsInUse, Writer } from "./mini-members.js";

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

  test("a node that comes back without its disk sits on another seat, and its old one ends", async () => {
    await founded();
    await cluster.untilSettled();
    const writer = new Writer(cluster).start();
    await cluster.run(2_000);
    cluster.crash("n2", true);
    await cluster.run(2_000);
    await cluster.join("n2");
    await cluster.untilSettled();
    await writer.stop();
    expect(cluster.map.nodes.map(({ id, state }) => `${id} ${state}`)).toEqual([
      "n1 active",
      "n2 gone",
      "n3 active",
      "n2 active",
    ]);
    expect(seatsInUse(cluster.map)).toEqual([1, 3, 4]);
    await expectEqual(writer);
  });

  test("the old disk of a node that was replaced is told so by the others, and ends", async () => {
    await founded();
    await cluster.untilSettled();
    cluster.crash("n2");
    const old = cluster.folders.get("n2") as Folder;
    await cluster.join("n2");
    await cluster.untilSettled();
    await cluster.stop("n2");
    cluster.folders.set("n2", old);
    const ghost = await cluster.start("n2");
    const terms = [...ghost.shard.replicas.values()].map(({ leadership }) => leadership.term);
    await cluster.until(() => ghost.evictions.length > 0, "the word of the others");
    expect(ghost.evictions[0]).toMatch(/removed from the cluster|another incarnation/);
    expect([...ghost.shard.replicas.values()].map(({ leadership }) => leadership.term)).toEqual(terms);
  });

  test("a node that is removed while it is down is told when it comes back", async () => {
    await founded({ founders: 4 });
    await cluster.untilSettled();
    cluster.crash("n4");
    await cluster.setState("n4", "lost");
    await cluster.until(() => cluster.map.nodes[3]?.state === "gone", "the end of its seat");
    const back = await cluster.start("n4");
    await cluster.until(() => back.evictions.length > 0, "the word of the others");
    await cluster.untilSettled();
    await expectEqual();
  });

  test("replicas whose log is gone are made again under new ids on the same node, and never vote under the old ones", async () => {
    await founded();
    await cluster.untilSettled();
    const writer = new Writer(cluster).start();
    await cluster.run(2_000);
    cluster.crash("n3", true);
    const folder = cluster.folders.get("n3") as Folder;
    folder.files = new MemoryFileSystem();
    const back = await cluster.start("n3");
    expect(back.shard.replicas.size).toBe(0);
    await cluster.untilSettled();
    await writer.stop();
    const groups = [cluster.map.meta, ...cluster.map.partitions];
    expect(groups.map(({ replicas }) => replicas.map(seatOf).sort())).toEqual(groups.map(() => [1, 2, 3]));
    for (const { replicas } of groups) expect(replicas.filter((id) => id < seatsMax).sort()).toEqual([1, 2]);
    expect(cluster.map.nodes).toHaveLength(3);
    await expectEqual(writer);
  });

  test("a replica whose checkpoint is damaged is made again; the others of the node go on", async () => {
    await founded({ checkpointLogBytes: 2_000 });
    await cluster.untilSettled();
    const writer = new Writer(cluster).start();
    await cluster.run(6_000);
    await writer.stop();
    cluster.crash("n3");
    const { rows } = cluster.folders.get("n3") as Folder;
    // Keys begin with the group.
    const keys = rows.range("00000001", "00000002", 10_000);
    expect(keys.length).toBeGreaterThan(1);
    for (const key of keys) {
      const row = rows.get(key) as { key: Uint8Array; value: Uint8Array };
      const value = Uint8Array.from(row.value);
      value[value.length - 1]! ^= 1;
      rows.set(key, { key: row.key, value });
    }
    const back = await cluster.start("n3");
    expect([...back.shard.replicas.keys()].sort()).toEqual([0, 2, metaGroup]);
    await cluster.untilSettled();
    expect(cluster.map.partitions.map(({ replicas }) => replicas.some((id) => id > seatsMax))).toEqual([
      false,
      true,
      false,
    ]);
    await expectEqual(writer);
  });

  test("a drained node holds nothing, stays a member, and gets its share again", async () => {
    await founded({ founders: 4, partitions: 4 });
    await cluster.untilSettled();
    await cluster.setState("n2", "draining");
    await cluster.untilSettled();
    expect(seatsInUse(cluster.map)).toEqual([1, 3, 4]);
    expect(cluster.processes.get("n2")?.shard.replicas.size).toBe(0);
    expect(cluster.rowOf("n2").state).toBe("draining");
    await cluster.setState("n2", "active");
    await cluster.untilSettled();
    expect(seatsInUse(cluster.map)).toEqual([1, 2, 3, 4]);
    await expectEqual();
  });

  test("moves go on although the leader of the meta group dies in their midst", async () => {
    await founded({ partitions: 6, movesMax: 2 });
    await cluster.untilSettled();
    const writer = new Writer(cluster).start();
    await cluster.join("n4");
    await cluster.join("n5");
    const moving = (): boolean => cluster.map.partitions.some(({ target }) => target.length > 0);
    for (let deaths = 0; deaths < 3; deaths++) {
      await cluster.until(() => moving() && cluster.leaderOf(metaGroup) !== undefined, "a move");
      const leader = cluster.leaderOf(metaGroup)?.id as string;
      cluster.crash(leader, true);
      await cluster.run(1_000);
      await cluster.start(leader);
    }
    await cluster.untilSettled();
    await writer.stop();
    expect(seatsInUse(cluster.map)).toEqual([1, 2, 3, 4, 5]);
    await expectEqual(writer);
  });

  test("the number of replicas grows from three to five, and shrinks again", async () => {
    await founded({ founders: 5 });
    await cluster.untilSettled();
    const writer = new Writer(cluster).start();
    for (const replicationFactor of [5, 3]) {
      await cluster.change({ op: "set-replication-factor", replicationFactor });
      await cluster.untilSettled();
      expect(cluster.map.partitions.map(({ replicas }) => replicas.length)).toEqual(
        [1, 1, 1].map(() => replicationFactor),
      );
      await expectEqual();
    }
    await writer.stop();
    await expectEqual(writer);
  });

  test("a node whose clock is ten seconds ahead leads nothing, and leads again when it is right", async () => {
    await founded();
    await cluster.untilSettled();
    await cluster.until(() => cluster.processes.get("n1")?.shard.ledCount === 2, "n1 in its place");
    cluster.clockOffsetsMs.set("n1", 10_000);
    const ledBy = (id: string): number => cluster.processes.get(id)?.shard.ledCount ?? 0;
    await cluster.until(() => ledBy("n1") === 0, "n1 leading nothing", 15_000);
    await cluster.run(10_000);
    expect(ledBy("n1")).toBe(0);
    expect(ledBy("n2") + ledBy("n3")).toBe(4);
    cluster.clockOffsetsMs.set("n1", 0);
    await cluster.until(() => ledBy("n1") === 2, "n1 in its place again", 60_000);
  });
});
