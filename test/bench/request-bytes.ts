/** Ready-made requests of version 1 of the API. */
const CLIENT_ID = "3381af92-2b9e-11e3-b191-71861300734c";

export interface Target {
  readonly host: string;
  readonly port: number;
}

const headers = ({ host, port }: Target): string => `Host: ${host}:${port}\r\nClient-ID: ${CLIENT_ID}\r\n`;

function withBody(target: Target, line: string, body: string): Buffer {
  return Buffer.from(
    `${line} HTTP/1.1\r\n${headers(target)}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** A JSON string of exactly `bytes` bytes, quotes included. */
export function bodyOf(bytes: number): string {
  return `"${"abcdefghijklmnopqrstuvwxyz".repeat(Math.ceil(bytes / 26)).slice(0, bytes - 2)}"`;
}

export function postRequest(target: Target, queue: string, count: number, bodyBytes: number): Buffer {
  const message = `{"ttl": 3600, "body": ${bodyOf(bodyBytes)}}`;
  return withBody(target, `POST /v1/queues/${queue}/messages`, `[${Array(count).fill(message).join(", ")}]`);
}

export function claimRequest(target: Target, queue: string, limit: number): Buffer {
  return withBody(target, `POST /v1/queues/${queue}/claims?limit=${limit}`, '{"ttl": 300, "grace": 60}');
}

const CLAIM_MARK = Buffer.from("?claim_id=");
const QUOTE = 34;
const SLASH = 47;
const COMMA = 44;

/** Longest line and headers of a delete: 20 ids and room. */
const DELETE_BYTES_MAX = 4_096;

/**
 * Writes deletes for what a claim answered, over and over into the same memory: a request must be answered before the next is
 * written. One message is deleted singly, with its claim's id; more with one request by ids.
 */
export class DeleteWriter {
  readonly #bytes = Buffer.allocUnsafe(DELETE_BYTES_MAX);
  readonly #bulkPrefix: Buffer;
  readonly #tail: Buffer;
  /** Messages in the last request. */
  count = 0;

  constructor(target: Target, queue: string) {
    this.#bulkPrefix = Buffer.from(`DELETE /v1/queues/${queue}/messages?ids=`);
    this.#tail = Buffer.from(` HTTP/1.1\r\n${headers(target)}\r\n`);
  }

  /** The request that deletes all messages of a claim's answer. */
  write(answer: Buffer, start: number, end: number): Buffer {
    const first = answer.indexOf(CLAIM_MARK, start);
    if (first < 0 || first >= end) throw new Error("a claim's answer has no message");
    const second = answer.indexOf(CLAIM_MARK, first + CLAIM_MARK.length);
    return second < 0 || second >= end ? this.#writeOne(answer, first) : this.#writeAll(answer, first, end);
  }

  #writeOne(answer: Buffer, mark: number): Buffer {
    let from = mark;
    while (answer[from - 1] !== QUOTE) from--;
    let to = mark;
    while (answer[to] !== QUOTE) to++;
    let at = this.#bytes.write("DELETE ", 0, "latin1");
    at += answer.copy(this.#bytes, at, from, to);
    this.count = 1;
    return this.#end(at);
  }

  #writeAll(answer: Buffer, first: number, end: number): Buffer {
    let at = this.#bulkPrefix.copy(this.#bytes, 0);
    this.count = 0;
    for (let mark = first; mark >= 0 && mark < end; mark = answer.indexOf(CLAIM_MARK, mark + CLAIM_MARK.length)) {
      let from = mark;
      while (answer[from - 1] !== SLASH) from--;
      if (this.count > 0) this.#bytes[at++] = COMMA;
      at += answer.copy(this.#bytes, at, from, mark);
      this.count += 1;
    }
    return this.#end(at);
  }

  #end(at: number): Buffer {
    return this.#bytes.subarray(0, at + this.#tail.copy(this.#bytes, at));
  }
}
