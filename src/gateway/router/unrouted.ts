import { failures } from "./failures.js";

interface Call {
  readonly deadlineMs: number;
  readonly act: () => void;
  readonly reject: (error: Error) => void;
}

/** Calls that arrived before any node was met: without the number of partitions, none can be chosen. */
export class Unrouted {
  readonly #callsMax: number;
  #calls: Call[] = [];

  constructor(callsMax: number) {
    this.#callsMax = callsMax;
  }

  get count(): number {
    return this.#calls.length;
  }

  /** Calls `act` once a node was met. Rejects past the deadline or when too many wait already. */
  wait<Result>(deadlineMs: number, act: () => Promise<Result>): Promise<Result> {
    if (this.#calls.length >= this.#callsMax) return Promise.reject(failures.overloaded());
    return new Promise<Result>((resolve, reject) => {
      this.#calls.push({
        deadlineMs,
        act: () => {
          resolve(act());
        },
        reject,
      });
    });
  }

  /** Lets all go on, in the order of arrival. */
  release(): void {
    const calls = this.#calls;
    this.#calls = [];
    for (const call of calls) call.act();
  }

  /** Rejects those past their deadline; returns how many. */
  expire(nowMs: number): number {
    return this.#rejectIf((call) => call.deadlineMs <= nowMs, failures.noLeader);
  }

  /** Rejects all; nothing was done for them. */
  stop(): void {
    this.#rejectIf(() => true, failures.shuttingDown);
  }

  #rejectIf(condition: (call: Call) => boolean, error: () => Error): number {
    const rejected = this.#calls.filter(condition);
    if (rejected.length === 0) return 0;
    this.#calls = this.#calls.filter((call) => !condition(call));
    for (const call of rejected) call.reject(error());
    return rejected.length;
  }
}
