import { fromBinary } from "@bufbuild/protobuf";
import { messagesOf } from "./hot-frames.js";
import { PeerFrameSchema } from "../../src/gen/marconi/v1/peers_pb.js";
import type { NodeId, PeerHandlers, SnapshotPart, Standing } from "../../src/peer/index.js";
import type { MemberNetwork } from "../../src/node/cluster-member.js";
import { peerLimits } from "../../src/peer/limits.js";
import type { Rng, Timer } from "../../src/base/index.js";
import type { Fabric, SimHost } from "./fabric.js";
import type { SimProcess } from "./sim-process.js";
import type { StreamEnd, StreamHandlers } from "./sim-stream.js";

export interface SimPeersOptions {
  readonly fabric: Fabric;
  readonly process: SimProcess;
  readonly host: SimHost;
  readonly handlers: PeerHandlers;
  readonly incarnation: string;
  standingOf(node: NodeId, incarnation: string): Standing;
  /** A member was met. */
  met(node: NodeId, incarnation: string): void;
  evicted(reason: string): void;
  /** Frames are read by the general decoder of protobuf: slower. */
  readonly encodesFrames: boolean;
  /** Bytes on their way to one peer before frames are dropped. */
  readonly bufferedBytesMax: number;
  /** Decides which parts of snapshots break the stream that they are in; undefined: none. */
  readonly breaking: Rng | undefined;
}

/** One part in so many breaks its stream: transfers are over too soon for faults that come at random times. */
const BREAKING_EVERY = 15;

type Frame =
  | { readonly type: "hello"; readonly from: NodeId; readonly incarnation: string }
  | { readonly type: "evicted"; readonly reason: string }
  | { readonly type: "control"; readonly bytes: Uint8Array }
  | { readonly type: "messages"; readonly bytes: Uint8Array }
  | { readonly type: "part"; readonly part: SnapshotPart };

interface Peer {
  readonly node: NodeId;
  readonly weDial: boolean;
  link: StreamEnd | undefined;
  redialDelayMs: number;
}

const SERVICE = "peers";

/** No other word of a member to another one is as long. */
const MAP_BYTES_MIN = 200;

/** The twin of GrpcPeers: one stream per pair of nodes, dialled by the one whose id sorts first; by the other one after a long silence. */
export class SimPeers implements MemberNetwork {
  readonly #options: SimPeersOptions;
  readonly #peers = new Map<NodeId, Peer>();
  #started = false;
  /** Transfers that were offered, and of which no part has left. */
  readonly #offered = new Set<number>();
  #closed = false;

  constructor(options: SimPeersOptions) {
    this.#options = options;
  }

  setPeers(peers: ReadonlyMap<NodeId, string>): void {
    if (this.#closed) return;
    for (const peer of [...this.#peers.values()]) {
      if (peers.has(peer.node)) continue;
      this.#peers.delete(peer.node);
      const { link } = peer;
      peer.link = undefined;
      link?.close();
      if (link !== undefined) this.#options.handlers.disconnected(peer.node, false);
    }
    for (const node of peers.keys()) {
      if (this.#peers.has(node)) continue;
      const peer: Peer = {
        ...{ node, weDial: this.#options.host.name < node, link: undefined },
        redialDelayMs: peerLimits.redialDelayMsMin,
      };
      this.#peers.set(node, peer);
      if (this.#started) this.#call(peer);
    }
  }

  /** Listens, and dials those whose id sorts behind. */
  start(): void {
    this.#started = true;
    const { host, process } = this.#options;
    host.listeners.set(SERVICE, (end) => {
      end.stream.accept(
        process,
        this.#serve(() => end, undefined),
      );
    });
    for (const peer of this.#peers.values()) this.#call(peer);
  }

  send(to: NodeId, frame: Buffer): boolean {
    const bytes = this.#options.encodesFrames ? fromBinary(PeerFrameSchema, frame).messages : messagesOf(frame);
    return this.#write(to, { type: "messages", bytes }, bytes.length);
  }

  sendSnapshotPart(to: NodeId, part: SnapshotPart): boolean {
    const { world } = this.#options.fabric;
    this.#cover(part);
    const { breaking } = this.#options;
    if (part.kind === "rows" && breaking?.between(0, BREAKING_EVERY) === 0) this.#peers.get(to)?.link?.stream.reset();
    const sent = this.#write(to, { type: "part", part }, part.rows.length);
    if (world.timeline.kept) {
      const what = `${part.kind} ${String(part.number)} of transfer ${String(part.transfer)}`;
      world.timeline.note(
        part.group,
        `${this.#options.host.name} says ${what} to ${to}${sent ? "" : ", which is dropped"}`,
      );
    }
    return sent;
  }

  sendControl(to: NodeId, bytes: Uint8Array): boolean {
    // As when the stream is full: a map does not fit in, and small words do.
    if (this.#options.fabric.host(to)?.getsNoMaps === true && bytes.length > MAP_BYTES_MIN) return false;
    return this.#write(to, { type: "control", bytes }, bytes.length);
  }

  #cover({ kind, number, transfer }: SnapshotPart): void {
    const { coverage } = this.#options.fabric.world;
    if (kind === "offer") this.#offered.add(transfer);
    if (kind === "delegate") coverage.add("snapshotsDelegated");
    if (kind !== "rows") return;
    coverage.add("snapshotParts");
    if (this.#offered.delete(transfer) && number > 0) coverage.add("snapshotsResumed");
  }

  isConnected(node: NodeId): boolean {
    return this.#peers.get(node)?.link !== undefined;
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#options.host.listeners.delete(SERVICE);
    for (const peer of this.#peers.values()) peer.link?.close();
    return Promise.resolve();
  }

  #write(to: NodeId, frame: Frame, bytes: number): boolean {
    const link = this.#peers.get(to)?.link;
    if (link === undefined || link.closed || link.bufferedBytes + bytes > this.#options.bufferedBytesMax) return false;
    this.#options.fabric.world.trace(bytes);
    link.send(frame, bytes);
    return true;
  }

  #call(peer: Peer): void {
    if (peer.weDial) this.#dial(peer);
    else this.#dialAfterSilence(peer);
  }

  /** A node that was removed while it was away is dialled by nobody: it has to hear of it by asking. */
  #dialAfterSilence(peer: Peer): void {
    this.#options.process.after(peerLimits.silenceMs, () => {
      if (this.#closed || this.#peers.get(peer.node) !== peer) return;
      if (peer.link === undefined) this.#dial(peer);
      else this.#dialAfterSilence(peer);
    });
  }

  #dial(peer: Peer): void {
    if (this.#closed) return;
    const { fabric, process, host } = this.#options;
    const link = fabric.dial(
      process,
      host,
      peer.node,
      SERVICE,
      this.#serve(() => link, peer),
    );
  }

  /** Runs one stream to its end; `dialled` is the peer that we called, undefined for a stream that came in. */
  #serve(end: () => StreamEnd, dialled: Peer | undefined): StreamHandlers {
    let peer: Peer | undefined;
    let over = false;
    const hello: Frame = { type: "hello", from: this.#options.host.name, incarnation: this.#options.incarnation };
    const finish = (): void => {
      if (over) return;
      over = true;
      helloTimer.cancel();
      end().close();
      if (peer?.link === end()) this.#lost(peer);
      if (dialled !== undefined) this.#redialLater(dialled);
    };
    const helloTimer: Timer = this.#options.process.after(peerLimits.helloTimeoutMs, finish);
    return {
      opened: () => end().send(hello, 0),
      closed: finish,
      data: (payload) => {
        if (over) return;
        const frame = payload as Frame;
        if (frame.type === "evicted") {
          this.#options.evicted(frame.reason);
          return;
        }
        if (frame.type !== "hello") {
          if (peer !== undefined) this.#take(peer.node, frame);
          return;
        }
        const standing = this.#options.standingOf(frame.from, frame.incarnation);
        if (standing.kind === "evicted") end().send({ type: "evicted", reason: standing.reason }, 0);
        peer = standing.kind === "member" ? this.#peers.get(frame.from) : undefined;
        if (peer === undefined) {
          // In a moment, so that the reason still arrives.
          this.#options.process.after(peerLimits.redialDelayMsMin, finish);
          return;
        }
        this.#options.met(frame.from, frame.incarnation);
        helloTimer.cancel();
        if (dialled === undefined) end().send(hello, 0);
        this.#established(peer, end());
      },
    };
  }

  #established(peer: Peer, link: StreamEnd): void {
    const previous = peer.link;
    peer.link = link;
    peer.redialDelayMs = peerLimits.redialDelayMsMin;
    if (previous !== undefined) this.#options.handlers.disconnected(peer.node, false);
    previous?.close();
    this.#options.handlers.connected(peer.node);
  }

  #lost(peer: Peer): void {
    peer.link = undefined;
    if (this.#closed) return;
    const { fabric, process, host, handlers } = this.#options;
    handlers.disconnected(peer.node, false);
    fabric.probe(process, host, peer.node, SERVICE, peerLimits.probeTimeoutMs, (gone) => {
      if (gone && peer.link === undefined && !this.#closed) handlers.disconnected(peer.node, true);
    });
  }

  #redialLater(peer: Peer): void {
    if (this.#closed) return;
    if (!peer.weDial) {
      this.#dialAfterSilence(peer);
      return;
    }
    this.#options.process.after(peer.redialDelayMs, () => {
      if (this.#peers.get(peer.node) === peer) this.#dial(peer);
    });
    peer.redialDelayMs = Math.min(peer.redialDelayMs * 2, peerLimits.redialDelayMsMax);
  }

  #take(from: NodeId, frame: Frame): void {
    const { handlers } = this.#options;
    if (frame.type === "messages") handlers.messages(from, frame.bytes);
    else if (frame.type === "part") handlers.snapshotPart(from, frame.part);
    else if (frame.type === "control") handlers.control(from, frame.bytes);
  }
}
