import { describe, expect, it } from "@jest/globals";
import { LeaderAbsence } from "../../src/node/leader-absence.js";
import { nodeLimits } from "../../src/node/limits.js";

describe("LeaderAbsence", () => {
  it("lasts once a group was without a leader for some rounds, and ends when somebody leads", () => {
    const absence = new LeaderAbsence();
    for (let round = 0; round < nodeLimits.leaderlessRoundsMax; round++) expect(absence.lasts(1, false)).toBe(false);
    expect(absence.lasts(1, false)).toBe(true);
    expect(absence.lasts(1, false)).toBe(true);
    expect(absence.lasts(1, true)).toBe(false);
    expect(absence.lasts(1, false)).toBe(false);
  });

  it("counts for each group", () => {
    const absence = new LeaderAbsence();
    for (let round = 0; round <= nodeLimits.leaderlessRoundsMax; round++) absence.lasts(1, false);
    expect(absence.lasts(2, false)).toBe(false);
    expect(absence.lasts(1, false)).toBe(true);
  });
});
