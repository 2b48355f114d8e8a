import { RequestStatus } from "../contract/index.js";
import type { GrpcPeers } from "../peer/index.js";
import type { FlushObserver, SegmentedShardLog } from "../storage/index.js";
import {
  createCounter,
  createHistogram,
  createRegistry,
  exponentialBounds,
  type FastCounter,
  type FastHistogram,
  type MetricsRegistry,
  type Sample,
  sampleCounter,
  sampleGauge,
} from "../telemetry/index.js";
import type { DiskWatch } from "./disk-watch.js";
import { LedTotals } from "./led-totals.js";
import { nameOf } from "./hosting.js";
import type { Replica } from "./replica.js";
import type { Shard } from "./shard.js";
import type { ShardObserver } from "./shard-observer.js";

/** The metrics of a storage node. Hot paths touch typed arrays only; everything else is read when Prometheus asks. */
export class NodeMetrics implements FlushObserver, ShardObserver {
  readonly registry: MetricsRegistry = createRegistry();
  readonly #totals = new LedTotals();
  readonly #commitSeconds: FastHistogram;
  readonly #flushSeconds: FastHistogram;
  readonly #flushBytes: FastHistogram;
  readonly #flushOrders: FastHistogram;
  readonly #checkpointSeconds: FastHistogram;
  readonly #checkpointBytes: FastCounter;
  readonly #leaderChanges: FastCounter;

  constructor() {
    const { registry } = this;
    this.#commitSeconds = createHistogram(registry, {
      name: "marconi_raft_commit_seconds",
      help: "From the proposal of an entry by the leader to its commit on a majority's disks and its application.",
      bounds: exponentialBounds(0.000_25, 2, 16),
    });
    this.#flushSeconds = createHistogram(registry, {
      name: "marconi_log_flush_seconds",
      help: "One write and fdatasync of the shard's log.",
      bounds: exponentialBounds(0.000_1, 2, 16),
    });
    this.#flushBytes = createHistogram(registry, {
      name: "marconi_log_flush_bytes",
      help: "Bytes written by one flush, padding included.",
      bounds: exponentialBounds(4_096, 4, 7),
    });
    this.#flushOrders = createHistogram(registry, {
      name: "marconi_log_flush_orders",
      help: "Orders of partitions that shared one flush.",
      bounds: exponentialBounds(1, 2, 10),
    });
    this.#checkpointSeconds = createHistogram(registry, {
      name: "marconi_checkpoint_seconds",
      help: "Building and writing the checkpoint of one partition.",
      bounds: exponentialBounds(0.001, 2.5, 12),
    });
    this.#checkpointBytes = createCounter(registry, {
      name: "marconi_checkpoint_bytes_total",
      help: "Bytes of rows written by checkpoints.",
    });
    this.#leaderChanges = createCounter(registry, {
      name: "marconi_raft_leader_changes_total",
      help: "News about who leads a partition, seen by its replicas on this node.",
    });
  }

  flushed(bytes: number, orders: number, durationMs: number): void {
    this.#flushSeconds.observe(durationMs / 1_000);
    this.#flushBytes.observe(bytes);
    this.#flushOrders.observe(orders);
  }

  committed(latencyMs: number): void {
    this.#commitSeconds.observe(latencyMs / 1_000);
  }

  leaderChanged(replica: Replica): void {
    this.#leaderChanges.add();
    this.#totals.note(replica);
  }

  checkpointed(durationMs: number, bytes: number): void {
    this.#checkpointSeconds.observe(durationMs / 1_000);
    this.#checkpointBytes.add(bytes);
  }

  /** Registers what is read off the parts of the node. */
  watch(shard: Shard, log: SegmentedShardLog, disk: DiskWatch, peers: Pick<GrpcPeers, "bufferedBytes">): void {
    this.#watchMessages(shard);
    this.#watchRaft(shard);
    this.#watchBounds(shard);
    this.#watchSnapshots(shard);
    this.#watchDisk(log, disk);
    sampleGauge(this.registry, {
      name: "marconi_peer_buffered_bytes",
      help: "Bytes that wait to be sent to a peer; beyond 64 MiB its messages are dropped.",
      labelNames: ["peer"],
      read: () => [...peers.bufferedBytes()].map(([peer, value]) => ({ labels: { peer }, value })),
    });
  }

  /** What is bounded (see limits.ts): how full it is. */
  #watchBounds(shard: Shard): void {
    const sum = (of: (replica: Replica) => number) => (): number => {
      let total = 0;
      for (const replica of shard.replicas.values()) total += of(replica);
      return total;
    };
    const gauges = [
      ["marconi_gateways", "Gateways connected to this node.", () => shard.gatewayCount],
      [
        "marconi_gateway_buffered_bytes",
        "Bytes of answers not yet taken by gateways.",
        () => shard.gatewayBufferedBytes,
      ],
      ["marconi_commands_queued", "Commands that wait to be proposed.", sum((replica) => replica.queuedCommands)],
      [
        "marconi_commands_queued_bytes",
        "Bytes of commands that wait to be proposed.",
        sum((replica) => replica.queuedBytes),
      ],
      [
        "marconi_partitions_paced",
        "Partitions led here whose clients are slowed since a follower cannot keep up.",
        sum((replica) => (replica.pacedBytesPerSecond === undefined ? 0 : 1)),
      ],
      [
        "marconi_shard_saturated",
        "1 while more waits for the disk than memory should hold.",
        () => (shard.saturated ? 1 : 0),
      ],
      ["marconi_reads_waiting", "Reads that wait for proof of leadership.", sum((replica) => replica.waitingReads)],
      [
        "marconi_raft_proposed_entries",
        "Entries proposed here, not yet applied.",
        sum((replica) => replica.proposedEntries),
      ],
      [
        "marconi_raft_uncommitted_bytes",
        "Bytes of entries proposed here, not yet on a majority's disks.",
        sum((replica) => replica.core.status().uncommittedBytes),
      ],
      ["marconi_snapshots_sending", "Snapshots on their way to peers.", () => shard.snapshotsSending],
      ["marconi_snapshots_receiving", "Snapshots that arrive.", () => shard.snapshotsReceiving],
    ] as const;
    for (const [name, help, read] of gauges) sampleGauge(this.registry, { name, help, read });
    this.#countDropped(shard);
  }

  /** What was turned away or dropped because a bound was reached. */
  #countDropped(shard: Shard): void {
    const { notLeader, overloaded, malformed, storageFull } = RequestStatus;
    const statuses = Object.entries({ notLeader, overloaded, malformed, storageFull });
    sampleCounter(this.registry, {
      name: "marconi_requests_refused_total",
      help: "Requests of gateways that were turned away at the door, by reason.",
      labelNames: ["reason"],
      read: () => statuses.map(([reason, status]) => ({ labels: { reason }, value: shard.refusals(status) })),
    });
    sampleCounter(this.registry, {
      name: "marconi_gateways_dropped_total",
      help: "Gateways disconnected because they did not take their answers.",
      read: () => shard.gatewaysDropped,
    });
    sampleCounter(this.registry, {
      name: "marconi_peer_frames_dropped_total",
      help: "Frames of messages that found the buffer towards their peer full.",
      read: () => shard.peerFramesDropped,
    });
  }

  #watchSnapshots(shard: Shard): void {
    const inBothDirections = (sent: "partsSent" | "bytesSent", received: "partsReceived" | "bytesReceived") => () => [
      { labels: { direction: "sent" }, value: shard.snapshotCounts[sent] },
      { labels: { direction: "received" }, value: shard.snapshotCounts[received] },
    ];
    const labelNames = ["direction"];
    sampleCounter(this.registry, {
      name: "marconi_snapshot_parts_total",
      help: "Parts of snapshots that were sent, or arrived and were stored.",
      labelNames,
      read: inBothDirections("partsSent", "partsReceived"),
    });
    sampleCounter(this.registry, {
      name: "marconi_snapshot_bytes_total",
      help: "Bytes of rows in the parts of snapshots that were sent, or arrived and were stored.",
      labelNames,
      read: inBothDirections("bytesSent", "bytesReceived"),
    });
    const counters = [
      ["marconi_snapshots_resumed_total", "Snapshots sent from where an earlier try was interrupted.", "resumed"],
      ["marconi_snapshots_delegated_total", "Snapshots that leaders here left to another replica.", "delegated"],
      ["marconi_snapshots_failed_total", "Tries to send a snapshot that ended before its end.", "failed"],
      ["marconi_snapshots_damaged_total", "Snapshots that arrived with other rows than were offered.", "damaged"],
    ] as const;
    for (const [name, help, count] of counters)
      sampleCounter(this.registry, { name, help, read: () => shard.snapshotCounts[count] });
  }

  #watchMessages(shard: Shard): void {
    const counters = [
      ["marconi_messages_posted_total", "Messages stored, counted by the leader.", "posted"],
      ["marconi_messages_claimed_total", "Messages handed out under a claim, counted by the leader.", "claimedTotal"],
      ["marconi_messages_deleted_total", "Messages deleted by clients, counted by the leader.", "deleted"],
      ["marconi_messages_expired_total", "Messages that reached their TTL, counted by the leader.", "expired"],
      ["marconi_duplicates_answered_total", "Retried commands answered from memory.", "duplicatesAnswered"],
    ] as const;
    for (const [name, help, counter] of counters)
      sampleCounter(this.registry, { name, help, read: () => this.#totals.total(counter) });
    sampleGauge(this.registry, {
      name: "marconi_messages",
      help: "Messages of a partition by state, told by its leader only.",
      labelNames: ["partition", "state"],
      read: () =>
        led(shard).flatMap((replica) => {
          const { messages, claimedMessages } = replica.machine.stats();
          const partition = nameOf(replica.group);
          return [
            { labels: { partition, state: "free" }, value: messages - claimedMessages },
            { labels: { partition, state: "claimed" }, value: claimedMessages },
          ];
        }),
    });
    sampleGauge(this.registry, {
      name: "marconi_queues",
      help: "Queues of a partition, told by its leader only.",
      labelNames: ["partition"],
      read: () => perReplica(led(shard), (replica) => replica.machine.stats().queues),
    });
    sampleGauge(this.registry, {
      name: "marconi_body_bytes",
      help: "Bytes of message bodies held in memory by this node.",
      read: () => [...shard.replicas.values()].reduce((sum, replica) => sum + replica.machine.stats().bodyBytes, 0),
    });
  }

  #watchRaft(shard: Shard): void {
    const all = (): Replica[] => [...shard.replicas.values()];
    const labelNames = ["partition"];
    sampleGauge(this.registry, {
      name: "marconi_raft_term",
      help: "Term of this node's replica of a partition.",
      labelNames,
      read: () => perReplica(all(), (replica) => replica.leadership.term),
    });
    sampleGauge(this.registry, {
      name: "marconi_raft_is_leader",
      help: "1 where this node leads the partition and serves.",
      labelNames,
      read: () => perReplica(all(), (replica) => (replica.serving ? 1 : 0)),
    });
    sampleGauge(this.registry, {
      name: "marconi_raft_follower_lag_entries",
      help: "Entries of the leader's log that a peer has not acknowledged.",
      labelNames: ["partition", "replica"],
      read: () =>
        led(shard).flatMap((replica): Sample[] => {
          const { lastIndex, peers } = replica.core.status();
          const partition = nameOf(replica.group);
          return peers.map(({ id, match }) => ({
            labels: { partition, replica: String(id) },
            value: lastIndex - match,
          }));
        }),
    });
    sampleCounter(this.registry, {
      name: "marconi_reads_under_lease_total",
      help: "Reads that leaders here answered without asking the others, since --lease-reads is on.",
      read: () => shard.leasedReads,
    });
    sampleCounter(this.registry, {
      name: "marconi_raft_leader_transfers_total",
      help: "Leaderships handed over to balance the nodes.",
      read: () => shard.leaderTransfers,
    });
  }

  #watchDisk(log: SegmentedShardLog, disk: DiskWatch): void {
    const gauges = [
      ["marconi_log_segments", "Segments of the shard's log.", () => log.stats().segments],
      ["marconi_log_pending_bytes", "Bytes that wait for the next flush.", () => log.stats().pendingBytes],
      ["marconi_disk_free_bytes", "Free space of the data folder's disk.", () => disk.freeBytes],
      ["marconi_disk_full", "1 while new messages are refused for want of disk space.", () => (disk.full ? 1 : 0)],
    ] as const;
    for (const [name, help, read] of gauges) sampleGauge(this.registry, { name, help, read });
    sampleCounter(this.registry, {
      name: "marconi_log_written_bytes_total",
      help: "Bytes written to the shard's log, padding included.",
      read: () => log.stats().bytesWritten,
    });
    sampleCounter(this.registry, {
      name: "marconi_log_payload_bytes_total",
      help: "Bytes of entries written to the shard's log.",
      read: () => log.stats().payloadBytes,
    });
  }
}

function led(shard: Shard): Replica[] {
  return [...shard.replicas.values()].filter((replica) => replica.serving);
}

function perReplica(replicas: readonly Replica[], value: (replica: Replica) => number): Sample[] {
  return replicas.map((replica) => ({ labels: { partition: nameOf(replica.group) }, value: value(replica) }));
}
