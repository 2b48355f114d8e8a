import type { Consensus } from "../../src/raft/index.js";
import type { Machine } from "../../src/partition/index.js";
import type { MemberNetwork } from "../../src/node/cluster-member.js";
import type {
  FileSystem,
  RecoveredGroup,
  SegmentedShardLog,
  ViewableCheckpointStore,
} from "../../src/storage/index.js";
import type { ExchangeRequest } from "../../src/gen/marconi/v1/partitions_pb.js";
import type { SimProcess } from "./sim-process.js";

/**
 * Where a planted bug may sit: between the hosted parts, on the far side of whoever watches them. Each hook gets the real part and
 * gives back what is used in its place. Empty in all runs but those of the mutants.
 */
export interface Hooks {
  fileSystem?(disk: FileSystem, process: SimProcess): FileSystem;
  store?(store: ViewableCheckpointStore, process: SimProcess): ViewableCheckpointStore;
  log?(log: SegmentedShardLog, process: SimProcess): SegmentedShardLog;
  recovered?(group: RecoveredGroup, process: SimProcess): RecoveredGroup;
  core?(core: Consensus, process: SimProcess): void;
  /** Every machine that a replica of `node` gets, restored or installed. */
  machine?(machine: Machine, node: string): void;
  network?(network: MemberNetwork, process: SimProcess): MemberNetwork;
  /** A gateway's frame of requests, before it leaves. */
  requests?(frame: ExchangeRequest): ExchangeRequest;
  /** Seeds of replicas' randomness. */
  newSeed?(drawn: number): number;
}
