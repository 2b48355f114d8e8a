import { create } from "@bufbuild/protobuf";
import {
  type GatewayHello,
  GatewayHelloSchema,
  type Membership as MembershipFrame,
  type NodeHello,
} from "../../gen/marconi/v1/partitions_pb.js";
import { PROTOCOL_VERSION } from "../../rpc/index.js";
import { Membership } from "./membership.js";
import { type Greeting, type LinkGreeter, type LinkOptions, NodeLink } from "./node-link.js";

export interface NodesOptions extends Omit<LinkOptions, "address" | "greeter"> {
  /** host:port of the nodes to begin with; one that answers is enough. */
  readonly addresses: readonly string[];
  /** Empty: that of the first node met. */
  readonly clusterId: string;
  /** This process's name, for the logs of nodes. */
  readonly gateway: string;
  /** Called once, when the first node was met and before its link is ready. */
  readonly met: (partitionCount: number) => void;
}

/**
 * The storage nodes of the cluster: which there are, and the link to each. Seeds come from the configuration, the others
 * from what nodes say of the membership, which changes while the cluster grows and shrinks. One node may be known by several
 * addresses: one link is used, that to the address in the membership if it stands; the others rest until it breaks.
 *
 * Every address that is a seed or a member's has a link. A member that no link reaches is dialled at a brisk pace. A seed that
 * leads to no member is of use only when nobody else can be asked: it is dialled at leisure until then. Any other link is
 * given up, once what is on it has been answered.
 */
export class Nodes implements LinkGreeter {
  readonly #options: NodesOptions;
  readonly #seeds: ReadonlySet<string>;
  readonly #membership = new Membership();
  readonly #byAddress = new Map<string, NodeLink>();
  readonly #ready = new Map<string, NodeLink>();
  #clusterId: string;
  #partitionCount = 0;

  constructor(options: NodesOptions) {
    this.#options = options;
    this.#seeds = new Set(options.addresses);
    this.#clusterId = options.clusterId;
  }

  /** Starts dialling. */
  start(): void {
    this.#dialAll(this.#seeds);
  }

  /** The link to a node, if it is ready. */
  linkOf(nodeId: string): NodeLink | undefined {
    return this.#ready.get(nodeId);
  }

  get connectedCount(): number {
    return this.#ready.size;
  }

  get inFlight(): number {
    let sum = 0;
    for (const link of this.#byAddress.values()) sum += link.inFlight;
    return sum;
  }

  hello(): GatewayHello {
    return create(GatewayHelloSchema, {
      protocolVersion: PROTOCOL_VERSION,
      gateway: this.#options.gateway,
      clusterId: this.#clusterId,
    });
  }

  greet(link: NodeLink, hello: NodeHello): Greeting {
    const reason = this.#reasonToRefuse(hello);
    if (reason !== undefined) return { take: "refuse", reason };
    const { nodeId, members, mapVersion } = hello;
    if (this.#partitionCount === 0) {
      this.#clusterId = hello.clusterId;
      this.#partitionCount = hello.partitionCount;
      this.#options.met(hello.partitionCount);
    }
    const changed = this.#membership.take({ version: mapVersion, members });
    const greeting = this.#placeFor(link, nodeId);
    if (changed) this.#membershipChanged(link);
    return greeting;
  }

  membershipChanged(membership: MembershipFrame): void {
    if (this.#membership.take(membership)) this.#membershipChanged(undefined);
  }

  urgent(link: NodeLink): boolean {
    if (this.#ready.size === 0) return true;
    const { nodeId, address } = link;
    const expected = this.#membership.nodeAt(address);
    if (expected !== undefined && !this.#ready.has(expected)) return true;
    return nodeId !== undefined && this.#membership.has(nodeId) && !this.#ready.has(nodeId);
  }

  /**
   * To be told of every link that was ready and is so no longer. Links that may take its place dial. True when it was the one
   * in use: its node is not reached any more.
   */
  lost(link: NodeLink): boolean {
    const { nodeId } = link;
    const wasUsed = nodeId !== undefined && this.#ready.get(nodeId) === link;
    if (wasUsed) this.#ready.delete(nodeId);
    this.#review(undefined);
    this.#dialMembers();
    return wasUsed;
  }

  close(): void {
    for (const link of this.#byAddress.values()) link.close();
    this.#ready.clear();
  }

  #reasonToRefuse(hello: NodeHello): string | undefined {
    if (hello.protocolVersion !== PROTOCOL_VERSION)
      return `it speaks protocol ${String(hello.protocolVersion)}, this gateway ${String(PROTOCOL_VERSION)}`;
    if (this.#clusterId !== "" && hello.clusterId !== this.#clusterId)
      return `it belongs to cluster ${hello.clusterId}, this gateway to ${this.#clusterId}`;
    if (hello.nodeId === "") return "it has no name";
    if (hello.partitionCount < 1 || hello.partitionCount > this.#options.limits.partitionsMax)
      return `it names ${String(hello.partitionCount)} partitions`;
    if (this.#partitionCount !== 0 && hello.partitionCount !== this.#partitionCount)
      return `it names ${String(hello.partitionCount)} partitions, others ${String(this.#partitionCount)}`;
    return undefined;
  }

  #placeFor(link: NodeLink, nodeId: string): Greeting {
    if (!this.#isKnown(link.address) || !this.#membership.has(nodeId)) return { take: "later" };
    const other = this.#ready.get(nodeId);
    if (other !== undefined && other !== link) {
      // A node that moved may leave a stream behind that looks alive for a while.
      const isBetter = other.retiring || this.#membership.addressOf(nodeId) === link.address;
      if (!isBetter) return { take: "rest" };
      other.retire();
    }
    this.#ready.set(nodeId, link);
    return { take: "use" };
  }

  #membershipChanged(greeted: NodeLink | undefined): void {
    this.#review(greeted);
    const tooMany = this.#dialMembers();
    if (tooMany === 0) return;
    const { nodesMax } = this.#options.limits;
    this.#options.log.error({ nodesMax, tooMany }, "too many storage nodes; some are not dialled");
  }

  /** Does with every link what its address and its node deserve now; `greeted` is about to learn it by itself. */
  #review(greeted: NodeLink | undefined): void {
    for (const link of this.#byAddress.values()) {
      const { nodeId, address } = link;
      if (!this.#isKnown(address)) this.#giveUp(link);
      else if (link === greeted) continue;
      else if (!link.ready) {
        if (this.urgent(link)) link.hasten();
      } else if (nodeId !== undefined && this.#membership.has(nodeId) && this.#ready.get(nodeId) === link) link.keep();
      else link.retire();
    }
  }

  #isKnown(address: string): boolean {
    return this.#seeds.has(address) || this.#membership.nodeAt(address) !== undefined;
  }

  #giveUp(link: NodeLink): void {
    if (link.ready) {
      link.retire();
      return;
    }
    link.close();
    this.#byAddress.delete(link.address);
  }

  /** Dials members that no link reaches where they are now. Returns how many are too many. */
  #dialMembers(): number {
    return this.#dialAll(this.#membership.addresses.values());
  }

  #dialAll(addresses: Iterable<string>): number {
    let tooMany = 0;
    for (const address of addresses) {
      if (this.#byAddress.has(address)) continue;
      if (this.#liveCount() >= this.#options.limits.nodesMax) {
        tooMany += 1;
        continue;
      }
      const link = new NodeLink({ ...this.#options, address, greeter: this });
      this.#byAddress.set(address, link);
      link.dial();
    }
    return tooMany;
  }

  #liveCount(): number {
    let count = 0;
    for (const link of this.#byAddress.values()) if (!link.retiring) count += 1;
    return count;
  }
}
