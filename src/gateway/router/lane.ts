import { RequestList } from "./request-list.js";
import type { Request } from "./request.js";

/** One partition as the router sees it: its session, and the requests that it has not answered. */
export class Lane {
  readonly partition: number;
  /** 53 random bits: this router in this partition. */
  readonly session: number;
  /** Separate lists, so that the oldest command, hence the low-water mark, is at hand. Both in the order of acceptance. */
  readonly commands = new RequestList();
  readonly queries = new RequestList();
  /** Those that no link holds. */
  waiting: Request[] = [];
  outstandingRequests = 0;
  outstandingBytes = 0;
  /** When requests in flight to a former leader are taken back, in monotonic milliseconds; undefined: there are none. */
  strandedAtMs: number | undefined = undefined;
  #nextSequence = 1;

  constructor(partition: number, session: number) {
    this.partition = partition;
    this.session = session;
  }

  takeSequence(): number {
    return this.#nextSequence++;
  }

  /** Every command with a smaller sequence is settled. Call it before `takeSequence`, for the command that is to get that sequence. */
  get lowWater(): number {
    return this.commands.oldest?.sequence ?? this.#nextSequence;
  }

  add(request: Request): void {
    (request.isCommand ? this.commands : this.queries).add(request);
    this.outstandingRequests += 1;
    this.outstandingBytes += request.bytes.length;
  }

  remove(request: Request): void {
    (request.isCommand ? this.commands : this.queries).remove(request);
    this.outstandingRequests -= 1;
    this.outstandingBytes -= request.bytes.length;
  }

  /** Drops from `waiting` what was settled while it waited. */
  prune(): void {
    this.waiting = this.waiting.filter((request) => !request.settled);
  }
}
