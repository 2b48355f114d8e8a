import { describe, expect, test } from "@jest/globals";
import { LedTotals } from "../../src/node/led-totals.js";
import type { Replica } from "../../src/node/replica.js";

/** A replica as far as totals see one. */
class Counted {
  serving = false;
  posted = 0;
  get machine() {
    const { posted } = this;
    return { stats: () => ({ posted, claimedTotal: 0, deleted: 0, expired: 0, duplicatesAnswered: 0 }) };
  }
}

function counted(): { state: Counted; replica: Replica } {
  const state = new Counted();
  return { state, replica: state as unknown as Replica };
}

describe("totals of what was led", () => {
  test("count what happens during reigns, and nothing that was applied as a follower", () => {
    const totals = new LedTotals();
    const { state, replica } = counted();
    state.posted = 100;
    totals.note(replica);
    state.serving = true;
    totals.note(replica);
    totals.note(replica);
    state.posted = 107;
    expect(totals.total("posted")).toBe(7);
    state.serving = false;
    totals.note(replica);
    state.posted = 150;
    expect(totals.total("posted")).toBe(7);
    state.serving = true;
    totals.note(replica);
    state.posted = 151;
    expect(totals.total("posted")).toBe(8);
  });

  test("never go back when a snapshot takes the place of a machine, which starts to count afresh", () => {
    const totals = new LedTotals();
    const { state, replica } = counted();
    state.serving = true;
    totals.note(replica);
    state.posted = 40;
    // A leader installs nothing: its reign is over, and noted, before.
    state.serving = false;
    totals.note(replica);
    state.posted = 0;
    expect(totals.total("posted")).toBe(40);
    state.serving = true;
    totals.note(replica);
    state.posted = 2;
    expect(totals.total("posted")).toBe(42);
  });

  test("add up over partitions", () => {
    const totals = new LedTotals();
    for (const posted of [3, 4]) {
      const { state, replica } = counted();
      state.serving = true;
      totals.note(replica);
      state.posted = posted;
    }
    expect(totals.total("posted")).toBe(7);
    expect(totals.total("expired")).toBe(0);
  });
});
