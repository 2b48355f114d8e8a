import { assert } from "../base/index.js";
import { Inflights } from "./inflights.js";
import { raftLimits } from "./limits.js";
import type { AppendReply } from "./messages.js";
import { Progress } from "./progress.js";
import type { FetchOrder } from "./ready.js";
import type { ReplicaState } from "./state.js";
import type { Entry, Index, ReplicaId } from "./types.js";

const noEntries: readonly Entry[] = Object.freeze<Entry[]>([]);

/** A leader's side of section 5.3: what each other replica has, and what is sent to it next. */
export class Replication {
  readonly #state: ReplicaState;
  readonly #progress = new Map<ReplicaId, Progress>();
  #peers: Progress[] = [];

  constructor(state: ReplicaState) {
    this.#state = state;
    // Who was active is not known; the first check of the quorum is a whole election timeout away.
    this.#follow(false);
  }

  get peers(): readonly Progress[] {
    return this.#peers;
  }

  peer(id: ReplicaId): Progress | undefined {
    return this.#progress.get(id);
  }

  /** The configuration changed: new replicas are probed, and count as active until they had time to answer. */
  configurationChanged(): void {
    this.#follow(true);
  }

  #follow(recentlyActive: boolean): void {
    const { id: self, log, membership, options } = this.#state;
    const { members } = membership;
    for (const id of this.#progress.keys()) if (!members.includes(id)) this.#progress.delete(id);
    for (const id of members) {
      if (id === self || this.#progress.has(id)) continue;
      const inflights = new Inflights(options.inflightMessagesMax, options.inflightBytesMax);
      this.#progress.set(id, new Progress(id, log.lastIndex + 1, recentlyActive, inflights));
    }
    this.#peers = [...this.#progress.values()];
  }

  /** An append was answered; true when the follower is known to have more than before. */
  reply(message: AppendReply): boolean {
    const { log } = this.#state;
    const peer = this.#progress.get(message.from);
    if (peer === undefined) return false;
    const { refused, index, hintIndex, hintTerm } = message;
    if (refused) {
      peer.refuse(index, log.lastIndexAtMost(hintIndex, hintTerm));
      return false;
    }
    assert(index <= log.lastIndex, "a follower acknowledges nothing beyond the leader's log");
    const moved = peer.acknowledge(index);
    if (peer.state !== "replicate" && index === peer.match && peer.reconnects(log.firstIndex)) peer.replicate();
    return moved;
  }

  /**
   * It lives: a probe may be repeated, and what was sent but not acknowledged is looked after. False when there is nothing to look
   * after.
   */
  heartbeatReply(peer: Progress): boolean {
    if (peer.state === "replicate" && peer.match === this.#state.log.lastIndex) return false;
    peer.paused = false;
    if (peer.state === "replicate") peer.verifyDue = true;
    return true;
  }

  /** True when less than `caughtUpBytesMax` is missing at `peer`. What was not sent yet counts as much when it has left the memory. */
  isClose(peer: Progress): boolean {
    if (peer.state !== "replicate") return false;
    const { log } = this.#state;
    if (peer.match === log.lastIndex) return true;
    const { caughtUpBytesMax, entryOverheadBytes } = raftLimits;
    const room = caughtUpBytesMax - peer.inflights.bytes;
    const unsent = log.lastIndex + 1 - peer.next;
    if (unsent === 0 || unsent * entryOverheadBytes >= room) return unsent === 0 && room > 0;
    const entries = log.entries(peer.next, log.lastIndex + 1, room);
    return entries?.length === unsent && payloadBytes(entries) < room;
  }

  /** Messages were dropped on the way to it. */
  unreachable(id: ReplicaId): void {
    const peer = this.#progress.get(id);
    if (peer?.state === "replicate") peer.probe(peer.match + 1);
  }

  snapshotSent(to: ReplicaId, ok: boolean, index: Index): void {
    const peer = this.#progress.get(to);
    if (peer?.state !== "snapshot") return;
    peer.probe(ok ? index + 1 : peer.match + 1);
    // Gives the receiver the time to install it; its heartbeat reply or acknowledgement ends the pause.
    peer.paused = true;
  }

  /** Sends each replica what it may get now. */
  emit(): void {
    for (const peer of this.#peers) this.#emitTo(peer);
  }

  #emitTo(peer: Progress): void {
    const { log, commit } = this.#state;
    // Whether or not the window is full: what comes next for this replica is gone from the log.
    if (peer.state === "replicate" && peer.next <= log.baseIndex) this.#orderSnapshot(peer, log.baseIndex);
    let sent = false;
    while (peer.sendable && (peer.next <= log.lastIndex || peer.state === "probe")) {
      if (!this.#sendNext(peer)) return;
      sent = true;
    }
    if (sent || peer.state !== "replicate") return;
    // The commit index travels alone only if it can still move the follower and no message on its way carries it.
    const moves = commit > peer.sentCommit && peer.sentCommit < peer.next - 1;
    if (peer.verifyDue || moves) this.#sendAppend(peer, noEntries);
  }

  /** One append, or what must come before it; false when nothing more can be sent now. */
  #sendNext(peer: Progress): boolean {
    const { log, options, applied } = this.#state;
    const { next } = peer;
    const shortcut = applied - raftLimits.lagEntriesMax / 2;
    const lagsTooMuch = log.lastIndex - next >= raftLimits.lagEntriesMax && next <= shortcut;
    if (next <= log.baseIndex || lagsTooMuch) {
      this.#orderSnapshot(peer, lagsTooMuch ? shortcut : log.baseIndex);
      return false;
    }
    const entries = log.entries(next, log.lastIndex + 1, options.messageBytesMax);
    if (entries === undefined && peer.state === "replicate") {
      this.#orderFetch(peer);
      return false;
    }
    // While only probing, entries that are not at hand are not worth a read.
    this.#sendAppend(peer, entries ?? noEntries);
    return true;
  }

  #sendAppend(peer: Progress, entries: readonly Entry[]): void {
    const { id, term, log, commit, outbox } = this.#state;
    const prevIndex = peer.next - 1;
    const prevTerm = log.term(prevIndex);
    assert(prevTerm !== undefined, "an append starts within the log");
    outbox.now.push({ type: "append-request", from: id, to: peer.id, term, prevIndex, prevTerm, commit, entries });
    const lastIndex = prevIndex + entries.length;
    peer.sentCommit = Math.max(peer.sentCommit, Math.min(commit, lastIndex));
    peer.verifyDue = false;
    peer.spokenTo = true;
    if (entries.length > 0 || peer.state === "probe") peer.sent(lastIndex, payloadBytes(entries));
  }

  #orderFetch(peer: Progress): void {
    const { log, outbox } = this.#state;
    peer.fetch = { to: peer.id, low: peer.next, high: log.firstCached, bytesMax: raftLimits.fetchBytesMax };
    outbox.fetches.push(peer.fetch);
  }

  /** Entries for a lagging follower came from the disk. The log may have changed meanwhile, so they are checked against it. */
  fetched(order: FetchOrder, entries: readonly Entry[]): void {
    const { log, options } = this.#state;
    const peer = this.#progress.get(order.to);
    if (peer?.fetch !== order) return;
    peer.fetch = undefined;
    if (entries.length === 0) {
      this.#orderSnapshot(peer, order.low);
      return;
    }
    // Late acknowledgements may have covered the first of them.
    let from = peer.next - order.low;
    while (from < entries.length && peer.sendable && log.term(peer.next - 1) !== undefined) {
      const end = messageEnd(entries, from, options.messageBytesMax);
      const message = entries.slice(from, end);
      for (const entry of message)
        assert(log.term(entry.index) === entry.term, "what was read back is what was written");
      assert(message[0]?.index === peer.next, "what was read back is what was asked for");
      this.#sendAppend(peer, message);
      from = end;
    }
  }

  /** Only to replicas that answer: a snapshot for one that is down would be work for nothing. */
  #orderSnapshot(peer: Progress, minimum: Index): void {
    const { log, applied, outbox } = this.#state;
    if (!peer.recentlyActive) {
      peer.probe(peer.match + 1);
      peer.paused = true;
      return;
    }
    const minimumIndex = Math.min(Math.max(minimum, log.baseIndex), applied);
    peer.awaitSnapshot(minimumIndex);
    outbox.snapshots.push({ to: peer.id, minimumIndex });
  }
}

function payloadBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length;
  return bytes;
}

/** End of the run of entries from `from` on that fits one message; at least one entry. */
function messageEnd(entries: readonly Entry[], from: number, bytesMax: number): number {
  let bytes = 0;
  let end = from;
  while (end < entries.length) {
    bytes += (entries[end] as Entry).data.length;
    if (bytes > bytesMax && end > from) break;
    end++;
  }
  return end;
}
