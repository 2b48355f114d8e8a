import type { Rng } from "../../src/base/index.js";
import type { SimHost } from "./fabric.js";
import type { Faults } from "./mixes.js";
import { moments } from "./observer.js";
import type { SimNode } from "./sim-node.js";
import type { SimWorld } from "./sim-world.js";

type Fault = Exclude<keyof Faults, "everyMs">;

/** Does harm, at times and to victims that the seed decides, until it is told to stop. Whatever it breaks it mends after a while. */
export class Nemesis {
  readonly #sim: SimWorld;
  readonly #rng: Rng;
  readonly #faults: Faults;
  #stopped = false;

  constructor(sim: SimWorld) {
    this.#sim = sim;
    this.#rng = sim.world.rng("nemesis");
    this.#faults = sim.options.faults;
  }

  start(): void {
    this.#later(-Math.log(1 - this.#rng.fraction()) * this.#faults.everyMs, () => {
      this.#strike();
      this.start();
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Nothing of it happens after `stop`. */
  #later(delayMs: number, act: () => void): void {
    this.#sim.world.after(delayMs, undefined, () => {
      if (!this.#stopped) act();
    });
  }

  #between(minMs: number, maxMs: number): number {
    return minMs + this.#rng.fraction() * (maxMs - minMs);
  }

  #strike(): void {
    const weights = Object.entries(this.#faults).filter(([name, weight]) => name !== "everyMs" && weight > 0);
    let at = this.#rng.fraction() * weights.reduce((sum, [, weight]) => sum + (weight as number), 0);
    for (const [name, weight] of weights) {
      at -= weight as number;
      if (at > 0) continue;
      this.#act(name as Fault);
      return;
    }
  }

  #anyNode(): SimNode {
    return this.#sim.nodes[this.#rng.between(0, this.#sim.nodes.length)] as SimNode;
  }

  #anyLeader(): SimNode {
    const partition = this.#rng.between(0, this.#sim.options.partitions);
    return this.#sim.leadersOf(partition)[0] ?? this.#anyNode();
  }

  #act(fault: Fault): void {
    this.#acts[fault]();
  }

  readonly #acts: Readonly<Record<Fault, () => void>> = {
    kill: () => this.#kill(this.#anyNode()),
    killLeader: () => this.#kill(this.#anyLeader()),
    killAll: () => this.#sim.nodes.forEach((node) => this.#kill(node)),
    crashAt: () => this.#armCrash(),
    powerLoss: () => this.#losePower(this.#anyNode()),
    powerLossAll: () => this.#sim.nodes.forEach((node) => this.#losePower(node)),
    pause: () => this.#pause(this.#anyNode()),
    pauseLeader: () => {
      this.#sim.world.coverage.add("pausesOfLeader");
      this.#pause(this.#anyLeader());
    },
    slowDisk: () => this.#slowDisk(this.#anyNode()),
    diskError: () => {
      this.#anyNode().temper.failNextSync = true;
    },
    fullDisk: () => {
      const node = this.#anyNode();
      node.fillDisk(this.#rng.fraction() * this.#sim.options.segmentBytes * 3);
      this.#later(this.#between(500, 5_000), () => {
        node.freeDisk();
      });
    },
    restart: () => {
      this.#anyNode().restart(this.#between(50, 1_000));
    },
    clockJump: () => this.#clockJump(),
    transfer: () => this.#transfer(),
    gatewayKill: () => this.#killGateway(),
    resetStream: () => {
      this.#sim.fabric.resetOne(this.#rng);
    },
    oneWay: () => this.#oneWay(this.#anyNode().host, this.#between(200, 6_000)),
    flapping: () => this.#flap(this.#anyNode(), this.#rng.between(3, 12)),
    halves: () => this.#cut(() => this.#halves()),
    bridge: () => this.#cut(() => this.#bridge()),
    isolate: () => this.#cut(() => this.#isolate(this.#anyNode().host)),
    twoSides: () => {
      this.#cut(() => {
        this.#twoSides();
      });
    },
    isolateLeader: () => {
      this.#sim.world.coverage.add("leadersIsolated");
      this.#cut(() => this.#isolate(this.#anyLeader().host));
    },
  };

  #kill(node: SimNode): void {
    if (!node.running) return;
    node.kill();
    this.#later(this.#between(50, this.#rng.fraction() < 0.8 ? 1_500 : 6_000), () => {
      node.boot();
    });
  }

  #losePower(node: SimNode): void {
    if (!node.running) return;
    node.losePower();
    this.#later(this.#between(300, this.#rng.fraction() < 0.8 ? 2_000 : 6_000), () => {
      node.boot();
    });
  }

  /** The next node that comes to a certain moment dies within milliseconds of it. */
  #armCrash(): void {
    const { observer, world } = this.#sim;
    const moment = moments[this.#rng.between(0, moments.length)];
    const withPower = this.#rng.fraction() < 0.7;
    const withinMs = this.#rng.fraction() < 0.5 ? 1 : 2 * this.#sim.options.syncMs;
    observer.onMoment = (reached, name) => {
      if (reached !== moment || this.#stopped) return;
      observer.onMoment = undefined;
      world.coverage.add("crashesAtMoments");
      const node = this.#sim.node(name);
      this.#later(this.#rng.fraction() * withinMs, () => {
        this.#note(`${name} dies in the midst of a ${moment}`);
        if (withPower) this.#losePower(node);
        else this.#kill(node);
      });
    };
  }

  #pause(node: SimNode): void {
    node.pause();
    this.#later(this.#between(20, this.#rng.fraction() < 0.7 ? 2_500 : 7_000), () => {
      node.resume();
    });
  }

  #slowDisk(node: SimNode): void {
    this.#sim.world.coverage.add("slowDisks");
    node.temper.slowness = this.#rng.fraction() < 0.5 ? 20 : 400;
    this.#note(`the disk of ${node.name} is ${String(node.temper.slowness)} times slower`);
    this.#later(this.#between(200, 3_000), () => {
      node.temper.slowness = 1;
    });
  }

  /** Jumps stay within what the clocks of this run may differ by. */
  #clockJump(): void {
    const { skew, name } = this.#anyNode().host;
    this.#sim.world.coverage.add("clockJumps");
    const max = this.#sim.options.clockOffsetMsMax;
    skew.offsetMs = this.#between(-max, max);
    this.#note(`the clock of ${name} jumps to ${skew.offsetMs.toFixed(0)} ms off`);
  }

  #transfer(): void {
    const partition = this.#rng.between(0, this.#sim.options.partitions);
    const leader = this.#sim.leadersOf(partition)[0];
    const replica = leader?.shard?.replicas.get(partition);
    if (replica === undefined || leader?.paused !== false) return;
    const peers = replica.core.status().peers;
    const target = peers[this.#rng.between(0, Math.max(1, peers.length))];
    if (target === undefined || !replica.core.transferLeadership(target.id)) return;
    this.#sim.world.coverage.add("transfersRequested");
    this.#note(`partition ${String(partition)} is asked to move to replica ${String(target.id)}`);
    replica.poke();
  }

  #killGateway(): void {
    const gateway = this.#sim.gateways[this.#rng.between(0, this.#sim.gateways.length)];
    if (gateway?.running !== true) return;
    gateway.kill();
    this.#later(this.#between(50, 1_000), () => {
      gateway.boot();
    });
  }

  // --- the network

  /** Splits the network for a while. */
  #cut(split: () => void): void {
    this.#sim.world.coverage.add("splits");
    split();
    this.#later(this.#between(200, this.#rng.fraction() < 0.7 ? 3_000 : 8_000), () => {
      this.#sim.fabric.unblockAll();
      this.#note("all links are mended");
    });
  }

  get #gatewayHosts(): SimHost[] {
    return this.#sim.gateways.map(({ host }) => host);
  }

  #halves(): void {
    const hosts = this.#shuffled(this.#sim.nodeHosts);
    const half = Math.ceil(hosts.length / 2);
    const [one, other] = [hosts.slice(0, half), hosts.slice(half)];
    const [alone, rest] = this.#rng.fraction() < 0.5 ? [one, other] : [other, one];
    this.#sim.fabric.split(alone, this.#rng.fraction() < 0.5 ? [...rest, ...this.#gatewayHosts] : rest);
    this.#note(`split: ${namesOf(one)} from ${namesOf(other)}`);
  }

  /** All see the first one; nobody else sees the other side. */
  #bridge(): void {
    const hosts = this.#shuffled(this.#sim.nodeHosts);
    const half = Math.ceil((hosts.length + 1) / 2);
    const [between, one, other] = [hosts.slice(0, 1), hosts.slice(1, half), hosts.slice(half)];
    this.#sim.fabric.split(one, other);
    this.#note(`split: ${namesOf(one)} from ${namesOf(other)}, ${namesOf(between)} between`);
  }

  /** Alone, or seen by the gateways, which then see two sides. */
  #isolate(host: SimHost): void {
    const rest = this.#sim.nodeHosts.filter((other) => other !== host);
    const cutOff = this.#rng.fraction() < 0.5 ? [...rest, ...this.#gatewayHosts] : rest;
    this.#sim.fabric.split([host], cutOff);
    this.#note(`split: ${host.name} from ${namesOf(cutOff)}`);
  }

  /** A leader that is frozen besides, until others have elected another one, believes to lead for up to an election timeout more. */
  #twoSides(): void {
    const [gateway, ...gateways] = this.#shuffled(this.#gatewayHosts);
    const node = this.#anyLeader();
    const { host } = node;
    const one = gateway === undefined ? [host] : [host, gateway];
    const other = [...this.#sim.nodeHosts.filter((node) => node !== host), ...gateways];
    this.#sim.fabric.split(one, other);
    this.#note(`split: ${namesOf(one)} from ${namesOf(other)}`);
    if (this.#rng.fraction() < 0.3) return;
    node.pause();
    this.#later(this.#between(1_000, 2_500), () => {
      node.resume();
    });
  }

  /** In, out, or towards one peer only. */
  #oneWay(host: SimHost, durationMs: number): void {
    const { fabric, world } = this.#sim;
    world.coverage.add("oneWayCuts");
    const others = this.#sim.nodeHosts.filter((other) => other !== host);
    const peers = this.#rng.fraction() < 0.5 ? others : others.slice(0, 1);
    const inwards = this.#rng.fraction() < 0.5;
    for (const peer of peers) fabric.block(inwards ? peer : host, inwards ? host : peer);
    this.#note(
      `one way: ${inwards ? `${namesOf(peers)} to ${host.name}` : `${host.name} to ${namesOf(peers)}`} is cut`,
    );
    this.#later(durationMs, () => {
      for (const peer of peers) fabric.unblock(inwards ? peer : host, inwards ? host : peer);
    });
  }

  #flap(node: SimNode, times: number): void {
    if (times === 0) return;
    const { fabric, world } = this.#sim;
    const rest = this.#sim.nodeHosts.filter((host) => host !== node.host);
    world.coverage.add("splits");
    fabric.split([node.host], rest);
    this.#later(this.#between(100, 1_200), () => {
      fabric.unblockAll();
      this.#later(this.#between(100, 1_200), () => {
        this.#flap(node, times - 1);
      });
    });
  }

  #shuffled<T>(values: readonly T[]): T[] {
    const shuffled = [...values];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.#rng.between(0, i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T];
    }
    return shuffled;
  }

  #note(what: string): void {
    this.#sim.world.timeline.note(undefined, what);
  }
}

function namesOf(hosts: readonly SimHost[]): string {
  return hosts.map(({ name }) => name).join(" ");
}
