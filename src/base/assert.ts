/**
 * A programmer error: a state that the design excludes. It is never caught and handled; the process stops, because a
 * replica that no longer knows its own state must not vote or acknowledge.
 */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Throws an AssertionError unless `condition` holds. On in production: cheap checks belong on hot paths too. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** For the `default` of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
