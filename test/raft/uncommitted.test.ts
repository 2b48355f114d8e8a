import { describe, expect, it } from "@jest/globals";
import { UncommittedBytes } from "../../src/raft/uncommitted.js";

describe("UncommittedBytes", () => {
  it("bounds what waits, but always lets one through and everything without payload", () => {
    const bytes = new UncommittedBytes(5, 100);
    expect(bytes.fits(1_000)).toBe(true);
    bytes.add(5, 60);
    expect(bytes.fits(40)).toBe(true);
    expect(bytes.fits(41)).toBe(false);
    expect(bytes.fits(0)).toBe(true);
    bytes.add(6, 0);
    bytes.add(7, 40);
    expect(bytes.bytes).toBe(100);
    bytes.committed(6);
    expect(bytes.bytes).toBe(40);
    bytes.committed(4);
    expect(bytes.bytes).toBe(40);
    bytes.committed(100);
    expect(bytes.bytes).toBe(0);
  });

  it("counts every entry of the term, once", () => {
    const bytes = new UncommittedBytes(5, 100);
    expect(() => bytes.add(6, 1)).toThrow("counted");
    bytes.add(5, 1);
    expect(() => bytes.add(5, 1)).toThrow("counted");
  });

  it("stays exact over tens of thousands", () => {
    const bytes = new UncommittedBytes(1, 1_000_000);
    for (let index = 1; index <= 20_000; index++) {
      bytes.add(index, 10);
      if (index % 3 === 0) bytes.committed(index - 5);
    }
    bytes.committed(19_990);
    // Entries 19,994 to 20,000 are left.
    expect(bytes.bytes).toBe(70);
  });
});
