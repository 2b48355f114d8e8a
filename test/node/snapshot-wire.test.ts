import { describe, expect, test } from "@jest/globals";
import { DecodeError } from "../../src/base/index.js";
import {
  DelegateState,
  identityOf,
  readDelegateOrder,
  readDelegateReport,
  readOffer,
  type SnapshotOffer,
  writeDelegateOrder,
  writeDelegateReport,
  writeOffer,
} from "../../src/node/snapshot-wire.js";
import type { SnapshotPart } from "../../src/peer/index.js";
import { snapshotAt } from "./snapshot-net.js";

const GROUP = 3;
const partWith = (detail: Uint8Array): SnapshotPart => {
  return { group: GROUP, transfer: 1, kind: "offer", number: 0, rows: Buffer.alloc(0), detail };
};
const announcement = { type: "snapshot-request", from: 1, to: 3, term: 5, snapshot: snapshotAt(100) } as const;
const offer: SnapshotOffer = { rowCount: 2 ** 40, hash: { low: 0xffffffff, high: 7 }, partBytes: 1_000, announcement };

describe("what is said of snapshots", () => {
  test("is read as it was written", () => {
    expect(readOffer(partWith(writeOffer(GROUP, offer)))).toEqual(offer);
    const order = { to: 2 ** 50, node: "n-3", minimumIndex: 77, leader: 1, term: 9 };
    expect(readDelegateOrder(partWith(writeDelegateOrder(order)))).toEqual(order);
    for (const state of Object.values(DelegateState)) {
      const report = { state, index: 2 ** 40 };
      expect(readDelegateReport(partWith(writeDelegateReport(report)))).toEqual(report);
    }
  });

  test("is refused when it is cut short, longer, or of another group", () => {
    const whole = [
      [writeOffer(GROUP, offer), readOffer],
      [writeDelegateOrder({ to: 1, node: "n", minimumIndex: 1, leader: 1, term: 1 }), readDelegateOrder],
      [writeDelegateReport({ state: 1, index: 2 }), readDelegateReport],
    ] as const;
    for (const [bytes, read] of whole) {
      for (let length = 0; length < bytes.length; length++)
        expect(() => read(partWith(bytes.subarray(0, length)))).toThrow(DecodeError);
      expect(() => read(partWith(Buffer.concat([bytes, Buffer.from([0])])))).toThrow(DecodeError);
    }
    expect(() => readOffer(partWith(writeOffer(GROUP + 1, offer)))).toThrow(DecodeError);
    expect(() => readDelegateReport(partWith(Buffer.alloc(9, 9)))).toThrow(DecodeError);
  });

  test("names a transfer by its rows and how they are cut, not by who sends it", () => {
    const elsewhere = { ...offer, announcement: { ...announcement, from: 2, term: 8 } };
    expect(identityOf(elsewhere)).toBe(identityOf(offer));
    const others = [
      { ...offer, rowCount: 1 },
      { ...offer, hash: { low: 1, high: 7 } },
      { ...offer, hash: { low: 0xffffffff, high: 8 } },
      { ...offer, partBytes: 999 },
      { ...offer, announcement: { ...announcement, snapshot: snapshotAt(101) } },
    ];
    expect(new Set([offer, ...others].map(identityOf)).size).toBe(6);
  });
});
