import { setTimeout as sleep } from "node:timers/promises";

/** Waits until `condition` holds. Throws, with what was awaited, after `timeoutMs`. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const sinceMs = performance.now();
  while (!(await condition())) {
    if (performance.now() - sinceMs > timeoutMs) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`);
    await sleep(20);
  }
}
