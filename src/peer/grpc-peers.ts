import {
  type Client,
  type ClientDuplexStream,
  credentials,
  makeClientConstructor,
  type Server,
  type ServerDuplexStream,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { DecodeError, type Timer, type Timers } from "../base/index.js";
import { type PeerFrame, type PeerHello, PeersService } from "../gen/marconi/v1/peers_pb.js";
import { channelOptions, serviceDefinition } from "../rpc/index.js";
import type { Logger } from "../telemetry/index.js";
import { type IdentityRules, refusalOf } from "./identity-check.js";
import { peerLimits } from "./limits.js";
import { PeerLink, type PeerStream } from "./link.js";
import type { NodeId, PeerHandlers, PeerNetwork, SnapshotPart } from "./network.js";
import { isProcessGone } from "./process-probe.js";
import { snapshotFrame, snapshotPartOf } from "./snapshot-frame.js";

export interface GrpcPeersOptions {
  readonly rules: IdentityRules;
  /** Every other member and its address. */
  readonly peers: ReadonlyMap<NodeId, string>;
  readonly handlers: PeerHandlers;
  readonly timers: Timers;
  readonly log: Logger;
}

type PeersClient = Client & { exchange(): ClientDuplexStream<PeerFrame, PeerFrame> };

const definition = serviceDefinition(PeersService);
const PeersClientConstructor = makeClientConstructor(definition, "PeersService");

interface Peer {
  readonly node: NodeId;
  readonly address: string;
  readonly weDial: boolean;
  link: PeerLink | undefined;
  client: PeersClient | undefined;
  redial: Timer | undefined;
  redialDelayMs: number;
  /** The last refusal that was logged, so that a repeated one is logged once. */
  refusal: string | undefined;
}

/** PeerNetwork over gRPC: one bidirectional stream per pair of nodes, dialled by the one whose id sorts first. */
export class GrpcPeers implements PeerNetwork {
  readonly #options: GrpcPeersOptions;
  readonly #peers = new Map<NodeId, Peer>();
  /** Ends each stream that is open, those that have not said hello included. */
  readonly #streams = new Set<() => void>();
  #closed = false;

  constructor(options: GrpcPeersOptions) {
    this.#options = options;
    for (const [node, address] of options.peers)
      this.#peers.set(node, {
        node,
        address,
        weDial: options.rules.own.nodeId < node,
        link: undefined,
        client: undefined,
        redial: undefined,
        redialDelayMs: peerLimits.redialDelayMsMin,
        refusal: undefined,
      });
  }

  /** Accepts streams on `server`; call before it is bound. */
  register(server: Server): void {
    const implementation: UntypedServiceImplementation = {
      exchange: (stream: ServerDuplexStream<PeerFrame, PeerFrame>) => {
        this.#serve(stream, undefined);
      },
    };
    server.addService(definition, implementation);
  }

  /** Starts dialling. */
  start(): void {
    for (const peer of this.#peers.values()) if (peer.weDial) this.#dial(peer);
  }

  send(to: NodeId, frame: Buffer): boolean {
    return this.#peers.get(to)?.link?.write(frame) ?? false;
  }

  sendSnapshotPart(to: NodeId, part: SnapshotPart): boolean {
    return this.#peers.get(to)?.link?.write(snapshotFrame(part)) ?? false;
  }

  isConnected(node: NodeId): boolean {
    return this.#peers.get(node)?.link !== undefined;
  }

  /** Bytes waiting towards each peer that is connected. */
  *bufferedBytes(): Generator<readonly [NodeId, number]> {
    for (const { node, link } of this.#peers.values()) if (link !== undefined) yield [node, link.bufferedBytes];
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const finish of [...this.#streams]) finish();
    for (const peer of this.#peers.values()) {
      peer.redial?.cancel();
      peer.client?.close();
    }
    return Promise.resolve();
  }

  #dial(peer: Peer): void {
    if (this.#closed) return;
    peer.client?.close();
    // A new client each time: a channel of its own has no back-off left over from the last failure.
    const client = new PeersClientConstructor(
      peer.address,
      credentials.createInsecure(),
      channelOptions,
    ) as unknown as PeersClient;
    peer.client = client;
    const stream = client.exchange();
    this.#serve(stream, peer);
    const { nodeId, clusterId, incarnation, protocolVersion, partitionCount } = this.#options.rules.own;
    stream.write({ hello: { nodeId, clusterId, incarnation, protocolVersion, partitionCount } } as PeerFrame);
  }

  #redialLater(peer: Peer): void {
    if (this.#closed || !peer.weDial) return;
    peer.redial?.cancel();
    peer.redial = this.#options.timers.after(peer.redialDelayMs, () => {
      this.#dial(peer);
    });
    peer.redialDelayMs = Math.min(peer.redialDelayMs * 2, peerLimits.redialDelayMsMax);
  }

  /** Runs one stream to its end; `dialled` is the peer we called, undefined for a stream that came in. */
  #serve(stream: PeerStream, dialled: Peer | undefined): void {
    const link = new PeerLink(stream);
    let peer: Peer | undefined;
    let over = false;
    const helloTimer = this.#options.timers.after(peerLimits.helloTimeoutMs, () => {
      finish();
    });
    const finish = (): void => {
      if (over) return;
      over = true;
      this.#streams.delete(finish);
      helloTimer.cancel();
      link.close();
      if (peer?.link === link) this.#lost(peer);
      if (dialled !== undefined) this.#redialLater(dialled);
    };
    this.#streams.add(finish);
    stream.on("error", finish);
    stream.on("end", finish);
    stream.on("close", finish);
    stream.on("cancelled", finish);
    stream.on("data", (frame: PeerFrame) => {
      if (over) return;
      if (peer !== undefined) {
        if (!this.#takeWhole(peer.node, frame)) finish();
        return;
      }
      const hello = frame.hello;
      if (hello === undefined) {
        this.#options.log.error(
          { address: dialled?.address },
          "a peer's first frame carries no hello; its stream is closed",
        );
        finish();
        return;
      }
      const greeted = this.#greet(hello, dialled);
      if (greeted === undefined) {
        finish();
        return;
      }
      helloTimer.cancel();
      stream.pause();
      const { node } = greeted;
      this.#options.rules.rememberIncarnation(node, hello.incarnation).then(
        () => {
          if (over) return;
          peer = greeted;
          if (dialled === undefined) {
            const own = this.#options.rules.own;
            stream.write({ hello: { ...own } } as PeerFrame);
          }
          this.#established(greeted, link);
          stream.resume();
        },
        (error: unknown) => {
          this.#options.log.error({ err: error, node }, "cannot record the incarnation of a peer");
          finish();
        },
      );
    });
  }

  /** The peer behind a hello, or undefined when it is refused. */
  #greet(hello: PeerHello, dialled: Peer | undefined): Peer | undefined {
    const refusal = refusalOf(this.#options.rules, hello);
    const peer = this.#peers.get(hello.nodeId);
    const mismatch =
      dialled !== undefined && dialled !== peer
        ? `the node at ${dialled.address} calls itself ${hello.nodeId}, --members says ${dialled.node}`
        : undefined;
    const reason = refusal ?? mismatch;
    if (reason === undefined) return peer;
    const remembered = peer ?? dialled;
    if (remembered?.refusal !== reason) this.#options.log.error({ node: hello.nodeId, reason }, "peer refused");
    if (remembered !== undefined) remembered.refusal = reason;
    return undefined;
  }

  #established(peer: Peer, link: PeerLink): void {
    const previous = peer.link;
    peer.link = link;
    // What was on its way in the old stream is lost, although its end was not noticed yet.
    if (previous !== undefined) this.#options.handlers.disconnected(peer.node, false);
    peer.redialDelayMs = peerLimits.redialDelayMsMin;
    peer.refusal = undefined;
    previous?.close();
    this.#options.log.info({ node: peer.node }, "peer connected");
    this.#options.handlers.connected?.(peer.node);
  }

  #lost(peer: Peer): void {
    peer.link = undefined;
    if (this.#closed) return;
    this.#options.log.warn({ node: peer.node }, "peer disconnected");
    this.#options.handlers.disconnected(peer.node, false);
    void isProcessGone(peer.address, peerLimits.probeTimeoutMs).then((gone) => {
      if (gone && peer.link === undefined && !this.#closed) this.#options.handlers.disconnected(peer.node, true);
    });
  }

  /** False for a frame that does not follow the format: such a peer loses its stream, and no more. */
  #takeWhole(from: NodeId, frame: PeerFrame): boolean {
    try {
      this.#take(from, frame);
      return true;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#options.log.error({ err: error, node: from }, "peer sent a malformed frame; its stream is closed");
      return false;
    }
  }

  #take(from: NodeId, frame: PeerFrame): void {
    if (frame.messages.length > 0) this.#options.handlers.messages(from, frame.messages);
    if (frame.snapshot === undefined) return;
    const part = snapshotPartOf(frame.snapshot);
    if (part !== undefined) this.#options.handlers.snapshotPart(from, part);
    else {
      const { group } = frame.snapshot;
      this.#options.log.error({ node: from, group }, "a part of a snapshot arrived damaged; dropped");
    }
  }
}
