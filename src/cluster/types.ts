/** A node's name, chosen by its operator. */
export type NodeId = string;

/**
 * Number of one incarnation of a node: given out once per cluster, from 1, and never again. A node that lost its disk comes
 * back under its old name but on another seat, since it may have forgotten what it promised on the old one.
 */
export type Seat = number;

/**
 * One replica of one group, unique in that group for ever: `seat + generation * seatsMax` (see `replicaIdAt`). Raft votes and
 * counts under this number, so that a replica which was removed, or damaged, and is made again on the same node is another one.
 */
export type ReplicaId = number;

/**
 * What is wanted of a node. `active`: holds its share. `draining`: holds nothing after a while, stays a member. `leaving`: the
 * same, then it is `gone`. `lost`: its disk is gone or was replaced; what it held is made again elsewhere, then it is `gone`.
 * `gone`: no member any more; its name and incarnation are refused for ever, its row stays for that.
 */
export type NodeState = "active" | "draining" | "leaving" | "lost" | "gone";

export interface ClusterNode {
  readonly seat: Seat;
  readonly id: NodeId;
  /** host:port of its gRPC listener. */
  readonly address: string;
  /** 16 hex digits, written into its data folder when that was made; empty for a founding member that was not met yet. */
  readonly incarnation: string;
  readonly state: NodeState;
  /** Who shall hold what this one holds, while it drains or is lost; 0: whoever has room. */
  readonly successor: Seat;
}

/** Who holds a group. The first of a list should lead when all is well. */
export interface Placement {
  /** The voters that the group is known to have settled on. */
  readonly replicas: readonly ReplicaId[];
  /** The voters that it shall have; empty when nothing changes. The group's leader brings them in as learners first. */
  readonly target: readonly ReplicaId[];
  /** Replicas of earlier targets that may still be in the group's configuration; none may be removed before it has settled. */
  readonly former: readonly ReplicaId[];
  /** Grows with every change of what the group shall be held by; the replicas that a change makes new are of its generation. */
  readonly generation: number;
}

/** The map of a cluster, kept by its meta group. Immutable; every change makes a new one with the next version. */
export interface ClusterMap {
  /** 1 for the map that the founding members start with; grows by one with every change. */
  readonly version: number;
  /** Fixed at foundation. */
  readonly partitionCount: number;
  /** Founding members sit on seats 1 to this. */
  readonly founders: number;
  /** Replicas per partition at foundation. With `founders` it gives every group's first configuration for ever. */
  readonly foundingReplicationFactor: number;
  /** Replicas that each partition shall have, as far as there are nodes. */
  readonly replicationFactor: number;
  /** By seat, ascending; the i-th has seat i + 1. */
  readonly nodes: readonly ClusterNode[];
  /** Of the meta group. */
  readonly meta: Placement;
  /** By partition. */
  readonly partitions: readonly Placement[];
}

/** A change of the map, as an entry of the meta group's log. Each is idempotent, or refused when it comes too late. */
export type MapCommand =
  /** A founding member was met for the first time: from now on only this incarnation of it is. */
  | { readonly op: "bind-node"; readonly seat: Seat; readonly incarnation: string }
  /**
   * A node asks to join, or says where it is reached now. An unknown name gets a seat. A known name with its incarnation only
   * moves its address. A known name with another incarnation has lost its disk: the old seat is `lost`, the new one its successor.
   */
  | { readonly op: "add-node"; readonly id: NodeId; readonly incarnation: string; readonly address: string }
  /** What an operator wants of a node. `successor` 0: whoever has room. */
  | {
      readonly op: "set-node-state";
      readonly seat: Seat;
      readonly state: "active" | "draining" | "leaving" | "lost";
      readonly successor: Seat;
    }
  /** Begins a move: the group shall be held by these seats. New replicas get ids; those on seats that hold one already keep theirs. */
  | {
      readonly op: "place";
      /** A partition, or metaGroup. */
      readonly group: number;
      readonly seats: readonly Seat[];
      /** Version of the map that this was decided on: refused when the group's placement has changed since. */
      readonly decidedOn: number;
    }
  /** The replica lost its data although its node did not: another one is made on the same node. */
  | { readonly op: "replace-replica"; readonly group: number; readonly replica: ReplicaId }
  /** The group's leader says: exactly these are voters now, and the configuration that says so is committed. */
  | {
      readonly op: "settled";
      readonly group: number;
      readonly replicas: readonly ReplicaId[];
      /**
       * Of the placement that the leader worked on. Without it a report that was under way while the group was told to become
       * something else and then the same again would let replicas be forgotten that the configuration still needs.
       */
      readonly generation: number;
    }
  | { readonly op: "set-replication-factor"; readonly replicationFactor: number };

/** What became of a command: a sentence for whoever gave it when it was refused. */
export type MapOutcome = { readonly map: ClusterMap; readonly changed: boolean } | { readonly refused: string };
