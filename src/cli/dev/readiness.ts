/** One question; a process that does not answer by then is not ready. */
const ANSWER_TIMEOUT_MS = 1_000;

/** The text of a successful answer; undefined for any other, and where nobody listens, yet or any more. */
async function ask(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    const text = await response.text();
    return response.ok ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Asks a process once whether it is ready. */
export async function probe(readyUrl: string): Promise<boolean> {
  return (await ask(readyUrl)) !== undefined;
}

/** How many partitions a node leads; undefined when it does not say. */
export async function leadCount(metricsUrl: string): Promise<number | undefined> {
  const metrics = await ask(metricsUrl);
  return (
    metrics?.match(/^marconi_raft_is_leader\{[^}]*partition="\d+"[^}]*\} 1$/gm)?.length ??
    (metrics === undefined ? undefined : 0)
  );
}
