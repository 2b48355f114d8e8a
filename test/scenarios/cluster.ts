import { MessageBatchWriter } from "../../src/command/index.js";
import type { QueueService, StoredMessage } from "../../src/contract/index.js";
import { drawOptions, type SimOptions } from "../simulation/options.js";
import type { SimNode } from "../simulation/sim-node.js";
import { SimWorld } from "../simulation/sim-world.js";
import { World } from "../simulation/world.js";

const PROJECT = "project";
const QUEUE = "queue";
const CLIENT = new Uint8Array(16).fill(7);

/** One partition on all nodes, a quiet network, exact clocks, and timeouts of production. */
function optionsOf(seed: number, nodes: number): SimOptions {
  return {
    ...drawOptions(seed, "calm"),
    ...{ nodes, replicationFactor: nodes, partitions: 1, gateways: 1 },
    ...{ tickMs: 50, heartbeatTicks: 2, electionTicks: 20 },
    ...{ latencyMs: 0.5, jitterMs: 0.5, spikeEvery: 0, spikeMs: 0, keepaliveMs: 2_000 },
    ...{ syncMs: 1, readMs: 0.1, clockOffsetMsMax: 0, clockDriftMax: 0 },
    ...{ movesMax: 4, clockSkewMaxMs: 100_000_000, leaseReads: false },
    ...{ segmentBytes: 512 * 1_024, checkpointLogBytes: 1_000_000, raft: {}, node: {}, machine: {} },
    ...{ requestTimeoutMs: 3_000, encodesFrames: false },
  };
}

/** A whole cluster in virtual time whose faults a test scripts. All invariants of the simulator hold throughout, or `run` throws. */
export class ScriptedCluster {
  readonly world: World;
  readonly sim: SimWorld;

  constructor(seed: number, nodes: number) {
    this.world = new World(seed);
    this.sim = new SimWorld(this.world, optionsOf(seed, nodes));
  }

  get nodes(): readonly SimNode[] {
    return this.sim.nodes;
  }

  /** Lets virtual time pass. */
  run(durationMs: number): void {
    this.world.run(this.world.nowMs + durationMs);
    if (this.world.failure !== undefined) throw this.world.failure;
  }

  /** True as soon as `condition` holds, false after `limitMs`. */
  within(limitMs: number, condition: () => boolean): boolean {
    const untilMs = this.world.nowMs + limitMs;
    while (!condition() && this.world.nowMs < untilMs) this.run(10);
    return condition();
  }

  boot(...nodes: readonly SimNode[]): void {
    for (const node of nodes) node.boot();
    for (const gateway of this.sim.gateways) gateway.boot();
  }

  /** The node that serves, by its own account. */
  serving(): SimNode | undefined {
    return this.nodes.find((node) => node.shard?.replicas.get(0)?.serving === true);
  }

  /** Boots all, waits for a leader and makes the queue. */
  start(): SimNode {
    this.boot(...this.nodes);
    if (!this.within(10_000, () => this.serving() !== undefined)) throw new Error("nobody leads");
    if (this.#call((service) => service.createQueue(PROJECT, QUEUE)) !== true) throw new Error("no queue was made");
    return this.serving() as SimNode;
  }

  /** Cuts all links between a node and the other nodes. */
  cutOff(node: SimNode): void {
    const hosts = this.nodes.filter((other) => other !== node).map(({ host }) => host);
    this.sim.fabric.split([node.host], hosts);
  }

  /** Leadership as each node sees it: "role term leader", or "down". */
  views(): string[] {
    return this.nodes.map((node) => {
      const leadership = node.shard?.replicas.get(0)?.leadership;
      if (leadership === undefined) return "down";
      return `${leadership.role} ${String(leadership.term)} ${String(leadership.leader)}`;
    });
  }

  /** True when the post was acknowledged, false when it was refused or nobody answered in time. */
  post(body: string): boolean {
    const writer = new MessageBatchWriter(1);
    writer.add(86_400, Buffer.from(JSON.stringify(body)));
    const batch = writer.finish();
    return this.#call((service) => service.postMessages(PROJECT, QUEUE, CLIENT, batch)) !== undefined;
  }

  /** The bodies of all messages, or undefined when nobody answers. */
  bodies(): string[] | undefined {
    const options = { afterSequence: 0, limit: 1_000, includeClaimed: true, withoutClient: undefined };
    const page = this.#call((service) => service.listMessages(PROJECT, QUEUE, options));
    return page?.messages.map((message: StoredMessage) => JSON.parse(Buffer.from(message.body).toString()) as string);
  }

  #call<T>(run: (service: QueueService) => Promise<T>): T | undefined {
    let answer: { readonly value: T | undefined } | undefined;
    this.sim.gateways[0]?.call(run).then(
      (value) => {
        answer = { value };
      },
      () => {
        answer = { value: undefined };
      },
    );
    this.within(10_000, () => answer !== undefined);
    return answer?.value;
  }
}

/** Runs a script from a macrotask of its own, which virtual time needs. */
export function scripted(seed: number, nodes: number, script: (cluster: ScriptedCluster) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        script(new ScriptedCluster(seed, nodes));
        resolve();
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}
