import { parseArgs, type ParseArgsConfig } from "node:util";

export const text = { type: "string" } as const;
export const flag = { type: "boolean" } as const;

type Options = NonNullable<ParseArgsConfig["options"]>;

/** The flags of a program that `npm run` starts: what is wrong is said together with the usage, and ends it with 2. */
export class CommandFlags {
  readonly #usage: string;

  constructor(usage: string) {
    this.#usage = usage;
  }

  /** `--help` shows the usage and ends the program. */
  parse<T extends Options & { readonly help: typeof flag }>(
    args: readonly string[],
    options: T,
  ): ReturnType<typeof parseArgs<{ options: T }>>["values"] {
    try {
      const { values } = parseArgs({ args: [...args], options });
      if ((values as { readonly help?: boolean }).help !== true) return values;
      process.stdout.write(`${this.#usage}\n`);
      return process.exit(0);
    } catch (error) {
      return this.refuse((error as Error).message);
    }
  }

  positive(value: string): number {
    const number = Number(value);
    if (Number.isInteger(number) && number > 0) return number;
    return this.refuse(`"${value}" is not a whole number above 0`);
  }

  refuse(problem: string): never {
    process.stderr.write(`${problem}\n${this.#usage}\n`);
    return process.exit(2);
  }
}
