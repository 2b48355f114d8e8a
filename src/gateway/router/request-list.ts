import { assert } from "../../base/index.js";
import type { Request } from "./request.js";

/** Requests in the order of acceptance, linked through themselves: adding and removing cost nothing, wherever one stands. */
export class RequestList {
  #oldest: Request | undefined;
  #newest: Request | undefined;

  get oldest(): Request | undefined {
    return this.#oldest;
  }

  add(request: Request): void {
    request.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = request;
    else this.#newest.newer = request;
    this.#newest = request;
  }

  remove(request: Request): void {
    const { older, newer } = request;
    assert(older !== undefined || this.#oldest === request, "the request is in this list");
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    request.older = undefined;
    request.newer = undefined;
  }
}
