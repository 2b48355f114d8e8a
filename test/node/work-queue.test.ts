import { describe, expect, test } from "@jest/globals";
import { nodeLimits } from "../../src/node/limits.js";
import { TurnBudget } from "../../src/node/turn-budget.js";
import { WorkQueue } from "../../src/node/work-queue.js";

/** A clock that moves by hand, the budget of a turn that begins now, and a queue under it. */
function begun(): {
  readonly pass: (ms: number) => void;
  readonly budget: TurnBudget;
  readonly queue: WorkQueue<string>;
} {
  let nowMs = 5_000;
  const budget = new TurnBudget({ monotonicMs: () => nowMs });
  budget.begin();
  return { pass: (ms) => (nowMs += ms), budget, queue: new WorkQueue(budget) };
}

describe("the budget of a turn", () => {
  test("is spent after a few milliseconds, and whole again in the next turn", () => {
    const { pass, budget } = begun();
    pass(nodeLimits.turnMsMax - 1);
    expect(budget.isSpent).toBe(false);
    pass(1);
    expect(budget.isSpent).toBe(true);
    budget.begin();
    expect(budget.isSpent).toBe(false);
  });
});

describe("a queue of work", () => {
  test("serves everybody once, in the order of coming, those who come meanwhile the next time", () => {
    const { queue } = begun();
    for (const one of ["a", "b", "a", "c"]) queue.add(one);
    const served: string[] = [];
    const serve = (): void => {
      queue.serve((one) => {
        served.push(one);
        if (one === "a") queue.add("a");
      });
    };
    serve();
    expect(served).toEqual(["a", "b", "c"]);
    expect(queue.isEmpty).toBe(false);
    serve();
    expect(served).toEqual(["a", "b", "c", "a"]);
  });

  test("stops when the budget is spent, and goes on with those who have waited longest", () => {
    const { pass, budget, queue } = begun();
    for (const one of ["a", "b", "c"]) queue.add(one);
    const served: string[] = [];
    for (let turn = 0; turn < 4; turn++) {
      budget.begin();
      queue.serve((one) => {
        served.push(one);
        if (one === "b") pass(100);
        if (one !== "c") queue.add(one);
      });
      served.push("|");
    }
    expect(served.join("")).toBe("ab|cab|ab|ab|");
  });

  test("serves one even when nothing is left of the turn", () => {
    const { pass, queue } = begun();
    pass(100);
    for (const one of ["a", "b"]) queue.add(one);
    const served: string[] = [];
    queue.serve((one) => served.push(one));
    expect(served).toEqual(["a"]);
  });
});
