import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { DecodeError } from "../../src/base/index.js";
import { decodeMap, encodeMap, mapDigest } from "../../src/cluster/index.js";
import { history, replay } from "./histories.js";
import { applied, found, grown, placed, wanted } from "./maps.js";

const busy = applied(placed(placed(grown(found(3), 4, 6), 0, 4, 2), 0, 5, 6), wanted(1, "draining", 4));

/** Decodes, or says that it cannot: nothing else may happen. */
function decoded(bytes: Uint8Array): ReturnType<typeof decodeMap> | undefined {
  try {
    return decodeMap(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return undefined;
  }
}

describe("the codec of maps", () => {
  it("gives back what it was given", () => {
    fc.assert(
      fc.property(history, (all) => {
        const map = replay(all);
        expect(decodeMap(encodeMap(map))).toEqual(map);
      }),
    );
  });

  it("refuses bytes that are cut short or go on", () => {
    const bytes = encodeMap(busy);
    for (let length = 0; length < bytes.length; length++) expect(decoded(bytes.subarray(0, length))).toBeUndefined();
    expect(() => decodeMap(Buffer.concat([bytes, Buffer.from([0])]))).toThrow("left over");
  });

  it("takes of changed bytes only what it would write itself", () => {
    const places = fc.nat({ max: encodeMap(busy).length - 1 });
    fc.assert(
      fc.property(fc.array(fc.tuple(places, fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 }), (changes) => {
        const bytes = Buffer.from(encodeMap(busy));
        for (const [at, value] of changes) bytes[at] = value;
        const map = decoded(bytes);
        if (map !== undefined) expect(Buffer.from(encodeMap(map)).equals(bytes)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  it("survives any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => decoded(bytes) === undefined));
  });

  it("refuses the formats of others", () => {
    const bytes = encodeMap(busy);
    bytes[0] = 2;
    expect(() => decodeMap(bytes)).toThrow("cluster map of format 2, not 1");
  });

  it("writes the bytes that are on disks already", () => {
    const map = placed(found(2, 1, 1), 0, 2);
    expect(Buffer.from(encodeMap(map)).toString("hex")).toBe(
      [
        ...["01", "0200000000000000", "01000000", "02000000", "01", "01", "02000000"],
        ...["0200", "6e31", "0a00", Buffer.from("host1:7000").toString("hex"), "0000", "00", "00000000"],
        ...["0200", "6e32", "0a00", Buffer.from("host2:7000").toString("hex"), "0000", "00", "00000000"],
        ...["00000000", "01", "0100000000000000", "00", "00"],
        ...["01000000", "01", "0100000000000000", "01", "0200100000000000", "00"],
      ].join(""),
    );
  });

  it("is quick enough for the largest clusters", () => {
    const map = found(12, 4_096);
    const bytes = encodeMap(map);
    expect(bytes.length).toBeLessThan(160_000);
    expect(decodeMap(bytes)).toEqual(map);
  });
});

describe("the digest of a map", () => {
  it("is the same for equal maps, and another for others", () => {
    expect(mapDigest(decodeMap(encodeMap(busy)))).toBe(mapDigest(busy));
    expect(mapDigest(applied(busy, wanted(1, "draining", 5)))).not.toBe(mapDigest(busy));
  });
});
