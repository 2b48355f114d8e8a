import type { RestoredState } from "../../../src/raft/index.js";
import type {
  FileHandle,
  FileSystem,
  LogOrder,
  SegmentedShardLog,
  ViewableCheckpointStore,
} from "../../../src/storage/index.js";
import { rowKind } from "../../../src/partition/row-keys.js";
import type { Mutant } from "./mutant.js";

/** A file system whose handles are changed by `change`. */
function withHandles(disk: FileSystem, change: (handle: FileHandle) => FileHandle): FileSystem {
  return {
    open: async (path, mode) => change(await disk.open(path, mode)),
    list: (directory) => disk.list(directory),
    makeDirectory: (path) => disk.makeDirectory(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    exists: (path) => disk.exists(path),
    syncDirectory: (directory) => disk.syncDirectory(directory),
    space: (path) => disk.space(path),
  };
}

const handleWith = (handle: FileHandle, changes: Partial<FileHandle>): FileHandle => ({
  writev: (buffers, position) => handle.writev(buffers, position),
  read: (length, position) => handle.read(length, position),
  datasync: () => handle.datasync(),
  sync: () => handle.sync(),
  size: () => handle.size(),
  close: () => handle.close(),
  ...changes,
});

/** Changes every order before the log sees it. */
function orders(name: string, mix: Mutant["mix"], change: (order: LogOrder) => LogOrder): Mutant {
  return {
    ...{ name, mix },
    plant: (sim) => {
      sim.hooks.log = (log: SegmentedShardLog) => {
        const submit = log.submit.bind(log);
        log.submit = (order, onDurable) => {
          submit(change(order), onDurable);
        };
        return log;
      };
    },
  };
}

/** Changes what recovery found of every replica. */
function recoveries(name: string, mix: Mutant["mix"], change: (state: RestoredState) => RestoredState): Mutant {
  return {
    ...{ name, mix },
    plant: (sim) => {
      sim.hooks.recovered = (group) => ({ ...group, state: change(group.state) });
    },
  };
}

/** Changes every checkpoint store. */
function stores(name: string, mix: Mutant["mix"], change: (store: ViewableCheckpointStore) => void): Mutant {
  return {
    ...{ name, mix },
    plant: (sim) => {
      sim.hooks.store = (store) => {
        change(store);
        return store;
      };
    },
  };
}

export const mutantsOfStorage: readonly Mutant[] = [
  {
    name: "fdatasync returns without having written",
    mix: "power",
    plant: (sim) => {
      sim.hooks.fileSystem = (disk) =>
        withHandles(disk, (handle) => handleWith(handle, { datasync: () => Promise.resolve() }));
    },
  },
  {
    name: "an order is reported durable before its flush",
    mix: "power",
    plant: (sim) => {
      sim.hooks.log = (log, process) => {
        const submit = log.submit.bind(log);
        log.submit = (order, onDurable) => {
          submit(order, () => undefined);
          process.soon(onDurable);
        };
        return log;
      };
    },
  },
  {
    name: "directories are never synced",
    mix: "power",
    plant: (sim) => {
      sim.hooks.fileSystem = (disk) => ({
        ...withHandles(disk, (handle) => handle),
        syncDirectory: () => Promise.resolve(),
      });
    },
  },
  orders("votes are not written", "crashes", (order) => ({
    ...order,
    hard: order.hard === undefined ? undefined : { ...order.hard, vote: 0 },
  })),
  orders("terms and votes are not written", "crashes", (order) => ({
    ...order,
    hard: order.hard === undefined ? undefined : { term: 1, vote: 0, commit: order.hard.commit },
  })),
  orders("the last entry of an order is not written", "crashes", (order) =>
    order.entries.length > 1 ? { ...order, entries: order.entries.slice(0, -1) } : order,
  ),
  orders("truncation is not written", "splits", (order) => ({ ...order, truncateFrom: undefined })),
  orders("commit is written ahead of the log", "crashes", (order) => ({
    ...order,
    hard: order.hard === undefined ? undefined : { ...order.hard, commit: order.hard.commit + 5 },
  })),
  recoveries("recovery forgets the last entry", "crashes", (state) => {
    const run = state.termRuns.at(-1);
    if (run === undefined || state.lastIndex <= state.hard.commit) return state;
    const lastIndex = state.lastIndex - 1;
    return { ...state, lastIndex, termRuns: state.termRuns.filter(({ from }) => from <= lastIndex) };
  }),
  recoveries("recovery forgets the vote", "crashes", (state) => ({ ...state, hard: { ...state.hard, vote: 0 } })),
  recoveries("recovery takes an old term for the last one's", "crashes", (state) => ({
    ...state,
    termRuns: state.termRuns.map((run, i) =>
      i > 0 && i === state.termRuns.length - 1 ? { ...run, term: Math.max(1, run.term - 1) } : run,
    ),
  })),
  {
    name: "the log reads back the entry before the one asked for",
    mix: "snapshots",
    plant: (sim) => {
      sim.hooks.log = (log) => {
        const read = log.read.bind(log);
        log.read = (group, low, high, bytesMax) =>
          read(group, Math.max(log.firstIndex(group), low - 1), high, bytesMax);
        return log;
      };
    },
  },
  {
    name: "the log is given up to the checkpoint that is not durable yet",
    mix: "snapshots",
    plant: (sim) => {
      sim.hooks.store = (store) => {
        // The write is begun and forgotten: it may never end.
        const write = store.write.bind(store);
        store.write = (group, batch) => {
          write(group, batch).catch(() => undefined);
          return Promise.resolve();
        };
        return store;
      };
    },
  },
  stores("a checkpoint keeps the rows that were deleted", "crashes", (store) => {
    const write = store.write.bind(store);
    store.write = (group, batch) => write(group, { ...batch, deletes: [] });
  }),
  stores("a checkpoint leaves out the claims", "crashes", (store) => {
    const write = store.write.bind(store);
    store.write = (group, batch) =>
      write(group, { ...batch, puts: batch.puts.filter(({ key }) => key[0] !== rowKind.claim) });
  }),
  stores("a checkpoint leaves out the memory of answered commands", "crashes", (store) => {
    const write = store.write.bind(store);
    store.write = (group, batch) =>
      write(group, { ...batch, puts: batch.puts.filter(({ key }) => key[0] !== rowKind.session) });
  }),
  stores("a checkpoint names the index after its own", "crashes", (store) => {
    const write = store.write.bind(store);
    store.write = (group, batch) =>
      write(group, { ...batch, snapshot: { ...batch.snapshot, index: batch.snapshot.index + 1 } });
  }),
  stores("an installed snapshot is mixed with what was there", "snapshots", (store) => {
    const stage = store.stage.bind(store);
    store.stage = async (group) => {
      const staged = await stage(group);
      const old = [];
      for await (const rows of store.rows(group)) old.push(...rows);
      await staged.add(old.filter(({ key }) => key[0] !== rowKind.root));
      return staged;
    };
  }),
];
