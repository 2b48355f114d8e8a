import fs from "node:fs";

/** Lines kept for the report when a process dies. */
const LAST_LINES_MAX = 20;
const READ_BYTES_MAX = 64 * 1024;
const badNews: ReadonlySet<unknown> = new Set(["warn", "error", "fatal"]);
/** Warnings passed on per reading; a flood is counted instead. */
const SHOWN_PER_READ_MAX = 5;

interface LogLine {
  readonly level?: string;
  readonly msg?: string;
  readonly err?: { readonly message?: string };
}

function parse(line: string): LogLine | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
}

function sentence(line: LogLine): string {
  return [line.msg, line.err?.message].filter((part) => part !== undefined && part !== "").join(": ");
}

/** Follows the log file of a child: passes warnings on and remembers the last words. */
export class LogTail {
  readonly #file: string;
  readonly #onWarning: (text: string) => void;
  #position: number;
  #rest = "";
  #last: string[] = [];

  /** Starts at the present end of the file. */
  constructor(file: string, onWarning: (text: string) => void) {
    this.#file = file;
    this.#onWarning = onWarning;
    this.#position = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  }

  /**
   * Reads what has been added, at most 64 KiB at once; what a flood leaves over is read by the next call. A log that somebody
   * has removed or emptied meanwhile is read from its new beginning.
   */
  read(): void {
    const size = fs.statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0;
    if (size < this.#position) this.#position = 0;
    if (size === this.#position) return;
    const file = fs.openSync(this.#file, "r");
    try {
      const buffer = Buffer.alloc(READ_BYTES_MAX);
      const length = fs.readSync(file, buffer, 0, READ_BYTES_MAX, this.#position);
      this.#position += length;
      this.#take(buffer.toString("utf8", 0, length));
    } finally {
      fs.closeSync(file);
    }
  }

  /** What a process that could not log printed as it died, an error's name first. Bad news in the log has been passed on already. */
  lastWords(): string {
    const plain = this.#last.filter((line) => !line.startsWith("{"));
    return plain.find((line) => /^\w*Error\b/.test(line)) ?? plain[0] ?? "";
  }

  #take(added: string): void {
    const lines = (this.#rest + added).split("\n");
    this.#rest = (lines.pop() ?? "").slice(-READ_BYTES_MAX);
    const warnings = lines.map(parse).filter((line) => line !== undefined && badNews.has(line.level));
    for (const line of warnings.slice(0, SHOWN_PER_READ_MAX)) if (line !== undefined) this.#onWarning(sentence(line));
    if (warnings.length > SHOWN_PER_READ_MAX) this.#onWarning(`and ${warnings.length - SHOWN_PER_READ_MAX} more`);
    this.#last = [...this.#last, ...lines.filter((line) => line.trim() !== "")].slice(-LAST_LINES_MAX);
  }
}
