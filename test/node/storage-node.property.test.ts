import { describe, expect, jest, test } from "@jest/globals";
import { Xoshiro128 } from "../../src/base/index.js";
import { metaGroup } from "../../src/cluster/index.js";
import { MemoryFileSystem } from "../../src/storage/index.js";
import { type Folder, MiniMembers, Writer } from "./mini-members.js";

// A second or two of processor time each; a busy machine may take its time.
jest.setTimeout(120_000);

const seeds = (process.env["MEMBERS_SEEDS"] ?? "1,2,3,4").split(",").map(Number);
const ROUNDS = 12;

/** Nodes that come, go, stop, lose what they have and are cut off, as a seed says; one loss of data at a time. */
class Weather {
  readonly cluster: MiniMembers;
  readonly story: string[] = [];
  readonly #rng: Xoshiro128;
  readonly #down = new Set<string>();
  #names = 0;
  #hasLost = false;

  constructor(seed: number) {
    this.#rng = new Xoshiro128(seed);
    const founders = 3 + this.#rng.between(0, 2);
    this.#names = founders;
    const checkpointLogBytes = this.#rng.fraction() < 0.5 ? 1_500 : 1 << 30;
    this.cluster = new MiniMembers({ founders, partitions: 4, replicationFactor: 3, checkpointLogBytes }, seed);
  }

  #note(what: string): void {
    this.story.push(`${String(this.cluster.time.now)} ${what}`);
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from.length === 0 ? undefined : from[this.#rng.between(0, from.length)];
  }

  #active(): string[] {
    const { nodes } = this.cluster.map;
    return nodes.filter(({ state }) => state === "active").map(({ id }) => id);
  }

  async round(): Promise<void> {
    const { cluster } = this;
    const acts = [
      () => this.#crash(),
      () => this.#restart(),
      () => this.#cut(),
      () => this.#join(),
      () => this.#leave(),
      () => this.#drain(),
      () => this.#lose(),
      () => this.#factor(),
    ];
    await this.#pick(acts)?.();
    await cluster.run(this.#rng.between(0, 3_000));
  }

  async #crash(): Promise<void> {
    const id = this.#pick([...this.cluster.processes.keys()]);
    // A majority stays up, or nothing would ever happen.
    if (id === undefined || this.#down.size > 0 || this.cluster.cut.size > 0) return;
    const power = this.#rng.fraction() < 0.5;
    this.#note(`${id} ends${power ? ", and its page cache with it" : ""}`);
    this.#down.add(id);
    this.cluster.crash(id, power);
    await Promise.resolve();
  }

  async #restart(): Promise<void> {
    for (const id of this.#down) {
      const folder = this.cluster.folders.get(id) as Folder;
      const row = folder.map?.nodes.find(({ incarnation }) => incarnation === folder.incarnation);
      this.#down.delete(id);
      // Such a node does not start any more.
      if (row?.state === "gone" || row?.state === "lost") continue;
      this.#note(`${id} starts`);
      await this.cluster.start(id);
    }
  }

  async #cut(): Promise<void> {
    if (this.cluster.cut.size > 0) {
      this.#note("all are connected again");
      this.cluster.heal();
    } else if (this.#down.size === 0) {
      const id = this.#pick([...this.cluster.processes.keys()]) as string;
      this.#note(`${id} is cut off`);
      this.cluster.cutOff(id);
    }
    await Promise.resolve();
  }

  async #join(): Promise<void> {
    if (this.cluster.processes.size >= 6) return;
    const id = `n${String(++this.#names)}`;
    this.#note(`${id} joins`);
    await this.#asked(this.cluster.join(id));
  }

  async #leave(): Promise<void> {
    const active = this.#active();
    const id = this.#pick(active);
    if (id === undefined || active.length <= 4) return;
    this.#note(`${id} shall leave`);
    await this.#asked(this.cluster.setState(id, "leaving"));
  }

  async #drain(): Promise<void> {
    const draining = this.cluster.map.nodes.find(({ state }) => state === "draining");
    const id = draining?.id ?? this.#pick(this.#active());
    if (id === undefined || (draining === undefined && this.#active().length <= 3)) return;
    this.#note(`${id} ${draining === undefined ? "is drained" : "counts again"}`);
    await this.#asked(this.cluster.setState(id, draining === undefined ? "draining" : "active"));
  }

  /** A node loses its folder or its log. Only once everything else is whole. */
  async #lose(): Promise<void> {
    if (this.#hasLost) return;
    this.#hasLost = true;
    await this.calm();
    const id = this.#pick([...this.cluster.processes.keys()]) as string;
    this.cluster.crash(id, true);
    if (this.#rng.fraction() < 0.5) {
      this.#note(`${id} loses its folder and joins again`);
      await this.cluster.join(id);
      return;
    }
    this.#note(`${id} loses its log`);
    const folder = this.cluster.folders.get(id) as Folder;
    folder.files = new MemoryFileSystem();
    await this.cluster.start(id);
  }

  async #factor(): Promise<void> {
    const replicationFactor = this.cluster.map.replicationFactor === 3 ? 5 : 3;
    this.#note(`${String(replicationFactor)} replicas`);
    await this.#asked(this.cluster.change({ op: "set-replication-factor", replicationFactor }));
  }

  /** Whoever asks while everything changes may be refused. */
  async #asked(asking: Promise<unknown>): Promise<void> {
    try {
      await asking;
    } catch (error) {
      this.#note(`refused: ${(error as Error).message}`);
    }
  }

  async calm(): Promise<void> {
    this.cluster.heal();
    await this.#restart();
    this.#note("calm");
    await this.cluster.untilSettled();
  }
}

describe("a cluster whose nodes come, go, and lose what they have", () => {
  // MEMBERS_SEEDS=17 runs another seed, or several with commas between them.
  test.each(seeds)("comes to rest as its map says, with every acknowledged write (seed %d)", async (seed) => {
    const weather = new Weather(seed);
    const { cluster } = weather;
    try {
      await cluster.found();
      await cluster.untilSettled();
      const writer = new Writer(cluster).start();
      for (let round = 0; round < ROUNDS; round++) await weather.round();
      await weather.calm();
      await writer.stop();
      for (const group of [metaGroup, ...cluster.map.partitions.keys()])
        expect(new Set(await cluster.hashes(group)).size).toBe(1);
      for (const [partition, count] of writer.acknowledged.entries())
        expect(cluster.leaderOf(partition)?.replica(partition)?.machine.stats().queues).toBe(count);
      await cluster.stopAll();
      expect(cluster.problems()).toEqual([]);
    } catch (error) {
      throw new Error(`seed ${String(seed)}\n${weather.story.join("\n")}\n${cluster.describe()}`, { cause: error });
    }
  });
});
