import type { Terminal } from "../../src/cli/terminal.js";

/** Keeps what was written. */
export class RecordingTerminal implements Terminal {
  readonly lines: string[] = [];

  say(line: string): void {
    this.lines.push(line);
  }

  warn(line: string): void {
    this.lines.push(line);
  }

  get text(): string {
    return this.lines.join("\n");
  }
}
