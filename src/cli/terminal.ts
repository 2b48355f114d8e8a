/** Where a command writes for people; a test gives its own. */
export interface Terminal {
  /** One line, without its line end. */
  say(line: string): void;
  /** One line of bad news. */
  warn(line: string): void;
}

export const processTerminal: Terminal = {
  say: (line) => process.stdout.write(`${line}\n`),
  warn: (line) => process.stderr.write(`${line}\n`),
};
