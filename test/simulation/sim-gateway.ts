import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { QueueService } from "../../src/contract/index.js";
import {
  type Connection,
  type ConnectionHandlers,
  createRouter,
  type PartitionRouter,
  type Transport,
} from "../../src/gateway/router/index.js";
import {
  type ExchangeRequest,
  ExchangeRequestSchema,
  type ExchangeResponse,
  ExchangeResponseSchema,
} from "../../src/gen/marconi/v1/partitions_pb.js";
import type { SimHost } from "./fabric.js";
import { CLUSTER_ID, GATEWAY_SERVICE } from "./gateway-endpoint.js";
import type { SimProcess } from "./sim-process.js";
import { silentLogger } from "./silent-logger.js";
import type { SimWorld } from "./sim-world.js";

/** The gateway died while it held the request. */
export class GatewayGone extends Error {
  override readonly name = "GatewayGone";
}

const UNSENT_BYTES_MAX = 64 * 1_024;

/** A gateway machine, on which a process with the real router runs. */
export class SimGateway {
  readonly name: string;
  readonly host: SimHost;
  readonly #sim: SimWorld;
  #process: SimProcess | undefined;
  #router: PartitionRouter | undefined;
  readonly #waiting = new Set<(error: Error) => void>();

  constructor(sim: SimWorld, name: string, host: SimHost) {
    this.#sim = sim;
    this.name = name;
    this.host = host;
  }

  get running(): boolean {
    return this.#process?.alive === true;
  }

  boot(): void {
    if (this.running) return;
    const { world, options } = this.#sim;
    const process = this.#sim.newProcess(this.name, this.host.skew);
    this.#process = process;
    const rng = world.rng(`sessions of ${this.name}`);
    this.#router = createRouter({
      // The others are learned. Whatever core of the cluster is left, one of these is in it.
      nodes: this.#sim.entrances,
      log: silentLogger,
      clusterId: CLUSTER_ID,
      gateway: this.name,
      requestTimeoutMs: options.requestTimeoutMs,
      transport: new SimTransport(this.#sim, process, this.host),
      clock: process,
      timers: process,
      rng: world.rng(`redials of ${this.name}`),
      newSession: () => rng.nextU32() * 0x10_0000 + rng.between(1, 0x10_0000),
    });
  }

  kill(): void {
    if (!this.running || this.#process === undefined) return;
    const { world, fabric } = this.#sim;
    world.timeline.note(undefined, `${this.name} is killed`);
    world.coverage.add("gatewayRestarts");
    this.#account();
    this.#process.kill();
    fabric.processDied(this.#process);
    for (const reject of this.#waiting) reject(new GatewayGone());
    this.#waiting.clear();
  }

  /** Adds the router's counters to the coverage; once per life. */
  #account(): void {
    const { coverage } = this.#sim.world;
    const stats = this.#router?.stats();
    if (stats === undefined) return;
    coverage.add("retriesByRouter", stats.retries);
    coverage.add("bounces", stats.bounces);
  }

  finish(): void {
    if (this.running) this.#account();
  }

  /** Requests that were sent again, in this life. */
  get retries(): number {
    return this.#router?.stats().retries ?? 0;
  }

  /** Runs one call; rejects with GatewayGone when the gateway dies meanwhile or is dead. */
  call<T>(run: (service: QueueService) => Promise<T>): Promise<T> {
    const router = this.#router;
    if (!this.running || router === undefined) return Promise.reject(new GatewayGone());
    return new Promise<T>((resolve, reject) => {
      this.#waiting.add(reject);
      run(router).then(
        (value) => {
          this.#waiting.delete(reject);
          resolve(value);
        },
        (error: unknown) => {
          this.#waiting.delete(reject);
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }
}

/** Streams of frames over the simulated network. */
class SimTransport implements Transport {
  readonly #sim: SimWorld;
  readonly #process: SimProcess;
  readonly #host: SimHost;

  constructor(sim: SimWorld, process: SimProcess, host: SimHost) {
    this.#sim = sim;
    this.#process = process;
    this.#host = host;
  }

  connect(address: string, handlers: ConnectionHandlers): Connection {
    const { fabric, options, hooks } = this.#sim;
    const encodes = options.encodesFrames;
    const end = fabric.dial(this.#process, this.#host, address, GATEWAY_SERVICE, {
      data: (payload) => {
        handlers.frame(
          encodes ? fromBinary(ExchangeResponseSchema, payload as Uint8Array) : (payload as ExchangeResponse),
        );
      },
      drained: () => {
        handlers.drained();
      },
      closed: (reason) => {
        handlers.closed(reason);
      },
    });
    return {
      send: (request: ExchangeRequest, bytes: number): boolean => {
        const frame = hooks.requests?.(request) ?? request;
        end.send(encodes ? toBinary(ExchangeRequestSchema, frame) : frame, bytes);
        if (end.bufferedBytes <= UNSENT_BYTES_MAX) return true;
        end.drainBelowBytes = UNSENT_BYTES_MAX / 2;
        return false;
      },
      close: () => {
        end.close();
      },
    };
  }
}
