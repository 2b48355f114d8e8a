import type { Rng } from "../../src/base/index.js";
import type { ClockSkew, SimProcess } from "./sim-process.js";
import { SimStream, type StreamEnd, type StreamHandlers } from "./sim-stream.js";
import type { World } from "./world.js";

/** Takes a stream that comes in, with `end.stream.accept`. */
export type Listener = (end: StreamEnd) => void;

/** A machine: it may be cut off or without power, whatever runs on it. */
export interface SimHost {
  readonly name: string;
  readonly index: number;
  readonly skew: ClockSkew;
  /** False while without power. */
  up: boolean;
  /** Cluster maps on their way to it are dropped. */
  getsNoMaps: boolean;
  /** What the process that runs on it listens to, by service. */
  readonly listeners: Map<string, Listener>;
}

export interface FabricOptions {
  /** One way, in milliseconds. */
  readonly latencyMs: number;
  /** Mean of an exponential addition. */
  readonly jitterMs: number;
  /** One packet in so many is held up for up to `spikeMs`; 0 for none. */
  readonly spikeEvery: number;
  readonly spikeMs: number;
  /** Silence after which an end gives a stream up: between half and all of this. */
  readonly keepaliveMs: number;
}

/** The network between machines: who reaches whom, how late, and the streams in it. */
export class Fabric {
  readonly world: World;
  readonly options: FabricOptions;
  readonly #hosts: SimHost[] = [];
  readonly #blocked = new Set<number>();
  readonly #streams = new Set<SimStream>();
  readonly #rng: Rng;

  constructor(world: World, options: FabricOptions) {
    this.world = world;
    this.options = options;
    this.#rng = world.rng("network");
  }

  addHost(name: string, skew: ClockSkew): SimHost {
    const host = {
      name,
      index: this.#hosts.length,
      skew,
      up: true,
      getsNoMaps: false,
      listeners: new Map<string, Listener>(),
    };
    this.#hosts.push(host);
    return host;
  }

  host(name: string): SimHost | undefined {
    return this.#hosts.find((host) => host.name === name);
  }

  get rng(): Rng {
    return this.#rng;
  }

  latencyMs(): number {
    const { latencyMs, jitterMs, spikeEvery, spikeMs } = this.options;
    const jitter = -Math.log(1 - this.#rng.fraction()) * jitterMs;
    const spike = spikeEvery > 0 && this.#rng.fraction() * spikeEvery < 1 ? this.#rng.fraction() * spikeMs : 0;
    return latencyMs + jitter + spike;
  }

  // --- who reaches whom

  isBlocked(from: SimHost, to: SimHost): boolean {
    return this.#blocked.has(from.index * 1_024 + to.index);
  }

  /** Packets from `from` to `to` get lost from now on; what is on its way arrives. */
  block(from: SimHost, to: SimHost): void {
    this.#blocked.add(from.index * 1_024 + to.index);
    this.checkStreams();
  }

  unblock(from: SimHost, to: SimHost): void {
    this.#blocked.delete(from.index * 1_024 + to.index);
    this.checkStreams();
  }

  unblockAll(): void {
    this.#blocked.clear();
    this.checkStreams();
  }

  /** Cuts or mends every link between two sets of hosts, in both directions. */
  split(one: readonly SimHost[], other: readonly SimHost[]): void {
    for (const a of one)
      for (const b of other) {
        this.#blocked.add(a.index * 1_024 + b.index);
        this.#blocked.add(b.index * 1_024 + a.index);
      }
    this.checkStreams();
  }

  /** To be called whenever something changed that a stream may notice: links, pauses, power. */
  checkStreams(): void {
    for (const stream of this.#streams) stream.check();
  }

  // --- streams

  /** Opens a stream from `process` on `from` to `service` at the host called `to`. */
  dial(process: SimProcess, from: SimHost, to: string, service: string, handlers: StreamHandlers): StreamEnd {
    const target = this.host(to);
    if (target === undefined) throw new Error(`no host ${to}`);
    const stream = new SimStream(this, { process, host: from, handlers }, target, service);
    this.#streams.add(stream);
    stream.dial();
    return stream.dialler;
  }

  /** Whether nothing listens at a host that can be asked; calls back with false when it is silent. */
  probe(
    process: SimProcess,
    from: SimHost,
    to: string,
    service: string,
    timeoutMs: number,
    answer: (gone: boolean) => void,
  ): void {
    const target = this.host(to);
    const silent = target?.up !== true || this.isBlocked(from, target) || this.isBlocked(target, from);
    const roundTripMs = silent ? timeoutMs : Math.min(timeoutMs, this.latencyMs() + this.latencyMs());
    this.world.after(roundTripMs, process, () => {
      answer(!silent && target.up && !target.listeners.has(service));
    });
  }

  forget(stream: SimStream): void {
    this.#streams.delete(stream);
  }

  /** The process on `host` died: its kernel says so to all who can hear. */
  processDied(process: SimProcess): void {
    for (const stream of [...this.#streams]) stream.processDied(process);
  }

  /** Resets one random stream between machines; false when there is none. */
  resetOne(rng: Rng): boolean {
    const open = [...this.#streams].filter((stream) => stream.isOpen);
    const stream = open[rng.between(0, Math.max(1, open.length))];
    stream?.reset();
    return stream !== undefined;
  }
}
