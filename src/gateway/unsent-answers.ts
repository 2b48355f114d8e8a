import type { ServerResponse } from "node:http";
import type { Admission } from "./admission.js";

/**
 * Answers that did not fit into the buffers of their sockets. They count against the bytes in work until their clients have
 * taken them, and a client that takes too long is cut off: otherwise a few that never read would fill the memory.
 */
export class UnsentAnswers {
  readonly #admission: Admission;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<ServerResponse, { readonly bytes: number; readonly deadlineMs: number }>();

  constructor(admission: Admission, timeoutMs: number) {
    this.#admission = admission;
    this.#timeoutMs = timeoutMs;
  }

  /** `bytes` of this response wait to be sent. */
  add(response: ServerResponse, bytes: number, nowMs: number): void {
    this.#admission.holdAnyway(bytes);
    this.#waiting.set(response, { bytes, deadlineMs: nowMs + this.#timeoutMs });
    response.once("close", () => this.#remove(response));
  }

  /** Cuts off the clients whose time is over; returns how many. */
  cutOff(nowMs: number): number {
    let count = 0;
    for (const [response, { deadlineMs }] of this.#waiting) {
      const { socket } = response.req;
      // An answer that waited behind others on its connection does not hear of its end.
      if (socket.destroyed) this.#remove(response);
      else if (deadlineMs <= nowMs) {
        count++;
        this.#remove(response);
        socket.destroy();
      }
    }
    return count;
  }

  #remove(response: ServerResponse): void {
    const waiting = this.#waiting.get(response);
    if (waiting === undefined) return;
    this.#waiting.delete(response);
    this.#admission.release(waiting.bytes);
  }
}
