import { describe, expect, test } from "@jest/globals";
import type { Timer, Timers } from "../../src/base/index.js";
import { peerLimits } from "../../src/peer/limits.js";
import { Suspicion } from "../../src/peer/suspicion.js";

/** Time that passes when the test says so. */
class ManualTimers implements Timers {
  nowMs = 0;
  readonly #waiting = new Map<Timer, { readonly atMs: number; readonly callback: () => void }>();

  get liveCount(): number {
    return this.#waiting.size;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer: Timer = { cancel: () => this.#waiting.delete(timer) };
    this.#waiting.set(timer, { atMs: this.nowMs + delayMs, callback });
    return timer;
  }

  every(): Timer {
    throw new Error("nothing here is periodic");
  }

  soon(): void {
    throw new Error("nothing here is done soon");
  }

  /** Lets the time pass a millisecond at a time, and promises settle in between. */
  async pass(ms: number): Promise<void> {
    for (let i = 0; i < ms; i++) {
      this.nowMs++;
      for (const [timer, { atMs, callback }] of [...this.#waiting])
        if (atMs <= this.nowMs && this.#waiting.delete(timer)) callback();
      await Promise.resolve();
      await Promise.resolve();
    }
  }
}

interface Question {
  readonly atMs: number;
  readonly signal: AbortSignal;
  readonly answer: (gone: boolean) => void;
}

function suspected() {
  const timers = new ManualTimers();
  const questions: Question[] = [];
  const told: number[] = [];
  const suspicion = new Suspicion(
    timers,
    (signal) =>
      new Promise((resolve) => {
        questions.push({ atMs: timers.nowMs, signal, answer: resolve });
      }),
    () => told.push(timers.nowMs),
  );
  return { timers, questions, told, suspicion };
}

describe("the suspicion that a process is gone", () => {
  test("is confirmed by the first yes, at once and only once", async () => {
    const { timers, questions, told } = suspected();
    expect(questions).toHaveLength(1);
    questions[0]?.answer(true);
    await timers.pass(1);
    expect([told, timers.liveCount]).toEqual([[1], 0]);
    await timers.pass(2 * peerLimits.suspicionMs);
    expect([told.length, questions.length]).toEqual([1, 1]);
  });

  test("asks again after a pause, one question at a time", async () => {
    const { timers, questions, told } = suspected();
    await timers.pass(100);
    expect(questions).toHaveLength(1);
    questions[0]?.answer(false);
    await timers.pass(peerLimits.probePauseMs);
    expect(questions).toHaveLength(1);
    await timers.pass(1);
    expect(questions).toHaveLength(2);
    questions[1]?.answer(false);
    await timers.pass(peerLimits.probePauseMs + 1);
    questions[2]?.answer(true);
    await timers.pass(1);
    expect([questions.length, told.length]).toEqual([3, 1]);
  });

  test("is given up in the end, and the question that is open then is dropped", async () => {
    const { timers, questions, told } = suspected();
    while (timers.nowMs < peerLimits.suspicionMs - 50) {
      questions.at(-1)?.answer(false);
      await timers.pass(1);
    }
    const asked = questions.length;
    expect(asked).toBeGreaterThan(50);
    await timers.pass(100);
    expect([timers.liveCount, questions.at(-1)?.signal.aborted]).toEqual([0, true]);
    questions.at(-1)?.answer(true);
    await timers.pass(100);
    expect([questions.length - asked <= 1, told]).toEqual([true, []]);
  });

  test.each([
    ["while it asks", false],
    ["while it pauses", true],
  ])("is dropped %s when nobody wants to know any more", async (_, pauses) => {
    const { timers, questions, told, suspicion } = suspected();
    if (pauses) questions[0]?.answer(false);
    await timers.pass(1);
    suspicion.cancel();
    suspicion.cancel();
    expect([timers.liveCount, questions[0]?.signal.aborted]).toEqual([0, true]);
    questions[0]?.answer(true);
    await timers.pass(2 * peerLimits.suspicionMs);
    expect([questions.length, told]).toEqual([1, []]);
  });
});
