import type { RouterLog } from "../../../src/gateway/router/index.js";

export const silentLog: RouterLog = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Waits until `condition` holds; throws after `timeoutMs`. Returns the milliseconds that it took. */
export async function eventually(condition: () => boolean, timeoutMs = 5_000): Promise<number> {
  const startMs = performance.now();
  while (!condition()) {
    if (performance.now() - startMs > timeoutMs) throw new Error(`not within ${String(timeoutMs)} ms`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return performance.now() - startMs;
}
