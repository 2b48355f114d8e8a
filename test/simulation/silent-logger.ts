import type { Logger } from "../../src/telemetry/index.js";

const silent = (): void => undefined;

/** Says nothing: a simulation speaks through its timeline. */
export const silentLogger = {
  trace: silent,
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
  fatal: silent,
} as unknown as Logger;
