import { describe, expect, test } from "@jest/globals";
import { applyCommand, type ClusterMap, decodeCommand, decodeMap, type MapCommand } from "../../src/cluster/index.js";
import { nodeLimits } from "../../src/node/limits.js";
import { MetaGroup, type MetaOutcome } from "../../src/node/meta-group.js";
import { MetaMachine } from "../../src/node/meta-machine.js";
import type { Replica } from "../../src/node/replica.js";
import type { Proposal } from "../../src/raft/index.js";
import { changedMap, foundingOf, incarnationAt, viewOf, withNodes } from "./maps.js";
import { logger } from "./mini-cluster.js";

/** A replica of the meta group that leads, whose log a test commits. */
class Leader {
  serving = true;
  leadership = { role: "leader", term: 5, leader: 1 };
  readonly entries: { readonly term: number; readonly data: Uint8Array | undefined }[] = [];
  readonly core = { term: (index: number) => this.entries[index - 1]?.term };
  machine: MetaMachine;
  refuses: Proposal | undefined;
  commits = true;

  constructor(meta: MetaGroup, map?: ClusterMap) {
    this.machine = new MetaMachine(meta, map, 0);
  }

  propose(data: Uint8Array): Proposal {
    if (this.refuses !== undefined) return this.refuses;
    this.entries.push({ term: this.leadership.term, data });
    const index = this.entries.length;
    if (this.commits) setImmediate(() => this.commitTo(index));
    return { index };
  }

  commitTo(index: number): void {
    while (this.machine.appliedIndex < index) {
      const next = this.machine.appliedIndex + 1;
      const { data } = this.entries[next - 1] as (typeof this.entries)[number];
      if (data === undefined) this.machine.skip(next);
      else this.machine.apply(next, data);
    }
  }

  /** What was proposed, readable. */
  get story(): string[] {
    return this.entries.map(({ data }) => {
      if (data === undefined) return "empty";
      if (data[0] === 1) return `founding ${String(decodeMap(data.subarray(1)).version)}`;
      const command = decodeCommand(data.subarray(1));
      if (command.op === "bind-node") return `bind ${String(command.seat)}`;
      return command.op === "place" ? `place ${String(command.group)}` : command.op;
    });
  }
}

interface Setting {
  readonly map?: ClusterMap;
  readonly met?: readonly string[];
  readonly alive?: readonly number[];
  readonly movesMax?: number;
}

function setUp({ map = foundingOf(3, 3), met = [], alive = [1, 2, 3], movesMax = 4 }: Setting = {}) {
  let leader: Leader | undefined;
  const view = viewOf("n1", map);
  const meta = new MetaGroup({
    ...{ view, logger, movesMax },
    replica: () => leader as unknown as Replica | undefined,
    incarnationOf: (node) => (met.includes(node) ? incarnationAt(Number(node.slice(1))) : undefined),
    alive: () => new Set(alive),
  });
  leader = new Leader(meta, map.version > 1 ? map : undefined);
  return { meta, view, leader, depart: () => (leader = undefined) };
}

async function settle(turns = 300): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** What a promise has come to by now. */
async function stateOf(outcome: Promise<MetaOutcome>): Promise<MetaOutcome | "waits"> {
  await settle(3);
  return Promise.race([outcome, settle(3).then(() => "waits" as const)]);
}

const bind = (seat: number): MapCommand => ({ op: "bind-node", seat, incarnation: incarnationAt(seat) });
const met = withNodes(foundingOf(3, 3), () => ({}));

describe("a change of the cluster map", () => {
  test("is known when it is applied here, and the view has the map by then", async () => {
    const { meta, view } = setUp({ map: met });
    const outcome = await meta.change({ op: "set-replication-factor", replicationFactor: 5 });
    expect(outcome).toMatchObject({ changed: true, map: { version: 3, replicationFactor: 5 } });
    expect(view.map.replicationFactor).toBe(5);
    expect(await meta.change({ op: "set-replication-factor", replicationFactor: 5 })).toMatchObject({ changed: false });
    expect(await meta.change({ op: "set-replication-factor", replicationFactor: 99 })).toMatchObject({
      refused: expect.stringContaining("1 to 7"),
    });
  });

  test.each<[string, (leader: Leader, depart: () => void) => void]>([
    ["there is no replica of the meta group here", (_, depart) => depart()],
    ["the replica here does not lead", (leader) => (leader.refuses = { refused: "not-leader" })],
    ["the leadership is being handed over", (leader) => (leader.refuses = { refused: "transferring" })],
  ])("is not begun while %s", async (_, make) => {
    const { meta, leader, depart } = setUp({ map: met });
    make(leader, depart);
    expect(await meta.change(bind(1))).toEqual({ lost: "not-leader" });
    expect(leader.entries).toEqual([]);
  });

  test("has an unknown outcome when the leadership is lost on the way, and waits for nothing afterwards", async () => {
    const { meta, leader } = setUp({ map: met });
    leader.commits = false;
    const outcomes = [meta.change(bind(1)), meta.change(bind(2))];
    expect(await stateOf(outcomes[0] as Promise<MetaOutcome>)).toBe("waits");
    meta.leadershipChanged();
    expect(await stateOf(outcomes[0] as Promise<MetaOutcome>)).toBe("waits");
    leader.serving = false;
    meta.leadershipChanged();
    expect(await Promise.all(outcomes)).toEqual([{ lost: "unknown" }, { lost: "unknown" }]);
    leader.serving = true;
    leader.commits = true;
    expect(await meta.change(bind(3))).toMatchObject({ changed: false });
  });

  test("has an unknown outcome when another leader's entry took its place", async () => {
    const { meta, leader } = setUp({ map: met });
    leader.commits = false;
    const outcome = meta.change(bind(1));
    const [entry] = leader.entries;
    leader.entries[0] = { term: 6, data: entry?.data };
    leader.commitTo(1);
    expect(await outcome).toEqual({ lost: "unknown" });
  });

  test("has an unknown outcome when the replica is removed before it is applied", async () => {
    const { meta, leader, depart } = setUp({ map: met });
    leader.commits = false;
    const outcome = meta.change(bind(1));
    depart();
    meta.leadershipChanged();
    expect(await outcome).toEqual({ lost: "unknown" });
  });

  test("is turned away when too many are on their way", async () => {
    const { meta, leader } = setUp({ map: met });
    leader.commits = false;
    const under = Array.from({ length: nodeLimits.metaProposalsMax }, () => meta.change(bind(1)));
    expect(await meta.change(bind(1))).toEqual({ lost: "not-leader" });
    expect(leader.entries).toHaveLength(nodeLimits.metaProposalsMax);
    leader.commitTo(leader.entries.length);
    await Promise.all(under);
    leader.commits = true;
    expect(await meta.change(bind(1))).toMatchObject({ changed: false });
  });

  test("that others made is taken when it is applied here", () => {
    const { view, leader } = setUp({ map: met });
    const { map } = applyCommand(met, { op: "set-replication-factor", replicationFactor: 1 }) as { map: ClusterMap };
    leader.serving = false;
    leader.machine.apply(1, setUpEntry({ op: "set-replication-factor", replicationFactor: 1 }));
    expect(view.map).toEqual(map);
  });
});

function setUpEntry(command: MapCommand): Uint8Array {
  const { meta, leader } = setUp({ map: met });
  void meta.change(command);
  return leader.entries[0]?.data as Uint8Array;
}

describe("the leader of the meta group", () => {
  test("founds the cluster, and binds the founders that were met, each by its incarnation", async () => {
    const { meta, view, leader } = setUp({ met: ["n3"] });
    meta.tick();
    await settle();
    expect(leader.story).toEqual(["founding 1", "bind 1", "bind 3"]);
    expect(view.map.nodes.map(({ incarnation }) => incarnation)).toEqual([incarnationAt(1), "", incarnationAt(3)]);
    meta.tick();
    await settle();
    expect(leader.story).toHaveLength(3);
  });

  test("moves one after the other, as many at once as allowed", async () => {
    const grown = withNodes(foundingOf(4, 6, 3), () => ({}));
    const drained = withNodes(grown, ({ seat }) => (seat === 1 ? { state: "draining" } : {}));
    const { meta, view, leader } = setUp({ map: drained, alive: [1, 2, 3, 4], movesMax: 2 });
    meta.tick();
    await settle();
    expect(leader.story).toHaveLength(2);
    expect(leader.story.every((entry) => entry.startsWith("place"))).toBe(true);
    expect(view.map.partitions.concat(view.map.meta).filter(({ target }) => target.length > 0)).toHaveLength(2);
    expect(meta.movesPlanned).toBe(2);
    meta.tick();
    await settle();
    expect(leader.story).toHaveLength(2);
  });

  test("waits for what it proposed before it looks again", async () => {
    const { meta, leader } = setUp({ met: ["n2", "n3"] });
    leader.commits = false;
    for (let tick = 0; tick < 5; tick++) {
      meta.tick();
      await settle(5);
    }
    expect(leader.story).toEqual(["founding 1"]);
    leader.commits = true;
    leader.commitTo(1);
    await settle();
    expect(leader.story).toEqual(["founding 1", "bind 1", "bind 2", "bind 3"]);
  });

  test("goes on in its next reign when a proposal got lost in this one", async () => {
    const { meta, leader } = setUp({ met: ["n2", "n3"] });
    leader.commits = false;
    meta.tick();
    await settle(5);
    leader.serving = false;
    meta.leadershipChanged();
    await settle(5);
    meta.tick();
    expect(leader.story).toEqual(["founding 1"]);
    // The next leader's first entry took the place of the founding.
    leader.entries[0] = { term: 6, data: undefined };
    leader.commitTo(1);
    leader.serving = true;
    leader.leadership = { ...leader.leadership, term: 7 };
    leader.commits = true;
    meta.tick();
    await settle();
    expect(leader.story).toEqual(["empty", "founding 1", "bind 1", "bind 2", "bind 3"]);
  });

  test("stops at what the map does not take, and tries again at the next tick", async () => {
    // Another node has that incarnation: a copy of its data folder.
    const map = withNodes(foundingOf(3, 3), ({ seat }) => ({ incarnation: seat === 1 ? "" : incarnationAt(seat - 1) }));
    const { meta, leader } = setUp({ map });
    for (let tick = 1; tick <= 3; tick++) {
      meta.tick();
      await settle(20);
      expect(leader.story).toEqual(Array.from({ length: tick }, () => "bind 1"));
    }
  });

  test("plans on the map that its machine has, which may have come with a snapshot", async () => {
    const { meta, view, leader } = setUp({ map: met });
    const newer = changedMap(met, { replicationFactor: 2 });
    leader.machine = new MetaMachine(meta, newer, 0);
    meta.tick();
    await settle();
    expect(view.map.replicationFactor).toBe(2);
    expect(leader.story).toContain("place 0");
  });

  test("does nothing while it does not lead", async () => {
    const { meta, leader } = setUp({ met: ["n2", "n3"] });
    leader.serving = false;
    expect(meta.leads).toBe(false);
    meta.tick();
    await settle(5);
    expect(leader.entries).toEqual([]);
  });

  test("makes a bounded number of changes in one go", async () => {
    const many = foundingOf(nodeLimits.metaChangesPerTickMax + 20, 3);
    const { meta, leader } = setUp({ map: many, met: many.nodes.map(({ id }) => id) });
    meta.tick();
    await settle();
    expect(leader.entries).toHaveLength(nodeLimits.metaChangesPerTickMax + 1);
    meta.tick();
    await settle();
    expect(leader.story.filter((entry) => entry.startsWith("bind"))).toHaveLength(many.nodes.length);
  });
});
