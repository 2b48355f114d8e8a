import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { majorityIndex, quorumIndex, voteResult } from "../../src/raft/quorum.js";
import { voters } from "./harness.js";

const indexes = (...values: number[]) => ({
  ids: values.map((_, i) => i + 1),
  indexOf: (id: number): number => values[id - 1] ?? 0,
});

describe("majorityIndex", () => {
  it.each([
    [[4], 4],
    [[4, 9], 4],
    [[4, 9, 7], 7],
    [[1, 9, 7, 3], 3],
    [[5, 1, 4, 2, 3], 3],
    [[0, 0, 8], 0],
  ])("of %j is %i", (values, expected) => {
    const { ids, indexOf } = indexes(...values);
    expect(majorityIndex(ids, indexOf)).toBe(expected);
  });

  it("is unbounded without voters", () => {
    expect(majorityIndex([], () => 0)).toBe(Infinity);
  });

  it("is the largest index that more than half have reached", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 7 }), (values) => {
        const { ids, indexOf } = indexes(...values);
        const result = majorityIndex(ids, indexOf);
        const reached = (index: number): boolean => values.filter((v) => v >= index).length * 2 > values.length;
        expect(reached(result)).toBe(true);
        expect(reached(result + 1)).toBe(false);
      }),
    );
  });
});

describe("quorumIndex", () => {
  it("needs both halves of a joint configuration", () => {
    const { indexOf } = indexes(9, 9, 9, 2, 3);
    expect(quorumIndex({ voters: [1, 2, 3], outgoing: [3, 4, 5], learners: [] }, indexOf)).toBe(3);
    expect(quorumIndex(voters(1, 2, 3), indexOf)).toBe(9);
  });
});

describe("voteResult", () => {
  const votes = (granted: number[], refused: number[] = []): Map<number, boolean> =>
    new Map([...granted.map((id) => [id, true] as const), ...refused.map((id) => [id, false] as const)]);

  it("is won by a majority, lost when none is possible any more, else pending", () => {
    expect(voteResult(voters(1, 2, 3), votes([1]))).toBe("pending");
    expect(voteResult(voters(1, 2, 3), votes([1, 2]))).toBe("won");
    expect(voteResult(voters(1, 2, 3), votes([1], [2]))).toBe("pending");
    expect(voteResult(voters(1, 2, 3), votes([1], [2, 3]))).toBe("lost");
    expect(voteResult(voters(1, 2, 3, 4), votes([1, 2], [3]))).toBe("pending");
    expect(voteResult(voters(1, 2, 3, 4), votes([1, 2], [3, 4]))).toBe("lost");
    expect(voteResult(voters(1, 2, 3, 4), votes([1, 2, 3], [4]))).toBe("won");
  });

  it("does not count ids outside the configuration", () => {
    expect(voteResult(voters(1, 2, 3), votes([1, 8, 9]))).toBe("pending");
  });

  it("needs both halves of a joint configuration", () => {
    const joint = { voters: [1, 2, 3], outgoing: [3, 4, 5], learners: [6] };
    expect(voteResult(joint, votes([1, 2, 3]))).toBe("pending");
    expect(voteResult(joint, votes([1, 2, 3, 4]))).toBe("won");
    expect(voteResult(joint, votes([1, 2, 3], [4, 5]))).toBe("lost");
    expect(voteResult(joint, votes([3, 4, 5], [1, 2]))).toBe("lost");
  });

  it("agrees with counting by definition", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(true, false, undefined), { minLength: 1, maxLength: 7 }), (ballots) => {
        const ids = ballots.map((_, i) => i + 1);
        const map = new Map<number, boolean>();
        for (const [i, ballot] of ballots.entries()) if (ballot !== undefined) map.set(i + 1, ballot);
        const yes = ballots.filter((b) => b === true).length;
        const no = ballots.filter((b) => b === false).length;
        const expected = yes * 2 > ids.length ? "won" : (ids.length - no) * 2 > ids.length ? "pending" : "lost";
        expect(voteResult(voters(...ids), map)).toBe(expected);
      }),
    );
  });
});
