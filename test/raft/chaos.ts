import { Xoshiro128 } from "../../src/base/index.js";
import { Cluster, type ClusterInit, voters } from "./harness.js";
import type { SimulatedReplica } from "./simulated-replica.js";

/** How often each kind of event happens, relative to the others; a seed switches some of them off. */
interface Weights {
  deliver: number;
  tick: number;
  flush: number;
  apply: number;
  propose: number;
  read: number;
  fetch: number;
  snapshot: number;
  checkpoint: number;
  drop: number;
  duplicate: number;
  crash: number;
  restart: number;
  split: number;
  heal: number;
  change: number;
  transfer: number;
  aside: number;
  peerDown: number;
  unreachable: number;
  pause: number;
}

const calm: Weights = {
  deliver: 60,
  tick: 14,
  flush: 25,
  apply: 15,
  propose: 8,
  read: 3,
  fetch: 6,
  snapshot: 3,
  checkpoint: 0,
  drop: 0,
  duplicate: 0,
  crash: 0,
  restart: 1,
  split: 0,
  heal: 0.5,
  change: 0,
  transfer: 0,
  aside: 0,
  peerDown: 0,
  unreachable: 0,
  pause: 0,
};

const faults: readonly (readonly [keyof Weights, number])[] = [
  ["checkpoint", 2.5],
  ["drop", 6],
  ["duplicate", 6],
  ["crash", 0.4],
  ["split", 0.3],
  ["change", 0.8],
  ["transfer", 0.4],
  ["aside", 0.4],
  ["peerDown", 0.5],
  ["unreachable", 0.5],
  ["pause", 0.6],
];

const flightsMax = 300;

/** What a run met; a test over many seeds asserts that everything was met somewhere. */
export interface ChaosCounts {
  committed: number;
  elections: number;
  grants: number;
  refusedReads: number;
  crashes: number;
  changes: number;
  transfers: number;
  asides: number;
  installs: number;
  fetches: number;
  truncations: number;
}

/** One seeded run: random events first, then a healed cluster that must make progress. */
export class Chaos {
  readonly cluster: Cluster;
  readonly counts: ChaosCounts = {
    committed: 0,
    elections: 0,
    grants: 0,
    refusedReads: 0,
    crashes: 0,
    changes: 0,
    transfers: 0,
    asides: 0,
    installs: 0,
    fetches: 0,
    truncations: 0,
  };
  readonly #rng: Xoshiro128;
  readonly #ids: readonly number[];
  readonly #events: (readonly [number, () => void])[];
  readonly #total: number;
  /** A process that stands still: no message reaches it and no time passes, but what it believes can still be asked. */
  #paused = 0;
  /** Replicas that leave leading to others. */
  readonly #aside = new Set<number>();

  constructor(seed: number) {
    const rng = new Xoshiro128(seed);
    this.#rng = rng;
    const size = [1, 3, 3, 3, 5, 5, 4][rng.between(0, 7)] as number;
    this.#ids = Array.from({ length: size + 2 }, (_, i) => i + 1);
    const init: ClusterInit = {
      configuration: voters(...this.#ids.slice(0, size)),
      ids: this.#ids,
      seed,
      options: {
        inflightMessagesMax: rng.between(1, 6),
        inflightBytesMax: rng.between(1, 40),
        messageBytesMax: rng.between(1, 20),
        uncommittedBytesMax: rng.between(10, 200),
        logCacheBytesMax: rng.between(0, 400),
        pendingReadsMax: rng.between(1, 5),
        electionDelayTicks: rng.between(0, 3),
      },
    };
    this.cluster = new Cluster(init);
    for (const replica of this.cluster.replicas.values()) replica.takesMessages = rng.fraction() < 0.5;
    // Time that passes faster than messages do makes for elections.
    const weights = { ...calm, tick: calm.tick * (0.5 + 4 * rng.fraction() ** 2), flush: rng.between(5, 40) };
    for (const [fault, weight] of faults)
      if (rng.fraction() < 0.5) weights[fault] = weight * (0.3 + 2 * rng.fraction());
    this.#events = (Object.keys(weights) as (keyof Weights)[]).map((name) => [weights[name], this.#action(name)]);
    this.#total = this.#events.reduce((sum, [weight]) => sum + weight, 0);
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i++) {
      this.#event();
      this.#checkAsides();
      if (i % 50 === 0) this.cluster.checker.compareLogs(this.cluster.live());
    }
    this.#recover();
    const { checker } = this.cluster;
    Object.assign(this.counts, {
      committed: checker.committed,
      elections: checker.elections,
      grants: checker.grants,
      refusedReads: checker.refusedReads,
      truncations: [...this.cluster.replicas.values()].reduce((sum, { truncations }) => sum + truncations, 0),
    });
  }

  #checkAsides(): void {
    for (const id of this.#aside) {
      const { role, configuration } = this.cluster.core(id).status();
      const others = [...configuration.voters, ...configuration.outgoing].some((voter) => voter !== id);
      if (others && (role === "pre-candidate" || role === "candidate"))
        throw new Error(`${String(id)} campaigns although it stands aside`);
    }
  }

  #event(): void {
    let draw = this.#rng.fraction() * this.#total;
    for (const [weight, action] of this.#events) {
      draw -= weight;
      if (draw < 0) {
        action();
        return;
      }
    }
  }

  #any(): SimulatedReplica | undefined {
    const live = this.cluster.live().filter(({ id }) => id !== this.#paused);
    return live[this.#rng.between(0, Math.max(1, live.length))];
  }

  #anyLeader(): SimulatedReplica | undefined {
    const leaders = this.cluster.live().filter(({ core }) => core.status().role === "leader");
    return leaders[this.#rng.between(0, Math.max(1, leaders.length))];
  }

  #onAny(action: (replica: SimulatedReplica) => void): () => void {
    return () => {
      const replica = this.#any();
      if (replica !== undefined) this.cluster.with(replica.id, action);
    };
  }

  #onLeader(action: (replica: SimulatedReplica) => void): () => void {
    return () => {
      const replica = this.#anyLeader();
      if (replica !== undefined) this.cluster.with(replica.id, action);
    };
  }

  #id(): number {
    return this.#ids[this.#rng.between(0, this.#ids.length)] as number;
  }

  /** A position in flight, mostly one of the oldest, with a tail of latecomers; -1 when only a paused replica is addressed. */
  #flight(): number {
    const { flights } = this.cluster;
    for (let i = 0; i < 4; i++) {
      const span = i === 0 && this.#rng.fraction() < 0.8 ? Math.min(4, flights.length) : flights.length;
      const position = this.#rng.between(0, Math.max(1, span));
      if (flights[position]?.message.to !== this.#paused) return position;
    }
    return -1;
  }

  #action(name: keyof Weights): () => void {
    const { cluster } = this;
    const actions: Record<keyof Weights, () => void> = {
      deliver: () => {
        cluster.deliver(this.#flight());
        if (cluster.flights.length > flightsMax) cluster.flights.splice(0, flightsMax / 2);
      },
      tick: this.#onAny(({ core }) => core.tick()),
      flush: () => {
        const replica = this.#any();
        if (replica !== undefined) cluster.flush(replica.id);
      },
      apply: this.#onAny((replica) => {
        const before = replica.installing;
        replica.apply(this.#rng.between(1, 6));
        if (before === undefined || this.#rng.fraction() < 0.5) return;
        replica.install();
        this.counts.installs++;
      }),
      propose: () => {
        const replica = this.#rng.fraction() < 0.9 ? this.#anyLeader() : this.#any();
        if (replica !== undefined) for (let i = this.#rng.between(1, 4); i > 0; i--) cluster.propose(replica.id);
      },
      read: () => {
        const replica = this.#anyLeader() ?? this.#any();
        if (replica !== undefined) cluster.read(replica.id);
      },
      fetch: this.#onAny((replica) => {
        if (replica.fetches.length === 0) return;
        this.counts.fetches++;
        replica.answerFetch();
      }),
      snapshot: () => {
        const replica = this.#any();
        if (replica !== undefined) cluster.sendSnapshot(replica.id);
      },
      checkpoint: this.#onAny((replica) => replica.checkpoint()),
      drop: () => {
        cluster.flights.splice(Math.max(0, this.#flight()), 1);
      },
      duplicate: () => {
        cluster.deliver(this.#flight(), true);
      },
      pause: () => {
        this.#paused = this.#rng.fraction() < 0.5 ? (this.cluster.leader()?.id ?? this.#id()) : 0;
      },
      crash: () => this.#crash(),
      restart: () => this.#restart(),
      split: () => this.#split(),
      heal: () => cluster.heal(),
      change: this.#onLeader((replica) => this.#change(replica)),
      transfer: this.#onLeader(({ core }) => {
        if (core.transferLeadership(this.#id())) this.counts.transfers++;
      }),
      aside: this.#onAny(({ id, core }) => {
        const on = this.#rng.fraction() < 0.6;
        core.standAside(on);
        if (on) this.#aside.add(id);
        else this.#aside.delete(id);
        this.counts.asides++;
      }),
      peerDown: this.#onAny(({ core }) => core.peerDown(this.#id())),
      unreachable: this.#onAny(({ core }) => core.unreachable(this.#id())),
    };
    return actions[name];
  }

  #crash(): void {
    const replica = this.#any();
    if (replica === undefined) return;
    this.counts.crashes++;
    this.cluster.crash(replica.id, this.#rng.between(0, replica.disk.pending + 1));
  }

  #restart(): void {
    const down = this.#ids.filter((id) => !this.cluster.replica(id).alive);
    const id = down[this.#rng.between(0, Math.max(1, down.length))];
    if (id === undefined) return;
    this.cluster.restart(id);
    this.#aside.delete(id);
  }

  #split(): void {
    const kind = this.#rng.between(0, 3);
    if (kind === 0) this.cluster.isolate(this.#id());
    else if (kind === 1) this.cluster.cuts.add(`${String(this.#id())}>${String(this.#id())}`);
    else {
      const side = this.#ids.filter(() => this.#rng.fraction() < 0.5);
      for (const a of side) for (const b of this.#ids) if (!side.includes(b)) this.cluster.cut(a, b);
    }
  }

  #change({ core }: SimulatedReplica): void {
    const chosen = this.#ids.filter(() => this.#rng.fraction() < 0.6).slice(0, 5);
    const learners = this.#ids.filter((id) => !chosen.includes(id) && this.#rng.fraction() < 0.4);
    const { configurationIndex } = core.status();
    const proposal = core.proposeConfiguration({
      voters: chosen,
      learners,
      expectedConfigurationIndex: configurationIndex,
    });
    if (proposal.refused === undefined) this.counts.changes++;
  }

  /** After the faults: everything is up and connected, and must agree on a leader and on one more entry before long. */
  #recover(): void {
    const { cluster } = this;
    cluster.heal();
    for (const id of this.#ids) {
      if (!cluster.replica(id).alive) cluster.restart(id);
      cluster.core(id).standAside(false);
    }
    for (let attempt = 0; attempt < 30; attempt++) {
      cluster.run(4);
      const leader = cluster.leader();
      if (leader?.core.status().established !== true) continue;
      if (leader.core.status().configuration.outgoing.length > 0) continue;
      const index = cluster.propose(leader.id, "last");
      if (typeof index !== "number") continue;
      cluster.run(4);
      if (this.#converged(index)) return;
    }
    throw new Error(`no progress after healing: ${JSON.stringify(cluster.live().map(({ core }) => core.status()))}`);
  }

  #converged(index: number): boolean {
    const { cluster } = this;
    const leader = cluster.leader();
    if (leader === undefined || leader.appliedIndex < index) return false;
    const { voters: ids, learners } = leader.core.status().configuration;
    cluster.checker.compareLogs(cluster.live());
    return [...ids, ...learners].every((id) => {
      const { history, appliedIndex } = cluster.replica(id);
      return appliedIndex === leader.appliedIndex && history.join() === leader.history.join();
    });
  }
}
