import { describe, expect, test } from "@jest/globals";
import { AssertionError } from "../../src/base/index.js";
import {
  type ClusterMap,
  encodeCommand,
  encodeMap,
  type MapCommand,
  type MapOutcome,
} from "../../src/cluster/index.js";
import { commandEntry, foundingEntry, MetaLoader, MetaMachine } from "../../src/node/meta-machine.js";
import type { CheckpointCursor, CheckpointRow } from "../../src/partition/index.js";
import { foundingOf, incarnationAt } from "./maps.js";

interface Applied {
  readonly index: number;
  readonly outcome: MapOutcome;
  readonly map: ClusterMap | undefined;
}

const founding = foundingOf(3);
const bind = (seat: number): MapCommand => ({ op: "bind-node", seat, incarnation: incarnationAt(seat) });
const entryOf = (command: MapCommand): Uint8Array => commandEntry(encodeCommand(command));

class Watched {
  readonly seen: Applied[] = [];
  readonly machine = new MetaMachine(this, undefined, 0);

  applied(index: number, outcome: MapOutcome, map: ClusterMap | undefined): void {
    this.seen.push({ index, outcome, map });
  }
}

function rowsOf(cursor: CheckpointCursor): CheckpointRow[] {
  const rows: CheckpointRow[] = [];
  for (let slice = cursor.next(1); slice !== undefined; slice = cursor.next(1)) {
    rows.push(...slice.puts);
    expect(slice.deletes).toEqual([]);
  }
  return rows;
}

describe("the machine of the meta group", () => {
  test("is founded once: whoever led first has done it", () => {
    const { machine, seen } = new Watched();
    machine.apply(1, foundingEntry(founding));
    machine.apply(2, foundingEntry(foundingOf(5)));
    expect(machine.map).toEqual(founding);
    expect(seen.map(({ outcome }) => "changed" in outcome && outcome.changed)).toEqual([true, false]);
    expect(seen.map(({ map }) => map)).toEqual([founding, founding]);
  });

  test("refuses commands before, and applies them afterwards", () => {
    const { machine, seen } = new Watched();
    machine.apply(1, entryOf(bind(1)));
    machine.apply(2, foundingEntry(founding));
    machine.apply(3, entryOf(bind(2)));
    machine.apply(4, entryOf({ ...bind(2), incarnation: "ffffffffffffffff" } as MapCommand));
    expect(seen.map(({ index }) => index)).toEqual([1, 2, 3, 4]);
    expect(seen[0]).toEqual({ index: 1, outcome: { refused: "the cluster is not founded yet" }, map: undefined });
    expect(machine.map).toMatchObject({ version: 2, nodes: [{}, { incarnation: incarnationAt(2) }, {}] });
    expect(seen[3]?.outcome).toMatchObject({ refused: expect.stringContaining("another incarnation") });
    expect(seen[3]?.map).toBe(machine.map);
  });

  test("takes every index once, in order; entries without data count too", () => {
    const { machine, seen } = new Watched();
    machine.skip(1);
    machine.apply(2, foundingEntry(founding));
    expect(() => {
      machine.apply(2, entryOf(bind(1)));
    }).toThrow(AssertionError);
    expect(() => {
      machine.skip(4);
    }).toThrow(AssertionError);
    expect(machine.appliedIndex).toBe(2);
    expect(seen.map(({ index }) => index)).toEqual([2]);
  });

  test("an entry that nobody wrote stops it: it must not guess", () => {
    const { machine } = new Watched();
    expect(() => {
      machine.apply(1, Buffer.from([9, 1, 2]));
    }).toThrow();
  });

  test("comes back from its checkpoint as it was", () => {
    const { machine } = new Watched();
    machine.apply(1, foundingEntry(founding));
    machine.apply(2, entryOf(bind(1)));
    const cursor = machine.beginCheckpoint();
    expect(cursor.index).toBe(2);
    const rows = rowsOf(cursor);
    cursor.committed();
    const other = new Watched();
    const loader = new MetaLoader(other);
    loader.add(rows);
    const restored = loader.finish(2);
    expect(restored.stateHash()).toBe(machine.stateHash());
    restored.apply(3, entryOf(bind(3)), undefined);
    machine.apply(3, entryOf(bind(3)));
    expect(restored.stateHash()).toBe(machine.stateHash());
    expect(other.seen).toMatchObject([{ index: 3, map: { version: 3 } }]);
  });

  test("a checkpoint holds what changed since the last that was written", () => {
    const { machine } = new Watched();
    const written = (): number => {
      const cursor = machine.beginCheckpoint();
      const { length } = rowsOf(cursor);
      cursor.committed();
      return length;
    };
    machine.skip(1);
    expect(written()).toBe(0);
    machine.apply(2, foundingEntry(founding));
    expect(written()).toBe(1);
    machine.apply(3, foundingEntry(founding));
    expect(written()).toBe(0);
    machine.apply(4, entryOf(bind(1)));
    const given = machine.beginCheckpoint();
    given.abandoned();
    expect(written()).toBe(1);
  });

  test("a change while a checkpoint is written is in the next", () => {
    const { machine } = new Watched();
    machine.apply(1, foundingEntry(founding));
    const cursor = machine.beginCheckpoint();
    machine.apply(2, entryOf(bind(1)));
    expect(rowsOf(cursor)).toEqual([{ key: expect.anything(), value: encodeMap(founding) }]);
    cursor.committed();
    expect(rowsOf(machine.beginCheckpoint())[0]?.value).toEqual(encodeMap(machine.map as ClusterMap));
  });

  test("an empty one restores empty", () => {
    const restored = new MetaLoader(new Watched()).finish(5);
    expect(restored.appliedIndex).toBe(5);
    expect(restored.stateHash()).toBe(0);
    expect(restored.stateHash()).toBe(new Watched().machine.stateHash());
  });

  test("knows no time, counts no messages, and answers no gateway", () => {
    const { machine } = new Watched();
    expect([machine.timeMs, machine.nextDeadlineMs]).toEqual([0, Infinity]);
    expect(Object.values(machine.stats()).every((count) => count === 0)).toBe(true);
    expect(() => {
      machine.query();
    }).toThrow(AssertionError);
  });
});
