import {
  type Client,
  type ClientDuplexStream,
  credentials,
  makeClientConstructor,
  type Server,
  type ServerDuplexStream,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { assert, DecodeError, type Timer, type Timers } from "../base/index.js";
import { type PeerFrame, type PeerHello, PeersService } from "../gen/marconi/v1/peers_pb.js";
import { channelOptions, serviceDefinition } from "../rpc/index.js";
import type { Logger } from "../telemetry/index.js";
import { controlFrame, helloFrame } from "./frames.js";
import { type IdentityRules, mayEvict, mistakenFor, notYetKnown, type Refusal, refusalOf } from "./identity-check.js";
import { peerLimits } from "./limits.js";
import type { NodeId, PeerHandlers, PeerNetwork, SnapshotPart } from "./network.js";
import { ProcessProbe } from "./process-probe.js";
import { RefusalLog } from "./refusal-log.js";
import { snapshotFrame, snapshotPartOf } from "./snapshot-frame.js";
import { PeerSession, type SessionEnd, type SessionOwner } from "./session.js";
import { Suspicion } from "./suspicion.js";

export interface GrpcPeersOptions {
  readonly rules: IdentityRules;
  readonly handlers: PeerHandlers;
  /**
   * A member said that this node's incarnation is no member any more, for ever; `reason` is for the operator. Called at most
   * once; nobody is dialled from then on.
   */
  onEvicted(reason: string): void;
  readonly timers: Timers;
  readonly log: Logger;
}

type PeersClient = Client & { exchange(): ClientDuplexStream<PeerFrame, PeerFrame> };

const definition = serviceDefinition(PeersService);
const PeersClientConstructor = makeClientConstructor(definition, "PeersService");

interface Peer {
  readonly node: NodeId;
  address: string;
  readonly weDial: boolean;
  /** The stream on which both have said hello. */
  session: PeerSession | undefined;
  /** The stream that we opened, as long as it lasts. */
  dial: PeerSession | undefined;
  /** Runs while there is neither of them. */
  redial: Timer | undefined;
  redialDelayMs: number;
  suspicion: Suspicion | undefined;
}

/**
 * PeerNetwork over gRPC: one bidirectional stream per pair of nodes, dialled by the one whose id sorts first. The other dials
 * when it was left alone for `silenceMs`: the peer may have removed it while it was down, and then nobody would ever tell it.
 */
export class GrpcPeers implements PeerNetwork {
  readonly #options: GrpcPeersOptions;
  readonly #peers = new Map<NodeId, Peer>();
  /** Every stream that is open, those that have not said hello included, and what is to be closed with it. */
  readonly #sessions = new Map<PeerSession, PeersClient | undefined>();
  readonly #refusals: RefusalLog;
  readonly #owner: SessionOwner;
  #started = false;
  #evicted = false;
  #closed = false;

  constructor(options: GrpcPeersOptions) {
    this.#options = options;
    this.#refusals = new RefusalLog(options.log);
    this.#owner = {
      timers: options.timers,
      log: options.log,
      refusalOf: (hello, session) => this.#refusalOf(hello, session),
      remember: (hello) => options.rules.rememberIncarnation(hello.nodeId, hello.incarnation),
      hello: (refusal) => helloFrame(options.rules.own, refusal),
      stands: (session) => {
        this.#established(session);
      },
      take: (session, frame) => this.#takeWhole(nodeOf(session), frame),
      ended: (session, end) => {
        this.#ended(session, end);
      },
      refusedBy: (hello) => {
        this.#refusedBy(hello);
      },
      released: (session) => {
        this.#sessions.get(session)?.close();
        this.#sessions.delete(session);
      },
    };
  }

  /** Accepts streams on `server`; call before it is bound. */
  register(server: Server): void {
    const implementation: UntypedServiceImplementation = {
      exchange: (stream: ServerDuplexStream<PeerFrame, PeerFrame>) => {
        this.#sessions.set(new PeerSession(this.#owner, stream, undefined), undefined);
      },
    };
    server.addService(definition, implementation);
  }

  /** Starts dialling. */
  start(): void {
    this.#started = true;
    for (const peer of this.#peers.values()) this.#call(peer);
  }

  /**
   * From now on these are the other members, each with its address (host:port). Whoever is not named is hung up and forgotten;
   * so is a stream whose node the rules do not regard as a member any more, and it is told why. A node that is reached
   * elsewhere now is dialled there, if it is ours to dial. `disconnected` is told before this returns.
   */
  setPeers(peers: ReadonlyMap<NodeId, string>): void {
    if (this.#closed) return;
    assert(!peers.has(this.#options.rules.own.nodeId), "a node is no peer of its own");
    const lost: NodeId[] = [];
    for (const peer of this.#peers.values()) {
      const address = peers.get(peer.node);
      // The stream that the other one opened is none of an address: only what is asked and dialled later is.
      if (address !== undefined && !peer.weDial) this.#move(peer, address);
      const stays = address === peer.address && this.#farewell(peer) === undefined;
      if (!stays && this.#forget(peer)) lost.push(peer.node);
    }
    for (const [node, address] of peers) if (!this.#peers.has(node)) this.#add(node, address);
    for (const node of lost) {
      this.#options.log.info({ node }, "peer hung up: the map of the cluster has changed");
      this.#options.handlers.disconnected(node, false);
    }
  }

  send(to: NodeId, frame: Buffer): boolean {
    return this.#peers.get(to)?.session?.link.write(frame) ?? false;
  }

  sendSnapshotPart(to: NodeId, part: SnapshotPart): boolean {
    return this.send(to, snapshotFrame(part));
  }

  sendControl(to: NodeId, control: Uint8Array): boolean {
    assert(control.length > 0, "news say something");
    return this.send(to, controlFrame(control));
  }

  isConnected(node: NodeId): boolean {
    return this.#peers.get(node)?.session !== undefined;
  }

  /** Bytes waiting towards each peer that is connected. */
  *bufferedBytes(): Generator<readonly [NodeId, number]> {
    for (const { node, session } of this.#peers.values())
      if (session !== undefined) yield [node, session.link.bufferedBytes];
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const session of [...this.#sessions.keys()]) session.cutOff();
    for (const peer of this.#peers.values()) {
      peer.redial?.cancel();
      peer.suspicion?.cancel();
    }
    return Promise.resolve();
  }

  #add(node: NodeId, address: string): void {
    const peer: Peer = {
      node,
      address,
      weDial: this.#options.rules.own.nodeId < node,
      session: undefined,
      dial: undefined,
      redial: undefined,
      redialDelayMs: peerLimits.redialDelayMsMin,
      suspicion: undefined,
    };
    this.#peers.set(node, peer);
    this.#call(peer);
  }

  /** True when it was connected, which `disconnected` is to be told. */
  #forget(peer: Peer): boolean {
    const farewell = this.#farewell(peer);
    const { session, dial } = peer;
    peer.session = undefined;
    this.#peers.delete(peer.node);
    peer.redial?.cancel();
    peer.suspicion?.cancel();
    session?.hangUp(farewell);
    dial?.hangUp();
    return session !== undefined;
  }

  #move(peer: Peer, address: string): void {
    if (peer.address === address) return;
    // Whether anything listens where the peer was says nothing about where it is.
    peer.suspicion?.cancel();
    peer.address = address;
  }

  /** Why a peer that is connected is not to be heard any more. */
  #farewell({ session }: Peer): Refusal | undefined {
    return session?.hello && refusalOf(this.#options.rules, session.hello);
  }

  /** Sees to it that a new peer is dialled, if nothing was done about it yet. */
  #call(peer: Peer): void {
    if (!this.#isLeftAlone(peer)) return;
    if (peer.weDial) this.#dial(peer);
    else this.#dialLater(peer);
  }

  #isLeftAlone({ session, dial, redial }: Peer): boolean {
    return this.#started && !this.#closed && !this.#evicted && (session ?? dial ?? redial) === undefined;
  }

  #dial(peer: Peer): void {
    // A new client each time: a channel of its own has no back-off left over from the last failure.
    const client = new PeersClientConstructor(
      peer.address,
      credentials.createInsecure(),
      channelOptions,
    ) as unknown as PeersClient;
    peer.dial = new PeerSession(this.#owner, client.exchange(), { node: peer.node, address: peer.address });
    this.#sessions.set(peer.dial, client);
  }

  #dialLater(peer: Peer): void {
    const delayMs = peer.weDial ? peer.redialDelayMs : peerLimits.silenceMs;
    peer.redial = this.#options.timers.after(delayMs, () => {
      peer.redial = undefined;
      if (this.#isLeftAlone(peer)) this.#dial(peer);
    });
    peer.redialDelayMs = Math.min(peer.redialDelayMs * 2, peerLimits.redialDelayMsMax);
  }

  #refusalOf(hello: PeerHello, { dialled }: PeerSession): Refusal | undefined {
    const { rules } = this.#options;
    let refusal = refusalOf(rules, hello);
    if (dialled !== undefined) refusal ??= mistakenFor(dialled, hello);
    if (!this.#peers.has(hello.nodeId)) refusal ??= notYetKnown(rules, hello);
    if (refusal !== undefined) this.#refusals.refused(hello.nodeId, refusal);
    return refusal;
  }

  #refusedBy(hello: PeerHello): void {
    const reason = hello.refusal.slice(0, peerLimits.refusalTextMax);
    this.#refusals.refusedBy(hello.nodeId, reason);
    if (!hello.evicted || this.#evicted || this.#closed || !mayEvict(this.#options.rules, hello)) return;
    this.#evicted = true;
    this.#options.onEvicted(reason);
  }

  #established(session: PeerSession): void {
    const peer = this.#peers.get(nodeOf(session));
    assert(peer !== undefined, "only a peer that is known is welcome");
    const previous = peer.session;
    peer.session = session;
    peer.suspicion?.cancel();
    peer.redial?.cancel();
    peer.redial = undefined;
    peer.redialDelayMs = peerLimits.redialDelayMsMin;
    this.#refusals.forget(peer.node);
    previous?.hangUp();
    if (peer.dial !== session) peer.dial?.hangUp();
    this.#options.log.info({ node: peer.node }, "peer connected");
    // What was on its way in the old stream is lost, although its end was not noticed yet.
    if (previous !== undefined) this.#options.handlers.disconnected(peer.node, false);
    if (peer.session === session) this.#options.handlers.connected(peer.node);
  }

  #ended(session: PeerSession, end: SessionEnd): void {
    const node = session.dialled?.node ?? session.hello?.nodeId;
    const peer = node === undefined ? undefined : this.#peers.get(node);
    if (peer === undefined || this.#closed) return;
    const stood = peer.session === session;
    if (stood) peer.session = undefined;
    if (peer.dial === session) peer.dial = undefined;
    if (this.#isLeftAlone(peer)) this.#dialLater(peer);
    if (stood) this.#lost(peer, end);
  }

  #lost(peer: Peer, end: SessionEnd): void {
    const { handlers, log, timers } = this.#options;
    log.warn({ node: peer.node }, "peer disconnected");
    if (end === "broken") {
      const probe = new ProcessProbe(peer.address);
      peer.suspicion = new Suspicion(
        timers,
        (signal) => probe.isGone(peerLimits.probeTimeoutMs, signal),
        () => {
          log.warn({ node: peer.node }, "the process of a peer is gone");
          handlers.disconnected(peer.node, true);
        },
      );
    }
    handlers.disconnected(peer.node, false);
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
    const { handlers, log } = this.#options;
    if (frame.messages.length > 0) handlers.messages(from, frame.messages);
    if (frame.snapshot !== undefined) {
      const part = snapshotPartOf(frame.snapshot);
      if (part !== undefined) handlers.snapshotPart(from, part);
      else log.error({ node: from, group: frame.snapshot.group }, "a part of a snapshot arrived damaged; dropped");
    }
    // Last: such news may end the membership of whoever sent them.
    if (frame.control.length > 0) handlers.control(from, frame.control);
  }
}

function nodeOf(session: PeerSession): NodeId {
  assert(session.hello !== undefined, "a session stands when both have said hello");
  return session.hello.nodeId;
}
