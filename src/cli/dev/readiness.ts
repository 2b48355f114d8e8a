/** One probe; a process that does not answer by then is not ready. */
const PROBE_TIMEOUT_MS = 1_000;

export interface Readiness {
  readonly ready: boolean;
  /** What the process says about itself, where it says anything. */
  readonly details: Readonly<Record<string, unknown>>;
}

const notReady: Readiness = { ready: false, details: {} };

/** Asks a process once whether it is ready. */
export async function probe(url: string): Promise<Readiness> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    const text = await response.text();
    return { ready: response.ok, details: parseObject(text) };
  } catch {
    // Not listening yet, or not any more.
    return notReady;
  }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
