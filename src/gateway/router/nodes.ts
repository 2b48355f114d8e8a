import { create } from "@bufbuild/protobuf";
import { type GatewayHello, GatewayHelloSchema, type NodeHello } from "../../gen/marconi/v1/partitions_pb.js";
import { PROTOCOL_VERSION } from "../../rpc/index.js";
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
 * from what nodes say of the membership. One node may be known by several addresses: one link is used, the others rest
 * until it breaks.
 */
export class Nodes implements LinkGreeter {
  readonly #options: NodesOptions;
  readonly #byAddress = new Map<string, NodeLink>();
  readonly #ready = new Map<string, NodeLink>();
  #clusterId: string;
  #partitionCount = 0;

  constructor(options: NodesOptions) {
    this.#options = options;
    this.#clusterId = options.clusterId;
  }

  /** Starts dialling. */
  start(): void {
    for (const address of this.#options.addresses) this.#ensure(address);
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
    for (const link of this.#ready.values()) sum += link.inFlight;
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
    const other = this.#ready.get(hello.nodeId);
    if (other !== undefined && other !== link) return { take: "rest" };
    if (this.#partitionCount === 0) {
      this.#clusterId = hello.clusterId;
      this.#partitionCount = hello.partitionCount;
      this.#options.met(hello.partitionCount);
    }
    this.#ready.set(hello.nodeId, link);
    for (const member of hello.members) if (!this.#ready.has(member.nodeId)) this.#ensure(member.address);
    return { take: "use" };
  }

  /** To be told of every link that was ready and is so no longer. Links that rested because of it dial again. */
  lost(link: NodeLink): void {
    const nodeId = link.nodeId;
    if (nodeId === undefined || this.#ready.get(nodeId) !== link) return;
    this.#ready.delete(nodeId);
    for (const other of this.#byAddress.values()) if (other.resting && other.nodeId === nodeId) other.dial();
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

  #ensure(address: string): void {
    if (this.#byAddress.has(address)) return;
    if (this.#byAddress.size >= this.#options.limits.nodesMax) {
      this.#options.log.error({ address }, "too many storage nodes; this one is not dialled");
      return;
    }
    const link = new NodeLink({ ...this.#options, address, greeter: this });
    this.#byAddress.set(address, link);
    link.dial();
  }
}
