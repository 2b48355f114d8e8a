import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { decodeConfiguration, encodeConfiguration } from "../../src/raft/index.js";

describe("the configuration codec", () => {
  it("gives back what it was given", () => {
    const ids = fc.array(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { maxLength: 16 });
    const generation = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(fc.record({ voters: ids, outgoing: ids, learners: ids, generation }), (configuration) => {
        expect(decodeConfiguration(encodeConfiguration(configuration))).toEqual(configuration);
      }),
    );
  });

  it("refuses bytes that are cut short or go on", () => {
    const bytes = encodeConfiguration({ voters: [1, 2], outgoing: [], learners: [9] });
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeConfiguration(bytes.subarray(0, length))).toThrow();
    expect(() => decodeConfiguration(new Uint8Array([...bytes, 0]))).toThrow();
  });
});
