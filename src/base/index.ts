/**
 * What every room may use and what uses no room: assertions, seeded randomness, the interfaces of time, and bytes.
 * Imports nothing; uses Node's globals. Promises: no state shared between callers. Pure rooms may not use `system-time`.
 */
export { assert, AssertionError, unreachable } from "./assert.js";
export { ByteReader, DecodeError } from "./byte-reader.js";
export { ByteWriter } from "./byte-writer.js";
export { crc32c } from "./crc32c.js";
export type { Clock, Timer, Timers } from "./env.js";
export { systemClock, systemTimers } from "./system-time.js";
export { deriveSeed, type Rng, Xoshiro128 } from "./rng.js";
