import { type ClusterMap, foundingMap, idsToHold, seatOf } from "../../src/cluster/index.js";
import { Fabric, type SimHost } from "./fabric.js";
import type { Hooks } from "./hooks.js";
import { MembershipWatch } from "./membership-watch.js";
import { Observer } from "./observer.js";
import type { SimOptions } from "./options.js";
import { SimGateway } from "./sim-gateway.js";
import { ReplicaLives } from "./replica-lives.js";
import { SimNode } from "./sim-node.js";
import { SimOperator } from "./sim-operator.js";
import { type ClockSkew, SimProcess } from "./sim-process.js";
import type { World } from "./world.js";

/** A whole cluster: machines, the network between them, gateways, and who watches it all. */
export class SimWorld {
  readonly world: World;
  readonly options: SimOptions;
  readonly fabric: Fabric;
  readonly founding: ClusterMap;
  readonly observer: Observer;
  readonly membership: MembershipWatch;
  readonly lives: ReplicaLives;
  readonly operator: SimOperator;
  readonly #nodes: SimNode[];
  readonly gateways: readonly SimGateway[];
  readonly nodeNames: readonly string[];
  /** Set before anything starts. */
  hooks: Hooks = {};
  #processes = 0;

  constructor(world: World, options: SimOptions) {
    this.world = world;
    this.options = options;
    this.fabric = new Fabric(world, options);
    this.nodeNames = Array.from({ length: options.nodes }, (_, i) => `n${String(i + 1)}`);
    this.founding = foundingMap({
      members: this.nodeNames.map((id) => ({ id, address: id })),
      partitionCount: options.partitions,
      replicationFactor: options.replicationFactor,
    });
    this.membership = new MembershipWatch(world);
    this.lives = new ReplicaLives(world, {
      inForce: (group) => this.observer.ledger(group).inForce,
      committed: (group) => this.membership.committedOf(group) ?? this.observer.ledger(group).founding,
    });
    this.operator = new SimOperator(this);
    this.observer = new Observer(world, () => this.map, this.membership, this.lives);
    this.observer.onMachine = (machine, node) => this.hooks.machine?.(machine, node);
    this.#nodes = this.nodeNames.map((name) => new SimNode(this, name, this.#host(name), true));
    this.gateways = Array.from({ length: options.gateways }, (_, i) => {
      const name = `g${String(i + 1)}`;
      return new SimGateway(this, name, this.#host(name));
    });
  }

  get nodes(): readonly SimNode[] {
    return this.#nodes;
  }

  /** A new machine, which has to ask to be taken in. */
  addMachine(): SimNode {
    const name = `n${String(this.#nodes.length + 1)}`;
    const node = new SimNode(this, name, this.#host(name), false);
    this.#nodes.push(node);
    return node;
  }

  /** Where gateways look for the cluster: some founders, or whoever is a member now where that changes. */
  get entrances(): readonly string[] {
    if (this.options.membershipEveryMs === 0) return this.nodeNames.slice(0, (this.options.nodes >> 1) + 1);
    return this.map.nodes.filter(({ state }) => state !== "gone" && state !== "lost").map(({ id }) => id);
  }

  #host(name: string): SimHost {
    const rng = this.world.rng("clocks");
    const { clockOffsetMsMax, clockDriftMax } = this.options;
    const either = (max: number): number => (rng.fraction() * 2 - 1) * max;
    const skew: ClockSkew = { offsetMs: either(clockOffsetMsMax), rate: 1 + either(clockDriftMax) };
    return this.fabric.addHost(name, skew);
  }

  newProcess(name: string, skew: ClockSkew): SimProcess {
    this.#processes++;
    return new SimProcess(this.world, this.#processes, name, skew);
  }

  newIncarnation(): string {
    const rng = this.world.rng("incarnations");
    const word = (): string => rng.nextU32().toString(16).padStart(8, "0");
    return word() + word();
  }

  node(name: string): SimNode {
    const node = this.nodes.find((candidate) => candidate.name === name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  /** The newest map that any node has stored or acts on. */
  get map(): ClusterMap {
    let newest = this.founding;
    for (const node of this.nodes)
      for (const map of [node.storedMap, node.view?.map])
        if (map !== undefined && map.version > newest.version) newest = map;
    return newest;
  }

  /** The nodes that hold a replica of a group, by the newest map; the first should lead. */
  nodesOf(group: number): string[] {
    const { map } = this;
    return idsToHold(map, group).map((id) => map.nodes[seatOf(id) - 1]?.id ?? "");
  }

  /** The nodes that lead a partition in their own eyes, the one of the greatest term first. */
  leadersOf(partition: number): SimNode[] {
    const found: { node: SimNode; term: number }[] = [];
    for (const node of this.nodes) {
      const leadership = node.shard?.replicas.get(partition)?.leadership;
      if (leadership?.role === "leader") found.push({ node, term: leadership.term });
    }
    return found.sort((a, b) => b.term - a.term).map(({ node }) => node);
  }

  /** Machines of storage nodes. */
  get nodeHosts(): SimHost[] {
    return this.nodes.map(({ host }) => host);
  }
}
