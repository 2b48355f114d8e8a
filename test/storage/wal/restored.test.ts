import { describe, expect, test } from "@jest/globals";
import type { RestoredState } from "../../../src/raft/ready.js";
import { restoredAfter } from "../../../src/storage/index.js";
import { snapshotAt, START } from "./log-fixture.js";

const state: RestoredState = {
  hard: { term: 3, vote: 2, commit: 6 },
  snapshot: snapshotAt(2, 1),
  termRuns: [
    { from: 3, term: 1 },
    { from: 5, term: 2 },
    { from: 8, term: 3 },
  ],
  lastIndex: 10,
  configurations: [
    { index: 4, configuration: START.configuration },
    { index: 9, configuration: START.configuration },
  ],
};

describe("a checkpoint store that is ahead of the log", () => {
  test("by a checkpoint moves the start forward", () => {
    const snapshot = snapshotAt(7, 2);
    expect(restoredAfter(state, snapshot)).toEqual({
      hard: { term: 3, vote: 2, commit: 7 },
      snapshot,
      termRuns: [{ from: 8, term: 3 }],
      lastIndex: 10,
      configurations: [{ index: 9, configuration: START.configuration }],
    });
    expect(restoredAfter(state, snapshotAt(5, 2)).termRuns).toEqual([
      { from: 6, term: 2 },
      { from: 8, term: 3 },
    ]);
  });

  test("by an installed snapshot leaves nothing of the log, and no vote in a term never seen", () => {
    const snapshot = snapshotAt(50, 9);
    expect(restoredAfter(state, snapshot)).toEqual({
      hard: { term: 9, vote: 0, commit: 50 },
      snapshot,
      termRuns: [],
      lastIndex: 50,
      configurations: [],
    });
  });

  test("by nothing changes nothing", () => {
    expect(restoredAfter(state, snapshotAt(2, 1))).toBe(state);
    expect(restoredAfter(state, snapshotAt(1, 1))).toBe(state);
  });
});
