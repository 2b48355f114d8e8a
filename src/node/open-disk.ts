import { type NodeConfig, StartRefusal } from "../config/index.js";
import {
  CorruptionError,
  type DataDirectory,
  type FileSystem,
  type FlushObserver,
  openCheckpointStore,
  openShardLog,
  type RecoveredGroup,
  type SegmentedShardLog,
  type ViewableCheckpointStore,
} from "../storage/index.js";
import type { Logger } from "../telemetry/index.js";
import type { Cleanup } from "./cleanup.js";
import type { ClusterView } from "./cluster-view.js";
import type { DiskWatch } from "./disk-watch.js";
import { othersHoldAll } from "./recover-replicas.js";

export interface OpenDiskOptions {
  readonly config: NodeConfig;
  readonly data: DataDirectory;
  readonly fileSystem: FileSystem;
  readonly view: ClusterView;
  readonly mapWasStored: boolean;
  readonly observer: FlushObserver;
  readonly disk: DiskWatch;
  readonly cleanup: Cleanup;
  readonly log: Logger;
  readonly fatal: (error: Error) => void;
}

export interface OpenedDisk {
  readonly log: SegmentedShardLog;
  readonly store: ViewableCheckpointStore;
  readonly groups: readonly RecoveredGroup[];
}

const MIB = 1_048_576;
const SHARD = 0;

/**
 * Opens a shard's log and checkpoints. When what is there is damaged, and every group that this node holds is held by others too,
 * it is set aside, never deleted, and the shard starts empty: its replicas are lost and made again from the others. Throws
 * CorruptionError when this node has the only copy, StartRefusal for a log that no map belongs to.
 */
export async function openDisk(options: OpenDiskOptions): Promise<OpenedDisk> {
  const { data, view, mapWasStored, cleanup, log } = options;
  let opened: OpenedDisk;
  try {
    opened = await openBoth(options);
  } catch (error) {
    if (!(error instanceof CorruptionError) || !mapWasStored || !othersHoldAll(view)) throw error;
    const place = await data.setAside(SHARD);
    log.error(
      { err: error, place },
      "the data of this node is damaged and was set aside: it is filled again from others",
    );
    opened = await openBoth(options);
  }
  cleanup.add(() => opened.store.close());
  cleanup.add(() => opened.log.close());
  if (!mapWasStored && opened.groups.some((group) => !isPristine(group)))
    throw new StartRefusal(
      `${data.path} holds replicas that have voted or stored messages, but no cluster map: restore the whole data folder, or start ` +
        "with --replace-data and --join, so that the node comes back as a new incarnation",
    );
  return opened;
}

/** A start that ended before the map was stored leaves replicas that have promised nothing to anybody. */
function isPristine({ state }: RecoveredGroup): boolean {
  return state.hard.term === 0 && state.hard.vote === 0 && state.lastIndex === 0;
}

async function openBoth({ config, data, fileSystem, observer, disk, fatal }: OpenDiskOptions): Promise<OpenedDisk> {
  const opened = await openShardLog({
    directory: data.logDirectory(SHARD),
    clusterId: config.clusterId,
    nodeId: config.nodeId,
    shard: SHARD,
    fileSystem,
    segmentBytes: config.segmentMib * MIB,
    observer,
    onFatal: fatal,
    onSpaceLow: (low) => {
      disk.noteSpaceLow(low);
    },
  });
  try {
    const store = await openCheckpointStore({ directory: data.storeDirectory(SHARD) });
    return { log: opened.log, store, groups: opened.groups };
  } catch (error) {
    await opened.log.close();
    throw error;
  }
}
