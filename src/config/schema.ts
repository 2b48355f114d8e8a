import { FormError, type Setting } from "./setting.js";

// `never` in the parameter of `format` makes settings of every type fit.
type AnySetting = Omit<Setting<unknown>, "format"> & { readonly format: (value: never) => string };
export type Settings = Readonly<Record<string, AnySetting>>;

export type ConfigOf<T extends Settings> = {
  readonly [K in keyof T]: T[K] extends Setting<infer V> ? V : never;
};

/** Everything that one kind of process can be told. */
export interface Schema<T extends Settings> {
  /** The command that takes it: `marconi <command>`. */
  readonly command: string;
  /** A sentence about other commands that take it. */
  readonly note?: string;
  /** Environment variables are this and the key in capitals: MARCONI_ and TICK_MS. */
  readonly environmentPrefix: string;
  readonly settings: T;
  /** What must hold between keys; a sentence for each rule that is broken. */
  readonly conflicts: (config: ConfigOf<T>) => readonly string[];
}

export type Source = "flag" | "environment" | "default";

export interface Resolved<T extends Settings> {
  readonly config: ConfigOf<T>;
  readonly sources: Readonly<Record<keyof T, Source>>;
}

/** What was given cannot be started with; `problems` are whole sentences for whoever gave it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** `tickMs` as a flag: `tick-ms`. */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
}

/** `tickMs` as an environment variable: MARCONI_TICK_MS. */
export function environmentName(schema: Pick<Schema<Settings>, "environmentPrefix">, key: string): string {
  return schema.environmentPrefix + flagName(key).replaceAll("-", "_").toUpperCase();
}

export type Flags = Readonly<Record<string, string | boolean | undefined>>;
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Flags before environment before defaults. Every value is checked and all problems are told at once.
 *
 * @param flags by key; values as typed, true for switches
 * @throws ConfigError
 */
export function resolve<T extends Settings>(schema: Schema<T>, flags: Flags, environment: Environment): Resolved<T> {
  const problems: string[] = [];
  const config: Record<string, unknown> = {};
  const sources: Record<string, Source> = {};
  for (const [key, setting] of Object.entries<AnySetting>(schema.settings)) {
    const variable = environmentName(schema, key);
    const flag = flags[key];
    const text = flag ?? environment[variable];
    const name = flag === undefined && text !== undefined ? variable : `--${flagName(key)}`;
    sources[key] = flag !== undefined ? "flag" : text !== undefined ? "environment" : "default";
    if (text === undefined) {
      if (setting.fallback === undefined) problems.push(`${name} is missing (${setting.form}): ${setting.doc}`);
      config[key] = setting.fallback;
      continue;
    }
    try {
      config[key] = setting.parse(String(text));
    } catch (error) {
      if (!(error instanceof FormError)) throw error;
      problems.push(`${name} ${error.message}`);
    }
  }
  for (const key of Object.keys(flags)) {
    if (!(key in schema.settings)) problems.push(`--${flagName(key)} is not known to marconi ${schema.command}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  const complete = config as ConfigOf<T>;
  const conflicts = schema.conflicts(complete);
  if (conflicts.length > 0) throw new ConfigError(conflicts);
  return { config: complete, sources: sources as Record<keyof T, Source> };
}

/** The flags that make `marconi <command>` resolve to `config`; keys that are left out keep their default there. */
export function toFlags<T extends Settings>(schema: Schema<T>, config: Partial<ConfigOf<T>>): string[] {
  return Object.entries(config).flatMap(([key, value]) => {
    const setting = schema.settings[key];
    if (setting === undefined || value === undefined) return [];
    if (setting.isSwitch) return value === true ? [`--${flagName(key)}`] : [];
    return [`--${flagName(key)}`, setting.format(value as never)];
  });
}
