import type { Clock } from "../../src/base/index.js";
import { type ClusterMap, foundingVoters, metaGroup, seatOf } from "../../src/cluster/index.js";
import type { Replica } from "../../src/node/replica.js";
import type { ShardObserver } from "../../src/node/shard-observer.js";
import type { Shard } from "../../src/node/shard.js";
import type { Machine } from "../../src/partition/index.js";
import {
  type AppendReply,
  decodeConfiguration,
  type Entry,
  EntryKind,
  type Index,
  type LeadershipState,
  type Ready,
  type ReplicaId,
  type SnapshotMeta,
  type VoteReply,
} from "../../src/raft/index.js";
import type { GroupId, RecoveredGroup, SegmentedShardLog } from "../../src/storage/index.js";
import { DurableShadow } from "./durable-shadow.js";
import { GroupLedger } from "./group-ledger.js";
import type { MembershipWatch } from "./membership-watch.js";
import type { ReplicaLives } from "./replica-lives.js";
import type { World } from "./world.js";

/** Moments at which a crash hurts most. */
export const moments = ["flush", "truncation", "vote", "election", "checkpoint", "install"] as const;
export type Moment = (typeof moments)[number];

/** A state hash is linear in the state: taken after every so many entries, */
const HASH_EVERY = 64;
/** and of checkpoints at every so many indexes: of the same ones on all replicas, and again by whoever is restored from one. */
const HASH_CHECKPOINT_EVERY = 4;

const unsynced = { lost: "unsyncedOrdersLost", kept: "unsyncedOrdersKept", "in part": "unsyncedOrdersInPart" } as const;

/** Bytes of an entry without commands. */
const TICK_BYTES = 13;

/** What is known of one replica in its present life. */
interface Watched {
  readonly node: string;
  readonly replica: Replica;
  readonly id: ReplicaId;
  readonly ledger: GroupLedger;
  readonly shadow: DurableShadow;
  leadership: LeadershipState;
  commit: Index;
  /** It did something that others may count on, in this life of its process. */
  acted: boolean;
}

const keyOf = (node: string, group: GroupId): string => `${node}/${String(group)}`;

/** Sees all that all replicas do, and holds it against what was true before: the invariants of raft.md section 10. */
export class Observer {
  readonly #world: World;
  readonly #map: () => ClusterMap;
  readonly #membership: MembershipWatch;
  readonly #lives: ReplicaLives;
  /** What was durable of replicas that are gone, by group and id. */
  readonly #buried = new Map<string, DurableShadow>();
  /** Replicas whose removal from a disk has begun. */
  readonly #removing = new Set<string>();
  /** Which replica of a group a node hosts, or hosted last. */
  readonly #hosted = new Map<string, ReplicaId>();
  readonly #ledgers = new Map<GroupId, GroupLedger>();
  readonly #shadows = new Map<string, DurableShadow>();
  readonly #watched = new Map<string, Watched>();
  readonly #clocks = new Map<string, Pick<Clock, "monotonicMs">>();
  /** Whom a replica has given its vote: key of replica and term -> candidate. */
  readonly #votes = new Map<string, ReplicaId>();

  /** Told when a node does something in the midst of which it might die. */
  onMoment: ((moment: Moment, node: string) => void) | undefined;
  /** Told of every machine before it is watched. */
  onMachine: ((machine: Machine, node: string) => void) | undefined;

  /** @param map the newest map of the cluster that there is */
  constructor(world: World, map: () => ClusterMap, membership: MembershipWatch, lives: ReplicaLives) {
    this.#world = world;
    this.#map = map;
    this.#membership = membership;
    this.#lives = lives;
  }

  ledger(group: GroupId): GroupLedger {
    let ledger = this.#ledgers.get(group);
    if (ledger === undefined) {
      const voters = foundingVoters(this.#map(), group);
      ledger = new GroupLedger(this.#world, group, { voters, outgoing: [], learners: [] });
      this.#ledgers.set(group, ledger);
    }
    return ledger;
  }

  #shadow(node: string, group: GroupId): DurableShadow {
    const key = keyOf(node, group);
    let shadow = this.#shadows.get(key);
    if (shadow === undefined) {
      shadow = new DurableShadow();
      this.#shadows.set(key, shadow);
    }
    return shadow;
  }

  nodeDied(node: string): void {
    for (const [key, watched] of this.#watched) {
      if (watched.node !== node) continue;
      this.#account(watched);
      this.#watched.delete(key);
    }
  }

  /** Nothing of what a node had in its log is there any more. */
  logLost(node: string): void {
    for (const key of [...this.#shadows.keys()]) if (key.startsWith(`${node}/`)) this.#bury(key);
  }

  /** Adds what only living replicas can tell to the coverage; at the end of the run. */
  finish(): void {
    for (const watched of this.#watched.values()) this.#account(watched);
  }

  #account({ replica }: Watched): void {
    const stats = replica.machine.stats();
    const { coverage } = this.#world;
    coverage.add("duplicatesAnswered", stats.duplicatesAnswered);
    coverage.add("messagesExpired", stats.expired);
  }

  // --- the log

  watchLog(node: string, log: SegmentedShardLog): SegmentedShardLog {
    const submit = log.submit.bind(log);
    log.submit = (order, onDurable) => {
      const shadow = this.#shadow(node, order.group);
      shadow.submitted(order);
      if (order.truncateFrom !== undefined) this.#world.coverage.add("truncations");
      if (order.truncateFrom !== undefined) this.onMoment?.("truncation", node);
      else if (order.mustSync) this.onMoment?.("flush", node);
      submit(order, () => {
        shadow.durable();
        onDurable();
      });
    };
    const createGroup = log.createGroup.bind(log);
    log.createGroup = (group, incarnation, start) => {
      this.#shadows.delete(keyOf(node, group));
      this.#removing.delete(keyOf(node, group));
      this.#membership.forget(node, group);
      this.#lives.made(node, group, Number.parseInt(incarnation, 16));
      return createGroup(group, incarnation, start);
    };
    const removeGroup = log.removeGroup.bind(log);
    log.removeGroup = async (group) => {
      this.#lives.removed(node, group);
      this.#removing.add(keyOf(node, group));
      await removeGroup(group);
      this.#forget(node, group);
    };
    const read = log.read.bind(log);
    log.read = (group, low, high, bytesMax) => {
      this.#world.coverage.add("fetchesForApply");
      return read(group, low, high, bytesMax);
    };
    const install = log.installSnapshot.bind(log);
    log.installSnapshot = async (group, snapshot, hard) => {
      if (!this.#watched.has(keyOf(node, group))) this.#world.coverage.add("installsCompletedAtStart");
      const shadow = this.#shadow(node, group);
      shadow.installing(snapshot, hard);
      this.onMoment?.("install", node);
      await install(group, snapshot, hard);
      shadow.installed();
    };
    return log;
  }

  #forget(node: string, group: GroupId): void {
    const key = keyOf(node, group);
    this.#watched.delete(key);
    this.#bury(key);
  }

  /** What a replica acknowledged in its last moments may still be counted, and is held by no worse a quorum for that. */
  #bury(key: string): void {
    const id = this.#hosted.get(key);
    const shadow = this.#shadows.get(key);
    if (id !== undefined && shadow !== undefined)
      this.#buried.set(`${key.slice(key.indexOf("/"))}/${String(id)}`, shadow);
    this.#removing.delete(key);
    this.#shadows.delete(key);
    this.#hosted.delete(key);
  }

  shardObserver(): ShardObserver {
    const world = this.#world;
    return {
      committed: () => undefined,
      leaderChanged: () => undefined,
      checkpointed: () => {
        world.coverage.add("checkpoints");
      },
    };
  }

  // --- messages

  /** I10: no two replicas of a group believe that they hold a lease, each by the clock of its own process. */
  watchLeases(node: string, shard: Shard, clock: Pick<Clock, "monotonicMs">): void {
    this.#clocks.set(node, clock);
    const told = shard.readUnderLease.bind(shard);
    shard.readUnderLease = (replica) => {
      told(replica);
      this.#world.coverage.add("readsUnderLease");
      for (const other of this.#watched.values()) {
        if (other.node === node || other.replica.group !== replica.group) continue;
        const untilMs = other.replica.core.leaseUntilMs;
        if (untilMs > (this.#clocks.get(other.node)?.monotonicMs() ?? Infinity))
          this.#world.fail(
            `I10 (one lease) broken in partition ${String(replica.group)}: ${node} reads under one while ${other.node} holds another`,
          );
      }
    };
  }

  /** Looks at every message in the moment in which it leaves. */
  watchSends(node: string, shard: Shard): void {
    const send = shard.send.bind(shard);
    shard.send = (group, message) => {
      if (message.type === "vote-reply") this.#voted(node, group, message);
      else if (message.type === "append-reply") this.#acknowledged(node, group, message);
      else if (message.type === "vote-request" && message.transfer) this.#world.coverage.add("transferCampaigns");
      send(group, message);
    };
  }

  /** A replica votes once in a term, over all its lives, and its vote is on its disk before anybody hears of it. */
  #voted(node: string, group: GroupId, { from, to, term, pre, granted }: VoteReply): void {
    if (pre || !granted) return;
    this.onMoment?.("vote", node);
    const key = `${keyOf(node, group)}/${String(from)}/${String(term)}`;
    const other = this.#votes.get(key);
    this.#votes.set(key, to);
    const where = `replica ${String(from)} of partition ${String(group)}, term ${String(term)}`;
    if (other !== undefined && other !== to)
      this.#world.fail(`two votes: ${where}, for ${String(other)} and ${String(to)}`);
    if (!this.#shadow(node, group).hasVoted(term, to)) this.#world.fail(`a vote that is not durable: ${where}`);
  }

  /** L7: an acknowledgement names nothing that is not on disk. */
  #acknowledged(node: string, group: GroupId, { from, refused, index }: AppendReply): void {
    const durable = this.#shadow(node, group).lastIndex;
    if (refused || index <= durable) return;
    this.#world.fail(
      `L7 (acknowledged is durable) broken: replica ${String(from)} of partition ${String(group)} acknowledges ` +
        `${String(index)} and has ${String(durable)} on disk`,
    );
  }

  // --- replicas

  /** What recovery saw of a replica, before anything is done with it; undefined when it saw nothing. */
  recovered(node: string, group: GroupId, found: RecoveredGroup | undefined): void {
    // A crash in the midst of a removal: it may be done or not.
    if (this.#removing.has(keyOf(node, group))) {
      this.#forget(node, group);
      this.#shadow(node, group).recovered(found?.state);
      return;
    }
    const recovery = this.#shadow(node, group).recovered(found?.state);
    if (recovery.problem !== undefined)
      this.#world.fail(`I8 (durability) broken on ${node}, partition ${String(group)}: ${recovery.problem}`);
    else if (recovery.orders !== "none") this.#world.coverage.add(unsynced[recovery.orders]);
  }

  /** Called once the replica is open: `checkpoint` is what it was restored from. */
  watchReplica(node: string, replica: Replica, checkpoint: SnapshotMeta | undefined): void {
    const { group, core } = replica;
    const shadow = this.#shadow(node, group);
    this.#hosted.set(keyOf(node, group), replica.id);
    const { id, role, term, leader } = core.status();
    const watched: Watched = {
      node,
      replica,
      id,
      ledger: this.ledger(group),
      shadow,
      leadership: { role, term, leader },
      commit: checkpoint?.index ?? 0,
      acted: false,
    };
    this.#watched.set(keyOf(node, group), watched);
    if (checkpoint !== undefined) {
      this.#world.coverage.add("restoredFromCheckpoint");
      this.#compareState(watched, checkpoint.index);
    }
    this.#wrapCore(watched);
    this.#wrapMachine(watched, replica.machine);
  }

  #wrapCore(watched: Watched): void {
    const { core, group } = watched.replica;
    const ready = core.ready.bind(core);
    core.ready = () => {
      const next = ready();
      if (next !== undefined) this.#observe(watched, next);
      return next;
    };
    const installed = core.snapshotInstalled.bind(core);
    core.snapshotInstalled = (snapshot) => {
      this.#world.coverage.add("snapshotsInstalled");
      installed(snapshot);
      this.#membership.forget(watched.node, group);
      watched.commit = Math.max(watched.commit, snapshot.index);
      this.#note(watched, `installs a snapshot at ${String(snapshot.index)}`);
      this.#compareState(watched, snapshot.index);
      this.#wrapMachine(watched, watched.replica.machine);
    };
    const sent = core.snapshotSent.bind(core);
    core.snapshotSent = (to, ok, index) => {
      if (!ok) this.#world.coverage.add("snapshotsFailed");
      this.#note(watched, `${ok ? "has sent" : "failed to send"} replica ${String(to)} a snapshot (${String(index)})`);
      sent(to, ok, index);
    };
  }

  #wrapMachine(watched: Watched, machine: Machine): void {
    this.onMachine?.(machine, watched.node);
    const apply = machine.apply.bind(machine);
    machine.apply = (index, data, replies) => {
      apply(index, data, replies);
      if (index % HASH_EVERY === 0) this.#compareState(watched, index);
    };
    const skip = machine.skip.bind(machine);
    machine.skip = (index) => {
      skip(index);
      if (index % HASH_EVERY === 0) this.#compareState(watched, index);
    };
    const beginCheckpoint = machine.beginCheckpoint.bind(machine);
    machine.beginCheckpoint = () => {
      if (machine.appliedIndex % HASH_CHECKPOINT_EVERY === 0) this.#compareState(watched, machine.appliedIndex);
      this.onMoment?.("checkpoint", watched.node);
      return beginCheckpoint();
    };
  }

  #compareState(watched: Watched, index: Index): void {
    const { machine } = watched.replica;
    if (machine.appliedIndex !== index) return;
    const hash = machine.stateHash();
    this.#world.trace(hash);
    watched.ledger.stateAt(watched.id, index, hash);
  }

  // --- what a core wants done

  #observe(watched: Watched, ready: Ready): void {
    const { coverage } = this.#world;
    if (!watched.acted) {
      watched.acted = true;
      this.#lives.acts(watched.node, watched.replica.group, watched.id);
    }
    if (ready.leadership !== undefined) this.#leadershipMoved(watched, ready.leadership);
    if (ready.persist !== undefined) this.#appended(watched, ready.persist);
    if (ready.commitTo !== undefined) this.#committed(watched, ready.commitTo);
    if (ready.fetches.length > 0) {
      coverage.add("fetchesForFollowers", ready.fetches.length);
      // Each is a read of the log; the other reads are for apply.
      coverage.add("fetchesForApply", -ready.fetches.length);
    }
    if (ready.snapshots.length > 0) {
      coverage.add("snapshotsOrdered", ready.snapshots.length);
      for (const { to, minimumIndex } of ready.snapshots)
        this.#note(watched, `owes replica ${String(to)} a snapshot from ${String(minimumIndex)} on`);
    }
    for (const grant of ready.reads) coverage.add(grant.index === 0 ? "readsRefused" : "readsServed");
  }

  #leadershipMoved(watched: Watched, next: LeadershipState): void {
    const { coverage } = this.#world;
    const previous = watched.leadership;
    watched.leadership = next;
    this.#world.trace(next.term);
    this.#note(watched, `is ${next.role} in term ${String(next.term)}, leader ${String(next.leader)}`);
    if (next.role === "leader" && (previous.role !== "leader" || previous.term !== next.term)) {
      const { core } = watched.replica;
      const { id, firstIndex } = core.status();
      coverage.add("elections");
      if (watched.replica.group === metaGroup && this.#membership.isMoving)
        coverage.add("metaLeaderChangesDuringMoves");
      this.onMoment?.("election", watched.node);
      watched.ledger.leads(id, next.term, (index) => core.term(index), firstIndex);
    }
    if (previous.role === "candidate" && next.role === "follower") coverage.add("electionsLost");
    if (previous.role === "pre-candidate" && next.role === "follower") coverage.add("preVotesLost");
    if (previous.role === "leader" && next.role !== "leader" && next.term === previous.term)
      coverage.add("stepDownsByQuorum");
  }

  #appended(watched: Watched, persist: NonNullable<Ready["persist"]>): void {
    const { core } = watched.replica;
    const leads = watched.leadership.role === "leader";
    if (persist.truncateFrom !== undefined) {
      this.#membership.truncated(watched.node, watched.replica.group, persist.truncateFrom);
      this.#note(watched, `drops its log from ${String(persist.truncateFrom)} on`);
      if (leads) this.#world.fail(`I2 (leader append-only) broken in partition ${String(watched.replica.group)}`);
      if (persist.truncateFrom <= watched.commit)
        this.#world.fail(`committed entries dropped by ${watched.node}, partition ${String(watched.replica.group)}`);
    }
    let previousTerm: number | undefined;
    for (const entry of persist.entries) {
      previousTerm ??= core.term(entry.index - 1);
      watched.ledger.appended(watched.id, entry, previousTerm);
      previousTerm = entry.term;
      if (entry.kind === EntryKind.config) this.#configured(watched, entry);
      if (leads && entry.kind === EntryKind.normal && entry.data.length === TICK_BYTES)
        this.#world.coverage.add("tickEntries");
    }
    if (this.#world.timeline.kept && persist.entries.length > 0) {
      const first = persist.entries[0];
      const last = persist.entries.at(-1);
      this.#note(watched, `appends ${String(first?.index)}..${String(last?.index)} of term ${String(last?.term)}`);
    }
  }

  #configured(watched: Watched, entry: Entry): void {
    this.#membership.appended(watched.node, watched.replica.group, entry);
    if (!this.#world.timeline.kept) return;
    const { voters, outgoing, learners, generation } = decodeConfiguration(entry.data);
    this.#note(
      watched,
      `has configuration ${voters.join(" ")} (${outgoing.join(" ")}), learners (${learners.join(" ")}), of generation ` +
        `${String(generation ?? 0)} at ${String(entry.index)}`,
    );
  }

  #committed(watched: Watched, to: Index): void {
    const { core } = watched.replica;
    const { term: replicaTerm } = watched.leadership;
    for (let index = watched.commit + 1; index <= to; index++) {
      const term = core.term(index);
      if (term === undefined) {
        this.#world.fail(
          `${watched.node} commits ${String(index)} of partition ${String(watched.replica.group)} without having it`,
        );
        return;
      }
      if (!watched.ledger.committed(watched.id, index, term, replicaTerm)) continue;
      this.#membership.committed(watched.replica.group, index, term);
      this.#checkDurable(watched, index, term);
    }
    watched.commit = Math.max(watched.commit, to);
    if (this.#world.timeline.kept) this.#note(watched, `commits to ${String(to)}`);
  }

  /** I8: what is committed is on the disks of a quorum. */
  #checkDurable(watched: Watched, index: Index, term: number): void {
    const { group } = watched.replica;
    const { nodes } = this.#map();
    const holds = (id: ReplicaId): boolean => {
      const key = keyOf(nodes[seatOf(id) - 1]?.id ?? "", group);
      const shadow =
        this.#hosted.get(key) === id ? this.#shadows.get(key) : this.#buried.get(`/${String(group)}/${String(id)}`);
      return shadow?.holds(index, term) === true;
    };
    const isQuorum = (ids: readonly ReplicaId[]): boolean => ids.filter(holds).length * 2 > ids.length;
    // Which of them the leader counted by, only it knows.
    const configurations = watched.ledger.configurationsFrom(index);
    if (
      configurations.some(({ voters, outgoing }) => isQuorum(voters) && (outgoing.length === 0 || isQuorum(outgoing)))
    )
      return;
    const { voters, outgoing } = watched.replica.configuration;
    const holders = [...new Set([...voters, ...outgoing])].filter(holds);
    this.#world.fail(
      `I8 (committed is durable) broken in partition ${String(group)}: ${String(index)} of term ${String(term)} is committed ` +
        `by ${watched.node} and on the disks of replicas ${holders.join(", ")} only`,
    );
  }

  #note(watched: Watched, what: string): void {
    if (this.#world.timeline.kept) this.#world.timeline.note(watched.replica.group, `${watched.node} ${what}`);
  }
}
