import { describe, expect, test } from "@jest/globals";
import { type ClusterMap, metaGroup } from "../../src/cluster/index.js";
import type { OpenedReplica } from "../../src/node/hosting.js";
import { incarnationOf } from "../../src/node/open-replica.js";
import { hasOtherHolders, recoverReplicas } from "../../src/node/recover-replicas.js";
import { CorruptionError, type RecoveredGroup } from "../../src/storage/index.js";
import { foundingOf, placed, replicaIdAt, viewOf, withNodes } from "./maps.js";
import { logger } from "./mini-cluster.js";

/** n1 holds the meta group and partitions 0, 2 and 3 of four; two others have each of them too. */
const map = withNodes(foundingOf(4, 4), () => ({}));
const alone = withNodes(foundingOf(1, 2), () => ({}));

const inLog = (group: number, id: number | string): RecoveredGroup => {
  const incarnation = typeof id === "string" ? id : incarnationOf(id);
  return { group, incarnation } as unknown as RecoveredGroup;
};

interface Result {
  readonly opened: readonly string[];
  readonly strays: readonly number[];
  readonly lost: readonly string[];
}

class Opener {
  readonly asked: string[] = [];
  readonly damaged = new Set<number>();
  readonly broken = new Set<number>();

  async open(group: number, id: number): Promise<OpenedReplica> {
    this.asked.push(`${String(group)}:${String(id)}`);
    await new Promise((resolve) => setImmediate(resolve));
    if (this.damaged.has(group)) throw new CorruptionError("/store", 0, "a sum is wrong", "Restore it");
    if (this.broken.has(group)) throw new Error("EIO");
    return { replica: { group, id }, checkpoint: undefined } as unknown as OpenedReplica;
  }

  async recover(of: ClusterMap, groups: RecoveredGroup[], mapWasStored = true): Promise<Result> {
    const options = { view: viewOf("n1", of), logger, mapWasStored };
    const { replicas, strays, lost } = await recoverReplicas(
      { ...options, open: (group, id) => this.open(group, id) },
      groups,
    );
    return {
      opened: replicas.map(({ replica: { group, id } }) => `${String(group)}:${String(id)}`),
      strays: [...strays],
      lost: [...lost].map(([group, id]) => `${String(group)}:${String(id)}`),
    };
  }
}

const whole = [metaGroup, 0, 2, 3].map((group) => inLog(group, 1));
const names = whole.map(({ group }) => `${String(group)}:1`);

describe("what the log held", () => {
  test("goes on when the map says so", async () => {
    expect(await new Opener().recover(map, whole)).toEqual({ opened: names, strays: [], lost: [] });
  });

  test.each([
    ["a group that is others' now", inLog(1, 1)],
    ["an older replica of a group that is others' now", inLog(1, replicaIdAt(1, 4))],
    ["what no replica wrote", inLog(1, "0123")],
  ])("is a stray: %s", async (_, group) => {
    const opener = new Opener();
    expect(await opener.recover(map, [...whole, group])).toEqual({ opened: names, strays: [1], lost: [] });
    expect(opener.asked).toEqual(names);
  });

  test("an older replica, where the map wants a younger one: the old one is a stray, the younger is lost", async () => {
    const young = replicaIdAt(1, 2);
    const moved = placed(map, 2, { target: [young, 3, 4], generation: 2 });
    const result = await new Opener().recover(moved, whole);
    expect(new Set(result.strays)).toEqual(new Set([2]));
    expect(result.lost).toEqual([`2:${String(young)}`]);
    expect(result.opened).toEqual(names.filter((name) => name !== "2:1"));
  });

  test("a younger replica, which the stored map does not know yet, never acted: it goes, and the one that it was made for is lost", async () => {
    const groups = whole.map(({ group }) => inLog(group, group === 2 ? replicaIdAt(1, 2) : 1));
    const result = await new Opener().recover(map, groups);
    expect(new Set(result.strays)).toEqual(new Set([2]));
    expect(result.lost).toEqual(["2:1"]);
  });

  test("what the stored map names and the log lacks is lost, and its checkpoint of no use", async () => {
    const result = await new Opener().recover(map, whole.slice(0, 2));
    expect(result).toEqual({ opened: names.slice(0, 2), strays: [2, 3], lost: ["2:1", "3:1"] });
    const nothing = await new Opener().recover(map, []);
    expect(nothing.lost).toEqual(names);
  });

  test("before a map was stored nothing is lost: what is missing was not made yet", async () => {
    expect(await new Opener().recover(map, whole.slice(0, 2), false)).toEqual({
      ...{ opened: names.slice(0, 2), strays: [], lost: [] },
    });
  });

  test("a damaged replica is lost where others hold the group; the others go on", async () => {
    const opener = new Opener();
    opener.damaged.add(2).add(metaGroup);
    const result = await opener.recover(map, whole);
    expect(result.opened).toEqual(["0:1", "3:1"]);
    expect([...result.strays].sort()).toEqual([2, metaGroup]);
    expect(new Set(result.lost)).toEqual(new Set(["2:1", `${String(metaGroup)}:1`]));
  });

  test("damage of the only copy refuses the start", async () => {
    const opener = new Opener();
    opener.damaged.add(0);
    await expect(
      opener.recover(
        alone,
        [metaGroup, 0, 1].map((group) => inLog(group, 1)),
      ),
    ).rejects.toThrow("a sum is wrong");
  });

  test.each([
    ["partition 1", [metaGroup, 0]],
    ["the meta group", [0, 1]],
  ])("a log that forgot the only copy refuses the start: %s", async (name, groups) => {
    const opener = new Opener();
    const starting = opener.recover(
      alone,
      groups.map((group) => inLog(group, 1)),
    );
    await expect(starting).rejects.toThrow(CorruptionError);
    await expect(starting).rejects.toThrow(name);
  });

  test("any other error ends the start, once everything that was begun has ended", async () => {
    const opener = new Opener();
    opener.broken.add(0);
    await expect(opener.recover(map, whole)).rejects.toThrow("EIO");
    expect(opener.asked).toEqual(names);
  });
});

describe("other holders of a group", () => {
  test.each([
    ["on members", map, 0, true],
    ["nowhere", alone, 0, false],
    [
      "only where nobody is any more",
      withNodes(map, ({ seat }) => ({ state: seat === 1 ? "active" : "lost" })),
      0,
      false,
    ],
    [
      "only where it is to be made yet",
      placed(
        withNodes(foundingOf(2, 1, 1), () => ({})),
        0,
        { target: [1, 2], generation: 1 },
      ),
      0,
      false,
    ],
  ])("%s", (_, of, group, expected) => {
    expect(hasOtherHolders(viewOf("n1", of), group)).toBe(expected);
  });
});
