import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { AdminError, ClusterAdmin, type NodeDescription } from "../../src/admin/index.js";
import { type ClusterMap, seatOf } from "../../src/cluster/index.js";
import type { Cluster } from "./cluster.js";
import { unsettled } from "./settled.js";

const QUESTION_MS_MAX = 10_000;
const META_LEADER_MS_MAX = 60_000;
const POLL_MS = 50;
/** Reasons that an error tells. */
const TOLD_MAX = 5;

const execute = promisify(execFile);

/** Looks at a cluster and changes it, from outside. */
export class Operator {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** What the first node that answers knows. */
  async describe(): Promise<NodeDescription> {
    const addresses = this.#cluster.nodes.map((node) => this.#cluster.address(node));
    const admin = new ClusterAdmin({ addresses, timeoutMs: QUESTION_MS_MAX });
    try {
      return await admin.describe();
    } finally {
      admin.close();
    }
  }

  /** The node that leads the meta group. Throws when nobody knows one for long. */
  async metaLeader(): Promise<string> {
    const sinceMs = performance.now();
    for (;;) {
      const { metaLeader } = await this.describe();
      if (metaLeader !== undefined) return metaLeader;
      if (performance.now() - sinceMs > META_LEADER_MS_MAX) throw new Error("nobody knows who leads the meta group");
      await sleep(POLL_MS);
    }
  }

  /** The map, or why there is none now: nodes that start or are starved do not answer. */
  async #map(): Promise<ClusterMap | AdminError> {
    try {
      return (await this.describe()).map;
    } catch (error) {
      if (error instanceof AdminError) return error;
      throw error;
    }
  }

  /** Resolves when these nodes and no others are members, and nothing is to be moved any more, by the map. See `settled`. */
  placed(nodes: readonly string[], timeoutMs: number): Promise<ClusterMap> {
    return this.#until(timeoutMs, (map) => Promise.resolve([...strangers(map, nodes), ...unsettled(map)]));
  }

  /**
   * Resolves when these nodes and no others are members, every partition is held and led as the map wants it, and nothing is to
   * be moved any more. Throws, with what is missing, after `timeoutMs`.
   *
   * @returns the map
   */
  settled(nodes: readonly string[], timeoutMs: number): Promise<ClusterMap> {
    return this.#until(timeoutMs, async (map) => {
      const wrong = [...strangers(map, nodes), ...unsettled(map)];
      return wrong.length > 0 ? wrong : this.#misled(map);
    });
  }

  async #until(timeoutMs: number, missingIn: (map: ClusterMap) => Promise<string[]>): Promise<ClusterMap> {
    const sinceMs = performance.now();
    for (;;) {
      const map = await this.#map();
      const missing = map instanceof AdminError ? [map.message] : await missingIn(map);
      if (!(map instanceof AdminError) && missing.length === 0) return map;
      if (performance.now() - sinceMs > timeoutMs)
        throw new Error(`not settled after ${timeoutMs} ms: ${missing.slice(0, TOLD_MAX).join("; ")}`);
      await sleep(POLL_MS);
    }
  }

  /** `marconi node remove`, waited for. Throws with what the command printed when it fails. */
  async remove(node: string, timeoutMs: number): Promise<void> {
    // It will be told to go by those that stay; and so it may end before the command does.
    this.#cluster.expectEnd(node);
    const others = this.#cluster.nodes.filter((other) => other !== node);
    const asked = others.map((other) => this.#cluster.address(other)).join(",");
    const words = ["node", "remove", node, "--wait", "--wait-timeout-ms", String(timeoutMs), "--node", asked];
    try {
      await execute(process.execPath, [this.#cluster.entry, ...words]);
    } catch (error) {
      const { stdout, stderr } = error as { readonly stdout: string; readonly stderr: string };
      throw new Error(`marconi ${words.join(" ")} failed: ${stdout}${stderr}`, { cause: error });
    }
  }

  /** Partitions that the first of their replicas does not lead. */
  async #misled(map: ClusterMap): Promise<string[]> {
    const led = new Map<string, readonly number[]>();
    for (const node of this.#cluster.nodes) led.set(node, await this.#cluster.ledBy(node));
    return map.partitions.flatMap(({ replicas: [first = 0] }, partition) => {
      const wanted = map.nodes[seatOf(first) - 1]?.id ?? "";
      return led.get(wanted)?.includes(partition) === true ? [] : [`partition ${partition} is not led by ${wanted}`];
    });
  }
}

function strangers(map: ClusterMap, nodes: readonly string[]): string[] {
  const active = map.nodes.filter(({ state }) => state === "active").map(({ id }) => id);
  const missing = nodes.filter((node) => !active.includes(node));
  const more = active.filter((node) => !nodes.includes(node));
  return [
    ...missing.map((node) => `${node} is no active member`),
    ...more.map((node) => `${node} should not be a member`),
  ];
}
