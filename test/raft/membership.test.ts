import { describe, expect, it } from "@jest/globals";
import { type Configuration } from "../../src/raft/index.js";
import { isValidMembership, isVoterOf, Membership } from "../../src/raft/membership.js";
import { voters } from "./harness.js";

const joint: Configuration = { voters: [1, 2, 4], outgoing: [1, 2, 3], learners: [3, 5] };
const left: Configuration = { voters: [1, 2, 4], outgoing: [], learners: [3, 5] };

const membership = (): Membership => {
  const base = { index: 0, configuration: voters(1, 2, 3) };
  return new Membership(base, [
    { index: 10, configuration: joint },
    { index: 15, configuration: left },
  ]);
};

describe("Membership", () => {
  it("is ruled by the last configuration in the log", () => {
    const m = membership();
    expect(m.current).toBe(left);
    expect(m.currentIndex).toBe(15);
    expect(m.members).toEqual([1, 2, 4, 3, 5]);
    expect(m.joint).toBe(false);
  });

  it("goes back with a truncation", () => {
    const m = membership();
    m.truncate(16);
    expect(m.currentIndex).toBe(15);
    m.truncate(15);
    expect(m.current).toBe(joint);
    expect(m.joint).toBe(true);
    m.truncate(5);
    expect(m.current).toEqual(voters(1, 2, 3));
    expect(m.members).toEqual([1, 2, 3]);
  });

  it("tells voters of either half from learners", () => {
    const m = membership();
    m.truncate(15);
    expect([1, 2, 3, 4, 5, 6].map((id) => m.isVoter(id))).toEqual([true, true, true, true, false, false]);
    // 3 is on its way to be a learner, but its vote counts until the joint configuration ends.
    expect([1, 2, 3, 4, 5, 6].map((id) => m.isLearner(id))).toEqual([false, false, false, false, true, false]);
    expect(isVoterOf(joint, 3)).toBe(true);
  });

  it("answers as of an index, for checkpoints (R6)", () => {
    const m = membership();
    expect([1, 9, 10, 14, 15, 99].map((i) => m.at(i).index)).toEqual([0, 0, 10, 10, 15, 15]);
    m.compact(12);
    expect([12, 14, 15].map((i) => m.at(i).index)).toEqual([10, 10, 15]);
    m.compact(15);
    expect(m.at(15)).toEqual({ index: 15, configuration: left });
  });

  it("starts over from a snapshot", () => {
    const m = membership();
    m.reset({ index: 40, configuration: voters(7) });
    expect([m.currentIndex, m.members, m.at(50).index]).toEqual([40, [7], 40]);
  });

  it("refuses what does not ascend and what is no configuration", () => {
    const m = membership();
    expect(() => m.append(15, left)).toThrow("ascend");
    const broken: Configuration[] = [
      voters(),
      voters(1, 1),
      voters(1, 2, 3, 4, 5, 6, 7, 8),
      voters(0),
      voters(1.5),
      { voters: [1], outgoing: [], learners: [1] },
      { voters: [1], outgoing: [2, 2], learners: [] },
      { voters: [1], outgoing: [-1], learners: [] },
      { voters: [1], outgoing: [1, 2, 3, 4, 5, 6, 7, 8], learners: [] },
      { voters: [1], outgoing: [], learners: Array.from({ length: 17 }, (_, i) => i + 2) },
    ];
    for (const configuration of broken) expect(() => m.append(20, configuration)).toThrow();
    expect(isValidMembership([1, 2, 3, 4, 5, 6, 7], [8])).toBe(true);
  });
});
