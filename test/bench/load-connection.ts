import net from "node:net";
import type { LoadTally } from "./load-tally.js";
import type { LoadOrder } from "./load-protocol.js";
import { claimRequest, DeleteWriter, postRequest } from "./request-bytes.js";
import { ResponseReader } from "./response-reader.js";

/** The API hands out no more per claim. */
const CLAIM_MAX = 20;
/** After an answer that was not expected: a server that refuses must not be hammered. */
const PAUSE_MS = 10;
const READ_BYTES = 65_536;

/** All connections read into the same memory: every read is dealt with before the next. */
const sharedMemory = Buffer.allocUnsafe(READ_BYTES);

/** One client with one request under way at a time: as soon as one is answered, the next goes out. */
export class LoadConnection {
  readonly #order: LoadOrder;
  readonly #tally: LoadTally;
  readonly #post: Buffer;
  readonly #claim: Buffer;
  readonly #claimLimit: number;
  readonly #delete: DeleteWriter;
  #socket: net.Socket;
  #reader: ResponseReader;
  #step: "post" | "claim" | "delete" = "post";
  /** Messages of this cycle that have yet to be claimed. */
  #left = 0;
  #sentAtMs = 0;
  /** When the next post is due. */
  #dueMs: number;
  /** Between two posts; 0: as soon as possible. */
  readonly #periodMs: number;
  #waiting: NodeJS.Timeout | undefined;
  #stopped = false;
  #end: () => void = () => undefined;
  /** Resolves when it has hung up: after `stop`, or when all messages of the order are posted. */
  readonly ended = new Promise<void>((resolve) => (this.#end = resolve));

  constructor(order: LoadOrder, index: number, tally: LoadTally) {
    this.#order = order;
    this.#tally = tally;
    const queue = order.queues[index % order.queues.length] as string;
    this.#post = postRequest(order, queue, order.messagesPerPost, order.bodyBytes);
    this.#claimLimit = Math.min(order.messagesPerPost, CLAIM_MAX);
    this.#claim = claimRequest(order, queue, this.#claimLimit);
    this.#delete = new DeleteWriter(order, queue);
    this.#reader = new ResponseReader(this.#onResponse);
    const { messagesPerSecond, messagesPerPost, connections } = order;
    this.#periodMs = messagesPerSecond === undefined ? 0 : (messagesPerPost * connections * 1_000) / messagesPerSecond;
    this.#dueMs = performance.now() + (this.#periodMs * index) / connections;
    this.#socket = this.#connect();
  }

  /** Hangs up after the request under way; at once when `now`. */
  stop(now = false): void {
    this.#stopped = true;
    if (now) this.#socket.destroy();
  }

  #connect(): net.Socket {
    const { host, port } = this.#order;
    const socket = net.connect({
      ...{ host, port, noDelay: true },
      onread: {
        buffer: sharedMemory,
        callback: (length, bytes) => {
          this.#reader.feed(bytes as Buffer, length);
          return true;
        },
      },
    });
    socket.once("connect", () => this.#begin());
    socket.on("error", (error: NodeJS.ErrnoException) =>
      this.#tally.unexpected(`socket ${error.code ?? error.message}`),
    );
    socket.once("close", () => this.#lost(socket));
    return socket;
  }

  #lost(socket: net.Socket): void {
    if (socket !== this.#socket) return;
    clearTimeout(this.#waiting);
    if (this.#stopped) {
      this.#end();
      return;
    }
    this.#tally.unexpected("reconnect");
    setTimeout(() => {
      this.#reader = new ResponseReader(this.#onResponse);
      this.#socket = this.#connect();
    }, PAUSE_MS);
  }

  #begin(): void {
    const waitMs = this.#periodMs === 0 ? 0 : this.#dueMs - performance.now();
    if (waitMs > 0 && !this.#stopped) {
      this.#waiting = setTimeout(() => this.#begin(), waitMs);
      return;
    }
    this.#dueMs += this.#periodMs;
    if (this.#stopped || !this.#tally.mayPost(this.#order.messagesPerPost)) {
      this.#stopped = true;
      this.#socket.end();
      return;
    }
    this.#left = this.#order.messagesPerPost;
    this.#send("post", this.#post);
  }

  #send(step: "post" | "claim" | "delete", request: Buffer): void {
    this.#step = step;
    this.#sentAtMs = performance.now();
    this.#socket.write(request);
  }

  readonly #onResponse = (status: number, bytes: Buffer, bodyStart: number, bodyEnd: number): void => {
    const tally = this.#tally;
    const step = this.#step;
    tally.answered(step, (performance.now() - this.#sentAtMs) * 1_000);
    if (this.#reader.closing) {
      this.#socket.destroy();
      return;
    }
    if (step === "post" && status === 201) {
      tally.posted += this.#order.messagesPerPost;
      if (this.#order.kind === "post") this.#begin();
      else this.#send("claim", this.#claim);
    } else if (step === "claim" && status === 201) {
      const request = this.#delete.write(bytes, bodyStart, bodyEnd);
      tally.claimed += this.#delete.count;
      this.#send("delete", request);
    } else if (step === "claim" && status === 204) {
      tally.emptyClaims += 1;
      this.#begin();
    } else if (step === "delete" && status === 204) {
      tally.deleted += this.#delete.count;
      this.#left -= this.#claimLimit;
      if (this.#left > 0) this.#send("claim", this.#claim);
      else this.#begin();
    } else {
      tally.unexpected(`${step} ${status}`);
      setTimeout(() => this.#begin(), PAUSE_MS);
    }
  };
}
