import { type DestinationStream, destination as openDestination, type Logger, pino, stdTimeFunctions } from "pino";

export type { Logger };

export type LogLevel = "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";

/** A stream takes whole lines through `write`. */
export type LogDestination = "stdout" | "stderr" | DestinationStream;

export interface LoggerOptions {
  /** Who speaks: "node n1", "gateway". */
  readonly name: string;
  /** The least severe kind of line that is written. */
  readonly level: LogLevel;
  /** Where lines go; stdout unless said. */
  readonly destination?: LogDestination;
}

const descriptors = { stdout: 1, stderr: 2 } as const;

/**
 * A log of JSON lines: `level` as a word, `time` in ISO 8601, `name`, `pid`, `msg`, and the fields of the call. Lines are
 * written before the call returns, so that the last words of a dying process are not lost; that makes logging too slow for
 * anything that happens per request.
 */
export function createLogger(options: LoggerOptions): Logger {
  const target = options.destination ?? "stdout";
  const stream = typeof target === "string" ? openDestination({ fd: descriptors[target], sync: true }) : target;
  return pino(
    {
      level: options.level,
      base: { name: options.name, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
}
