import fs from "node:fs";
import type { HistoryRecord } from "../check/history.js";

/** A history is written in pieces of this size. */
const PIECE_CHARS = 65_536;

/** Writes a history as it happens; what is written survives this process. */
export class Recorder {
  readonly file: string;
  readonly #descriptor: number;
  #pending: string[] = [];
  #pendingChars = 0;

  constructor(file: string) {
    this.file = file;
    this.#descriptor = fs.openSync(file, "wx");
  }

  add(record: HistoryRecord): void {
    const line = JSON.stringify(record);
    this.#pending.push(line);
    this.#pendingChars += line.length;
    if (this.#pendingChars >= PIECE_CHARS) this.flush();
  }

  flush(): void {
    if (this.#pending.length === 0) return;
    fs.writeSync(this.#descriptor, `${this.#pending.join("\n")}\n`);
    this.#pending = [];
    this.#pendingChars = 0;
  }

  close(): void {
    this.flush();
    fs.closeSync(this.#descriptor);
  }
}
