import { expect } from "@jest/globals";
import { crc32c } from "../../../src/base/index.js";
import type { Entry, HardState, Index, SnapshotMeta } from "../../../src/raft/types.js";
import type { GroupId, RecoveredGroup, SegmentedShardLog } from "../../../src/storage/index.js";

/** What one group should look like: the naive twin of the log. */
export interface ModelGroup {
  readonly incarnation: string;
  readonly hard: HardState;
  readonly snapshot: SnapshotMeta;
  readonly keepFrom: Index;
  /** Ascending, without gaps, ending at `last`. */
  readonly entries: readonly Entry[];
  readonly last: Index;
}

export type ModelState = ReadonlyMap<GroupId, ModelGroup>;

export type Operation =
  | { readonly type: "create"; readonly group: GroupId; readonly incarnation: string; readonly start: SnapshotMeta }
  | { readonly type: "remove"; readonly group: GroupId }
  | {
      readonly type: "order";
      readonly group: GroupId;
      readonly hard: HardState | undefined;
      readonly truncateFrom: Index | undefined;
      readonly entries: readonly Entry[];
      readonly mustSync: boolean;
    }
  | { readonly type: "checkpoint"; readonly group: GroupId; readonly snapshot: SnapshotMeta; readonly keepFrom: Index }
  | { readonly type: "install"; readonly group: GroupId; readonly snapshot: SnapshotMeta; readonly hard: HardState };

export function applyOperation(state: ModelState, operation: Operation): ModelState {
  const next = new Map(state);
  if (operation.type === "create") {
    const { incarnation, start } = operation;
    const hard = { term: start.term, vote: 0, commit: start.index };
    next.set(operation.group, {
      incarnation,
      hard,
      snapshot: start,
      keepFrom: start.index + 1,
      entries: [],
      last: start.index,
    });
    return next;
  }
  const group = state.get(operation.group);
  if (group === undefined) throw new Error(`no group ${String(operation.group)}`);
  switch (operation.type) {
    case "remove":
      next.delete(operation.group);
      break;
    case "order": {
      const from = operation.truncateFrom ?? group.last + 1;
      const entries = [...group.entries.filter((entry) => entry.index < from), ...operation.entries];
      const last = operation.entries.at(-1)?.index ?? from - 1;
      next.set(operation.group, { ...group, hard: operation.hard ?? group.hard, entries, last });
      break;
    }
    case "checkpoint": {
      const keepFrom = Math.max(group.keepFrom, operation.keepFrom);
      const entries = group.entries.filter((entry) => entry.index >= keepFrom);
      next.set(operation.group, { ...group, snapshot: operation.snapshot, keepFrom, entries });
      break;
    }
    case "install": {
      const { snapshot, hard } = operation;
      const keepFrom = snapshot.index + 1;
      next.set(operation.group, { ...group, hard, snapshot, keepFrom, entries: [], last: snapshot.index });
      break;
    }
  }
  return next;
}

/** Submits an operation; `done` when it is durable. Checkpoints are never acknowledged. */
export function submitOperation(
  log: SegmentedShardLog,
  operation: Operation,
  done: () => void,
  failed: () => void,
): void {
  switch (operation.type) {
    case "create":
      log.createGroup(operation.group, operation.incarnation, operation.start).then(done, failed);
      return;
    case "remove":
      log.removeGroup(operation.group).then(done, failed);
      return;
    case "order":
      log.submit(operation, done);
      return;
    case "checkpoint":
      log.checkpointed(operation.group, operation.snapshot, operation.keepFrom);
      return;
    case "install":
      log.installSnapshot(operation.group, operation.snapshot, operation.hard).then(done, failed);
      return;
  }
}

/** Everything that recovery reports and that can be read back, in the model's shape. */
export async function observe(log: SegmentedShardLog, groups: readonly RecoveredGroup[]): Promise<ModelState> {
  const state = new Map<GroupId, ModelGroup>();
  for (const { group, incarnation, state: restored } of groups) {
    const keepFrom = log.firstIndex(group);
    const entries = await readAll(log, group, keepFrom, restored.lastIndex);
    checkRestored(entries, restored);
    const { hard, snapshot, lastIndex } = restored;
    state.set(group, { incarnation, hard, snapshot, keepFrom, entries, last: lastIndex });
  }
  return state;
}

async function readAll(log: SegmentedShardLog, group: GroupId, first: Index, last: Index): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let low = first; low <= last;) {
    const part = await log.read(group, low, last + 1, 2000);
    expect(part.length).toBeGreaterThan(0);
    entries.push(...part);
    low += part.length;
  }
  return entries;
}

/** The term runs and configurations must say the same as the entries. */
function checkRestored(entries: readonly Entry[], restored: RecoveredGroup["state"]): void {
  const after = entries.filter((entry) => entry.index > restored.snapshot.index);
  const termAt = (index: Index): number | undefined => restored.termRuns.findLast((run) => run.from <= index)?.term;
  expect(after.map((entry) => termAt(entry.index))).toEqual(after.map((entry) => entry.term));
  const configurations = after.filter((entry) => entry.kind === 2).map((entry) => entry.index);
  expect(restored.configurations.map((found) => found.index)).toEqual(configurations);
}

/** A short comparable text of everything in the state. */
export function render(state: ModelState): string {
  const groups = [...state].sort(([a], [b]) => a - b);
  return groups.map(([number, group]) => `group ${String(number)} ${renderGroup(group)}`).join("\n");
}

function renderGroup({ incarnation, hard, snapshot, keepFrom, entries, last }: ModelGroup): string {
  const { voters, outgoing, learners } = snapshot.configuration;
  const base = [snapshot.index, snapshot.term, snapshot.configurationIndex, voters, outgoing, learners];
  const rendered = entries.map(
    ({ index, term, kind, data }) =>
      `${String(index)}/${String(term)}/${String(kind)}/${String(data.length)}/${crc32c(data).toString(16)}`,
  );
  const state = JSON.stringify([hard.term, hard.vote, hard.commit, base, keepFrom, last]);
  return `${incarnation} ${state} ${rendered.join(" ")}`;
}
