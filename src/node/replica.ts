import { assert, ByteWriter, type Clock } from "../base/index.js";
import { EntryBuilder, isQuery, opCodes, validateCommand, validateQuery } from "../command/index.js";
import { RequestStatus } from "../contract/index.js";
import type { Machine } from "../partition/index.js";
import {
  type Configuration,
  type Consensus,
  type Entry,
  EntryKind,
  type FetchOrder,
  type LeadershipState,
  type Message,
  type Proposal,
  type Ready,
  type ReplicaId,
  type SnapshotMeta,
  type SnapshotOrder,
} from "../raft/index.js";
import type { GroupId, ShardLog } from "../storage/index.js";
import type { GatewayConnection } from "./gateway-connection.js";
import { FollowerPace } from "./follower-pace.js";
import { nodeLimits } from "./limits.js";
import { PendingCommands } from "./pending-commands.js";
import { PendingReads } from "./pending-reads.js";
import type { TurnBudget } from "./turn-budget.js";

/** What a replica needs of the shard that hosts it. */
export interface ReplicaHost {
  readonly clock: Clock;
  readonly log: ShardLog;
  /** Posts are refused while true. */
  readonly storageFull: boolean;
  /** More waits for the disk, in all partitions together, than memory should hold. */
  readonly saturated: boolean;
  /** Gathers a message for the peer's frame of this turn. */
  send(group: GroupId, message: Message): void;
  /** There is work for `turn`. */
  wake(replica: Replica): void;
  /** An answer was written: flush the connection at the end of the turn. */
  touched(connection: GatewayConnection): void;
  /** A request was turned away at the door. */
  refused(status: RequestStatus): void;
  leadershipChanged(replica: Replica): void;
  sendSnapshot(replica: Replica, order: SnapshotOrder): void;
  installSnapshot(replica: Replica, snapshot: SnapshotMeta): void;
  /** A read was answered without asking the others. */
  readUnderLease(replica: Replica): void;
  /** An entry that this leader proposed was committed and applied here. */
  committed(latencyMs: number): void;
  /** An error that this process must not survive. */
  fatal(error: Error): void;
}

interface PersistInFlight {
  readonly sequence: number;
  readonly messages: Message[];
}

/** One replica of one partition: the consensus core, the state machine, and the loop between them, the log and the peers. */
export class Replica {
  readonly group: GroupId;
  readonly id: ReplicaId;
  readonly core: Consensus;
  readonly #host: ReplicaHost;
  readonly #entry = new EntryBuilder();
  readonly #commands: PendingCommands;
  readonly #reads: PendingReads;
  readonly #persisting: PersistInFlight[] = [];
  readonly #pace = new FollowerPace();
  readonly #leased = new ByteWriter();
  #machine: Machine;
  #leadership: LeadershipState;
  #configuration: Configuration;
  #appliedTerm = 0;
  #commitTarget: number;
  #lastTimestampMs = 0;
  #fetchingForApply = false;
  /** Entries to apply that were read from the log. */
  #fetched: readonly Entry[] = [];
  #installing = false;
  #unpersistedProposals = 0;
  #serving = false;
  #stopped = false;
  /** Set by the shard: true while this replica is in its list of those with work. */
  awake = false;

  constructor(group: GroupId, core: Consensus, machine: Machine, host: ReplicaHost) {
    this.group = group;
    this.core = core;
    this.#machine = machine;
    this.#host = host;
    this.#commitTarget = machine.appliedIndex;
    const { id, role, term, leader, configuration } = core.status();
    this.id = id;
    this.#leadership = { role, term, leader };
    this.#configuration = configuration;
    const touched = (connection: GatewayConnection): void => {
      host.touched(connection);
    };
    this.#commands = new PendingCommands(touched);
    this.#reads = new PendingReads(touched);
  }

  get machine(): Machine {
    return this.#machine;
  }

  get leadership(): LeadershipState {
    return this.#leadership;
  }

  /** The configuration in force, committed or not. */
  get configuration(): Configuration {
    return this.#configuration;
  }

  /** True when this replica leads and has applied an entry of its own term: it knows everything that was ever acknowledged. */
  get serving(): boolean {
    return this.#serving;
  }

  get queuedCommands(): number {
    return this.#commands.queuedCount;
  }

  get queuedBytes(): number {
    return this.#commands.queuedBytes;
  }

  /** Entries that were proposed here and are not applied yet. */
  get proposedEntries(): number {
    return this.#commands.proposedCount;
  }

  get waitingReads(): number {
    return this.#reads.count;
  }

  /** More is known to be committed than is applied: after a restart, while the log's tail is replayed. */
  get isCatchingUp(): boolean {
    return this.#machine.appliedIndex < this.#commitTarget;
  }

  get installing(): boolean {
    return this.#installing;
  }

  /** One request of a gateway. It is answered through the connection, now or later, exactly once. */
  request(connection: GatewayConnection, correlation: number, request: Uint8Array): void {
    const refusal = this.#accept(connection, correlation, request);
    if (refusal !== undefined) {
      connection.refuse(correlation, refusal);
      this.#host.refused(refusal);
      this.#host.touched(connection);
    } else this.#host.wake(this);
  }

  /**
   * Appends an entry whose data is for a machine that takes no requests of gateways. It is committed when an entry of the term of
   * the proposal is applied at its index.
   */
  propose(data: Uint8Array): Proposal {
    if (!this.#serving) return { refused: "not-leader" };
    const proposal = this.core.propose(data, this.#leadership.term);
    if (proposal.refused === undefined) this.#unpersistedProposals++;
    this.#host.wake(this);
    return proposal;
  }

  #accept(connection: GatewayConnection, correlation: number, request: Uint8Array): RequestStatus | undefined {
    if (!this.#serving) return RequestStatus.notLeader;
    if (isQuery(request)) {
      if (!validateQuery(request)) return RequestStatus.malformed;
      if (this.#answerUnderLease(connection, correlation, request)) return undefined;
      return this.#reads.enqueue({ connection, correlation, query: request }) ? undefined : RequestStatus.overloaded;
    }
    if (!validateCommand(request)) return RequestStatus.malformed;
    if (this.#host.storageFull && request[0] === opCodes.post) return RequestStatus.storageFull;
    if (this.#host.saturated) return RequestStatus.overloaded;
    return this.#commands.enqueue(connection, correlation, request) ? undefined : RequestStatus.overloaded;
  }

  /** The clock is looked at again when the value was read: a process that stood still in between may have been deposed. */
  #answerUnderLease(connection: GatewayConnection, correlation: number, query: Uint8Array): boolean {
    const { clock } = this.#host;
    if (this.core.leaseUntilMs <= clock.monotonicMs()) return false;
    this.#leased.reset();
    this.#machine.query(query, clock.wallMs(), this.#leased);
    if (this.core.leaseUntilMs <= clock.monotonicMs()) return false;
    connection.begin(correlation).raw(this.#leased.view());
    connection.end();
    this.#host.touched(connection);
    this.#host.readUnderLease(this);
    return true;
  }

  step(message: Message): void {
    if (this.#stopped) return;
    this.core.step(message);
    if (message.type === "heartbeat" || message.type === "heartbeat-reply") this.#sendOrWake();
    else this.#host.wake(this);
  }

  /** A replica that has nothing to do but to exchange heartbeats needs no turn for that. */
  #sendOrWake(): void {
    // What is awake has a turn before it, which finds everything.
    if (this.awake) return;
    const messages = this.core.takeMessages();
    if (messages === undefined) this.#host.wake(this);
    else for (const message of messages) this.#host.send(this.group, message);
  }

  /** One tick of the shard's ticker; proposes an entry without commands when something expires and nothing else is on its way. */
  tick(): void {
    if (this.#stopped) return;
    this.core.tick(this.#host.clock.monotonicMs());
    if (this.#serving && this.#machine.nextDeadlineMs <= this.#host.clock.wallMs()) this.#proposeTick();
    // Whatever had to wait for the end of a transfer or for a bound of the core tries again.
    if (this.#serving && this.#commands.queuedCount > 0) this.#host.wake(this);
    else this.#sendOrWake();
  }

  /** Called every second: a leader looks after its followers. */
  pace(): void {
    if (!this.#serving) return;
    const { lastIndex, peers } = this.core.status();
    this.#pace.observe(this.#host.clock.monotonicMs(), lastIndex, peers);
  }

  /** Bytes a second to which proposals are held for a slow follower's sake; undefined: none. */
  get pacedBytesPerSecond(): number | undefined {
    return this.#pace.bytesPerSecond;
  }

  #proposeTick(): void {
    if (this.#commands.queuedCount > 0 || this.#commands.proposedCount > 0) return;
    this.#entry.begin(this.#nextTimestampMs());
    this.#propose(0);
  }

  /** This replica is about to be removed, or the log to close: nothing is asked of the log any more, whoever waits finds another node. */
  stop(): void {
    this.#stopped = true;
  }

  /** After `stop`, when the node goes on without this replica. */
  turnAway(): void {
    this.#serving = false;
    this.#commands.failAll();
    this.#reads.failAll();
  }

  /** Something outside told the core news: there is work. */
  poke(): void {
    this.#host.wake(this);
  }

  peerDown(peer: ReplicaId): void {
    this.core.peerDown(peer);
    this.#host.wake(this);
  }

  peerUnreachable(peer: ReplicaId): void {
    this.core.unreachable(peer);
    this.#host.wake(this);
  }

  /** What others wait for: proposes, and drains the core. Called once per event-loop turn in which it is awake. */
  turn(): void {
    if (this.#stopped) return;
    this.#proposeQueued();
    const context = this.#reads.nextContext();
    if (context !== undefined) this.core.readIndex(context);
    for (let ready = this.core.ready(); ready !== undefined; ready = this.core.ready()) this.#carryOut(ready);
  }

  /** True when there is something for `work`. */
  get hasWork(): boolean {
    const applies = this.isCatchingUp && !this.#fetchingForApply && !this.#installing;
    return !this.#stopped && (applies || this.#reads.hasReleasable(this.#machine.appliedIndex));
  }

  /** The work of the state machine: applies what is committed as long as `budget` lasts, but one entry at least, and answers reads. */
  work(budget: TurnBudget): void {
    if (this.#stopped) return;
    if (this.isCatchingUp) this.#apply(budget);
    this.#answerReads();
  }

  /**
   * Natural batching: while the last entry is on its way to the disk, commands gather for the next one. A queue that holds a
   * whole entry does not wait.
   */
  #proposeQueued(): void {
    while (this.#serving && this.#commands.queuedCount > 0) {
      const whole = this.#commands.queuedBytes >= nodeLimits.entryBytesMax;
      if (this.#unpersistedProposals >= (whole ? nodeLimits.unpersistedEntriesMax : 1)) return;
      if (!this.#pace.isOpen) return;
      this.#entry.begin(this.#nextTimestampMs());
      const count = this.#commands.peek((command) => {
        this.#entry.add(command);
      });
      if (!this.#propose(count)) return;
    }
  }

  #propose(count: number): boolean {
    const { term } = this.#leadership;
    const data = this.#entry.finish();
    const proposal = this.core.propose(data, term);
    if (proposal.refused !== undefined) return false;
    this.#pace.proposed(data.length);
    this.#unpersistedProposals++;
    this.#commands.proposed(count, proposal.index, term, this.#host.clock.monotonicMs());
    return true;
  }

  /** Log time never goes back, whatever the wall clock does (raft.md section 9). */
  #nextTimestampMs(): number {
    this.#lastTimestampMs = Math.max(this.#lastTimestampMs, this.#machine.timeMs, this.#host.clock.wallMs());
    return this.#lastTimestampMs;
  }

  #carryOut(ready: Ready): void {
    if (ready.configuration !== undefined) this.#configuration = ready.configuration;
    if (ready.leadership !== undefined) this.#leadershipMoved(ready.leadership);
    for (const message of ready.sendNow) this.#host.send(this.group, message);
    this.#persist(ready);
    if (ready.commitTo !== undefined) this.#commitTarget = ready.commitTo;
    for (const grant of ready.reads) this.#reads.granted(grant.context, grant.index);
    for (const order of ready.fetches) this.#fetch(order);
    for (const order of ready.snapshots) this.#host.sendSnapshot(this, order);
    if (ready.install !== undefined) {
      this.#installing = true;
      this.#host.installSnapshot(this, ready.install);
    }
  }

  #leadershipMoved(next: LeadershipState): void {
    const led = this.#leadership.role === "leader";
    const sameReign = led && next.role === "leader" && next.term === this.#leadership.term;
    this.#leadership = next;
    if (!sameReign) {
      this.#serving = false;
      this.#pace.reset();
      this.#unpersistedProposals = 0;
      this.#commands.failAll();
      this.#reads.failAll();
    }
    this.#host.leadershipChanged(this);
  }

  #persist(ready: Ready): void {
    const order = ready.persist;
    const messages = [...ready.sendAfterPersist];
    if (order === undefined) {
      const last = this.#persisting.at(-1);
      if (last !== undefined) last.messages.push(...messages);
      else for (const message of messages) this.#host.send(this.group, message);
      return;
    }
    const { sequence, hard, truncateFrom, entries, mustSync } = order;
    const flight: PersistInFlight = { sequence, messages };
    this.#persisting.push(flight);
    const reign = this.#leadership.role === "leader" ? this.#leadership.term : 0;
    let proposals = 0;
    for (const entry of entries) if (entry.term === reign && entry.kind === EntryKind.normal) proposals++;
    const log = { group: this.group, hard, truncateFrom, entries, mustSync };
    this.#host.log.submit(log, () => {
      this.#durable(flight, reign, proposals);
    });
  }

  #durable(flight: PersistInFlight, reign: number, proposals: number): void {
    const first = this.#persisting.shift();
    assert(first === flight, "orders become durable in order");
    if (this.#stopped) return;
    if (reign !== 0 && this.#leadership.role === "leader" && this.#leadership.term === reign)
      this.#unpersistedProposals -= proposals;
    this.core.persisted(flight.sequence);
    for (const message of flight.messages) this.#host.send(this.group, message);
    this.#host.wake(this);
  }

  #apply(budget: TurnBudget): void {
    if (this.#fetchingForApply || this.#installing) return;
    const from = this.#machine.appliedIndex + 1;
    const fetched = this.#fetched[0]?.index === from ? this.#fetched : undefined;
    const entries = fetched ?? this.core.entries(from, this.#commitTarget + 1, nodeLimits.applyBytesPerTurnMax);
    this.#fetched = [];
    if (entries === undefined) {
      this.#fetchForApply(from);
      return;
    }
    const applied = this.#applySome(entries, budget);
    if (fetched !== undefined) this.#fetched = fetched.slice(applied);
  }

  /** How many of them were applied. */
  #applySome(entries: readonly Entry[], budget: TurnBudget): number {
    let count = 0;
    for (const entry of entries) {
      assert(entry.index === this.#machine.appliedIndex + 1, "entries are applied in order, each once");
      if (entry.kind === EntryKind.normal) this.#applyCommands(entry);
      else this.#machine.skip(entry.index);
      this.#appliedTerm = entry.term;
      count++;
      if (budget.isSpent) break;
    }
    this.core.applied(this.#machine.appliedIndex);
    this.#checkServing();
    return count;
  }

  #applyCommands(entry: Entry): void {
    const waiting = this.#commands.resolve(entry.index, entry.term);
    this.#machine.apply(entry.index, entry.data, waiting?.sink);
    if (waiting === undefined) return;
    waiting.sink.finish();
    this.#host.committed(this.#host.clock.monotonicMs() - waiting.proposedAtMs);
  }

  #checkServing(): void {
    const { role, term } = this.#leadership;
    if (this.#serving || role !== "leader" || this.#appliedTerm !== term) return;
    this.#serving = true;
    this.#host.leadershipChanged(this);
  }

  #fetchForApply(from: number): void {
    this.#fetchingForApply = true;
    this.#read(from, this.#commitTarget + 1, nodeLimits.fetchBytesMax, (entries) => {
      this.#fetchingForApply = false;
      // A snapshot that takes the place of these entries may be installed by now, or the log be cut for it already.
      if (this.#installing || this.#machine.appliedIndex + 1 !== from) return;
      assert(
        entries.length > 0,
        `entry ${String(from)} of partition ${String(this.group)} is committed but not in the log`,
      );
      this.#fetched = entries;
    });
  }

  #fetch(order: FetchOrder): void {
    this.#read(order.low, order.high, order.bytesMax, (entries) => {
      this.core.entriesFetched(order, entries);
    });
  }

  /** Entries that left the memory; a log that cannot be read any more is not survived. */
  #read(low: number, high: number, bytesMax: number, take: (entries: readonly Entry[]) => void): void {
    this.#host.log
      .read(this.group, low, high, bytesMax)
      .then((entries) => {
        if (this.#stopped) return;
        take(entries);
        this.#host.wake(this);
      })
      .catch((error: unknown) => {
        if (!this.#stopped) this.#host.fatal(error as Error);
      });
  }

  #answerReads(): void {
    const reads = this.#reads.release(this.#machine.appliedIndex);
    if (reads.length === 0) return;
    const nowMs = this.#host.clock.wallMs();
    for (const { connection, correlation, query } of reads) {
      if (connection.closed) continue;
      this.#machine.query(query, nowMs, connection.begin(correlation));
      connection.end();
      this.#host.touched(connection);
    }
  }

  /** A snapshot took the place of the whole state. */
  snapshotInstalled(snapshot: SnapshotMeta, machine: Machine): void {
    if (this.#stopped) return;
    this.#machine = machine;
    this.#installing = false;
    this.#commitTarget = Math.max(this.#commitTarget, snapshot.index);
    this.#appliedTerm = snapshot.term;
    this.core.snapshotInstalled(snapshot);
    this.#configuration = snapshot.configuration;
    this.#host.wake(this);
  }
}
