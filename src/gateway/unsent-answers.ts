import type { ServerResponse } from "node:http";
import type { Admission } from "./admission.js";

/**
 * Answers that did not fit into the buffers of their sockets. They count against the bytes in work until their clients have
 * taken them, and a client that takes too long is cut off: otherwise a few that never read would fill the memory.
 */
export class UnsentAnswers {
  readonly #admission: Admission;
  readonly #timeoutMs: number;
  /** In the order of their deadlines, because all have the same time. */
  readonly #deadlinesMs = new Map<ServerResponse, number>();

  constructor(admission: Admission, timeoutMs: number) {
    this.#admission = admission;
    this.#timeoutMs = timeoutMs;
  }

  /** `bytes` of this response wait to be sent. */
  add(response: ServerResponse, bytes: number, nowMs: number): void {
    this.#admission.holdAnyway(bytes);
    this.#deadlinesMs.set(response, nowMs + this.#timeoutMs);
    response.once("close", () => {
      this.#admission.release(bytes);
      this.#deadlinesMs.delete(response);
    });
  }

  /** Cuts off the clients whose time is over; returns how many. */
  cutOff(nowMs: number): number {
    let count = 0;
    for (const [response, deadlineMs] of this.#deadlinesMs) {
      if (deadlineMs > nowMs) break;
      count++;
      this.#deadlinesMs.delete(response);
      // Behind other answers on its connection it has no socket yet.
      response.req.socket.destroy();
    }
    return count;
  }
}
