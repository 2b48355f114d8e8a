import { beforeEach, describe, expect, test } from "@jest/globals";
import type { Checkpointer } from "../../src/node/checkpointer.js";
import { nodeLimits } from "../../src/node/limits.js";
import type { Replica } from "../../src/node/replica.js";
import { SettlingSnapshots } from "../../src/node/settling-snapshots.js";

describe("the log behind a snapshot that was sent", () => {
  let nowMs: number;
  let pinned: number[];
  let peers: { id: number; match: number }[];
  let settling: SettlingSnapshots;
  const replica = { group: 3, core: { status: () => ({ peers }) } } as unknown as Replica;

  beforeEach(() => {
    nowMs = 1_000;
    pinned = [];
    peers = [{ id: 2, match: 40 }];
    const checkpointer = {
      pin: (_: number, index: number) => {
        pinned.push(index);
        return () => pinned.splice(pinned.indexOf(index), 1);
      },
    } as unknown as Checkpointer;
    settling = new SettlingSnapshots({ monotonicMs: () => nowMs, wallMs: () => 0 }, checkpointer);
    settling.sent(replica, 2, 100);
    settling.sweep();
    expect(pinned).toEqual([100]);
  });

  test("is kept until its receiver goes on from there", () => {
    peers = [{ id: 2, match: 100 }];
    settling.sweep();
    expect(pinned).toEqual([]);
  });

  test("is kept for a time only", () => {
    nowMs += nodeLimits.snapshotInstallMs - 1;
    settling.sweep();
    expect(pinned).toEqual([100]);
    nowMs++;
    settling.sweep();
    expect(pinned).toEqual([]);
  });

  test("is not kept for a replica that is no peer any more, nor by one that leads no more", () => {
    settling.sent(replica, 9, 70);
    settling.sweep();
    expect(pinned).toEqual([100]);
    settling.drop(replica);
    expect(pinned).toEqual([]);
  });

  test("is kept for the newest of them alone", () => {
    settling.sent(replica, 2, 150);
    expect(pinned).toEqual([150]);
  });
});
