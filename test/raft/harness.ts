import { Xoshiro128 } from "../../src/base/index.js";
import {
  type Configuration,
  defaultRaftOptions,
  type Message,
  type RaftOptions,
  type Ready,
  type SnapshotMeta,
} from "../../src/raft/index.js";
import { SafetyChecker } from "./safety-checker.js";
import { SimulatedReplica } from "./simulated-replica.js";
import type { MachineState } from "./simulated-disk.js";

export type TestOptions = Omit<RaftOptions, "id" | "rng">;

/** Short timeouts, so that little has to happen for much to happen. */
export const testOptions: TestOptions = { ...defaultRaftOptions, heartbeatTicks: 1, electionTicks: 5 };

export const voters = (...ids: number[]): Configuration => ({ voters: ids, outgoing: [], learners: [] });

export const bootstrap = (configuration: Configuration): SnapshotMeta => ({
  index: 0,
  term: 0,
  configuration,
  configurationIndex: 0,
});

interface Flight {
  readonly message: Message;
  readonly data: MachineState | undefined;
}

export interface ClusterInit {
  readonly configuration: Configuration;
  /** Replicas that exist; those of the configuration when left out. */
  readonly ids?: readonly number[];
  readonly options?: Partial<TestOptions>;
  readonly seed?: number;
}

const encoder = new TextEncoder();

/** A group of cores, a network that does what the test says, and a checker that looks at everything after every step. */
export class Cluster {
  readonly rng: Xoshiro128;
  readonly replicas = new Map<number, SimulatedReplica>();
  readonly checker = new SafetyChecker();
  flights: Flight[] = [];
  /** Links that are cut, as "from>to". */
  readonly cuts = new Set<string>();
  /** Messages that get lost. */
  lose: (message: Message) => boolean = () => false;
  /** Called with every message when it leaves, and with every Ready. */
  watch: { sent?(message: Message): void; drained?(id: number, ready: Ready): void } = {};
  /** Every message that was sent, in order; tests look here. */
  sent: Message[] = [];
  #proposals = 0;
  #reads = 0;

  constructor({ configuration, ids, options, seed = 1 }: ClusterInit) {
    this.rng = new Xoshiro128(seed);
    const start = bootstrap(configuration);
    const all = ids ?? [...configuration.voters, ...configuration.learners];
    for (const id of all) {
      const replica = new SimulatedReplica(id, start, { ...testOptions, ...options }, seed * 1_000 + id, {
        send: (message) => {
          this.sent.push(message);
          this.flights.push({ message, data: undefined });
          this.watch.sent?.(message);
        },
        drained: (drained, ready) => this.watch.drained?.(drained.id, ready),
        granted: (_replica, grant) => {
          this.checker.granted(grant);
        },
        applied: (_replica, entry) => {
          this.checker.applied(entry);
        },
      });
      this.replicas.set(id, replica);
    }
  }

  replica(id: number): SimulatedReplica {
    const replica = this.replicas.get(id);
    if (replica === undefined) throw new Error(`no replica ${String(id)}`);
    return replica;
  }

  core(id: number): SimulatedReplica["core"] {
    return this.replica(id).core;
  }

  live(): SimulatedReplica[] {
    return [...this.replicas.values()].filter((replica) => replica.alive);
  }

  /** The live leader of the highest term. */
  leader(): SimulatedReplica | undefined {
    const leaders = this.live().filter((replica) => replica.core.status().role === "leader");
    return leaders.sort((a, b) => b.core.status().term - a.core.status().term)[0];
  }

  /** Runs `action` on a replica, drains it, and checks everything. */
  with<T>(id: number, action: (replica: SimulatedReplica) => T): T {
    const replica = this.replica(id);
    const result = action(replica);
    if (replica.alive) replica.turn();
    this.checker.observe(replica, this.replicas);
    return result;
  }

  tick(id: number, count = 1): void {
    for (let i = 0; i < count; i++) this.with(id, ({ core }) => core.tick());
  }

  flush(id: number): void {
    this.with(id, (replica) => {
      if (replica.disk.pending > 0) replica.flush();
    });
  }

  apply(id: number, countMax = 100): void {
    this.with(id, (replica) => replica.apply(countMax));
  }

  step(message: Message): void {
    this.with(message.to, ({ core }) => core.step(message));
  }

  crash(id: number, survivingOrders = 0): void {
    this.replica(id).crash(survivingOrders);
    this.checker.crashed(id);
  }

  restart(id: number): void {
    this.with(id, (replica) => replica.restart());
  }

  /** Proposes at `id`; the index, or what it was refused for. */
  propose(id: number, data = `p${String(++this.#proposals)}`): number | string {
    return this.with(id, ({ core }) => {
      const { term } = core.status();
      const proposal = core.propose(encoder.encode(data), term);
      return proposal.refused ?? proposal.index;
    });
  }

  read(id: number): number {
    const context = ++this.#reads;
    this.checker.readBegan(context);
    this.with(id, ({ core }) => core.readIndex(context));
    return context;
  }

  cut(a: number, b: number): void {
    this.cuts.add(`${String(a)}>${String(b)}`);
    this.cuts.add(`${String(b)}>${String(a)}`);
  }

  isolate(id: number): void {
    for (const other of this.replicas.keys()) if (other !== id) this.cut(id, other);
  }

  heal(): void {
    this.cuts.clear();
  }

  #isCut({ from, to }: Message): boolean {
    return this.cuts.has(`${String(from)}>${String(to)}`);
  }

  /** Delivers the message in flight at `position`; it is lost when its link is cut or its receiver down. */
  deliver(position: number, keep = false): void {
    const flight = this.flights[position];
    if (flight === undefined) return;
    if (!keep) this.flights.splice(position, 1);
    const { message, data } = flight;
    const receiver = this.replicas.get(message.to);
    if (receiver?.alive !== true || this.#isCut(message) || this.lose(message)) return;
    if (message.type === "snapshot-request" && data !== undefined) receiver.received.set(message.snapshot.index, data);
    this.step(message);
  }

  /** Delivers everything that is in flight now, in order. */
  deliverAll(): void {
    const flights = this.flights;
    this.flights = [];
    for (const flight of flights) {
      const later = this.flights;
      this.flights = [flight];
      this.deliver(0);
      this.flights = [...later, ...this.flights];
    }
  }

  /** Carries out one snapshot order: the newest checkpoint goes out as a message with its data. */
  sendSnapshot(id: number): void {
    this.with(id, (replica) => {
      const order = replica.snapshotOrders.shift();
      if (order === undefined) return;
      if (replica.disk.checkpoint.snapshot.index < order.minimumIndex) replica.checkpoint();
      const data = replica.disk.checkpoint;
      const { snapshot } = data;
      const { role, term } = replica.core.status();
      const ok = snapshot.index >= order.minimumIndex && role === "leader";
      if (ok) {
        const message: Message = { type: "snapshot-request", from: id, to: order.to, term, snapshot };
        this.sent.push(message);
        this.flights.push({ message, data });
        this.watch.sent?.(message);
      }
      replica.core.snapshotSent(order.to, ok, ok ? snapshot.index : 0);
    });
  }

  /** One round of everything that a well-behaved host does, at every live replica. */
  round(): void {
    for (const { id } of this.live()) {
      this.with(id, (replica) => {
        replica.flushAll();
        while (replica.fetches.length > 0) replica.answerFetch();
        replica.install();
      });
      this.apply(id, 1_000);
      while (this.replica(id).snapshotOrders.length > 0) this.sendSnapshot(id);
    }
    this.deliverAll();
  }

  /** Rounds until nothing is left to do; no time passes. */
  settle(roundsMax = 1_000): void {
    for (let i = 0; i < roundsMax; i++) {
      this.round();
      if (this.#quiet()) return;
    }
    throw new Error("the cluster does not come to rest");
  }

  #quiet(): boolean {
    if (this.flights.length > 0) return false;
    return this.live().every(
      ({ disk, fetches, snapshotOrders, installing, appliedIndex, commitTarget }) =>
        disk.pending === 0 &&
        fetches.length === 0 &&
        snapshotOrders.length === 0 &&
        installing === undefined &&
        appliedIndex >= commitTarget,
    );
  }

  /** Time passes at all live replicas alike, with a network that delivers. */
  run(ticks: number): void {
    for (let i = 0; i < ticks; i++) {
      for (const { id } of this.live()) this.tick(id);
      this.settle();
    }
  }

  /** Makes `id` the leader by letting only its time pass; the others think that their leader is gone. */
  elect(id: number): void {
    for (const { id: other, core } of this.live()) this.with(other, () => core.peerDown(core.status().leader));
    for (let i = 0; i < 40 && this.core(id).status().role !== "leader"; i++) {
      this.tick(id);
      this.settle();
    }
    if (this.core(id).status().role !== "leader") throw new Error(`replica ${String(id)} was not elected`);
    this.settle();
  }
}
