import type { NodeId, PeerNetwork, SnapshotPart, SnapshotPartKind } from "../peer/index.js";
import type { GroupId } from "../storage/index.js";

const NOTHING = new Uint8Array(0);

/** What a transfer is called between two nodes. */
export interface TransferName {
  readonly group: GroupId;
  readonly transfer: number;
}

/** How the parts of a shard's transfers reach other nodes, and what was counted of all of them since the start. */
export class SnapshotPost {
  readonly counts = {
    /** Parts with rows, and the bytes of those rows. */
    partsSent: 0,
    bytesSent: 0,
    partsReceived: 0,
    bytesReceived: 0,
    /** Transfers that went on where an earlier one was interrupted, told by their sender. */
    resumed: 0,
    /** Transfers that a leader left to another replica. */
    delegated: 0,
    /** Transfers that did not reach their end, interrupted ones too. */
    failed: 0,
    /** Transfers whose rows were not those that were offered, told by their receiver. */
    damaged: 0,
  };
  #network: PeerNetwork | undefined;

  start(network: PeerNetwork): void {
    this.#network = network;
  }

  /** A part with so many bytes of rows left. */
  sent(bytes: number): void {
    this.counts.partsSent++;
    this.counts.bytesSent += bytes;
  }

  isConnected(node: NodeId): boolean {
    return this.#network?.isConnected(node) ?? false;
  }

  /** False when it was dropped: no stream, or its buffer is full. */
  say(
    to: NodeId,
    { group, transfer }: TransferName,
    kind: SnapshotPartKind,
    content: Partial<Pick<SnapshotPart, "number" | "rows" | "detail">> = {},
  ): boolean {
    const { number = 0, rows = NOTHING, detail = NOTHING } = content;
    return this.#network?.sendSnapshotPart(to, { group, transfer, kind, number, rows, detail }) ?? false;
  }
}

export type SnapshotCounts = Readonly<SnapshotPost["counts"]>;
