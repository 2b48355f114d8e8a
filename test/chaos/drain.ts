import { setTimeout as sleep } from "node:timers/promises";
import type { RecordingClient } from "./recording-client.js";
import type { Recorder } from "./recorder.js";

const PAGES_MAX = 100_000;
const TRIES_MAX = 20;
/** Longer than any claim of the workload lives, and the time until it is noticed. */
const LAPSE_MS_MAX = 90_000;

/** Tries again what a cluster that has just recovered may refuse. */
async function insist<T>(what: string, work: () => Promise<T | undefined | false>): Promise<T> {
  for (let i = 0; i < TRIES_MAX; i++) {
    const result = await work();
    if (result !== undefined && result !== false) return result;
    await sleep(250);
  }
  throw new Error(`${what} failed ${TRIES_MAX} times in a row`);
}

export interface DrainOptions {
  readonly clients: readonly RecordingClient[];
  readonly queues: readonly string[];
  readonly recorder: Recorder;
  /** Wait for claims that nobody released, to see that their messages come out again; else they are deleted under them. */
  readonly patient: boolean;
}

/**
 * Looks for every message that is left, by paging and by claiming, and deletes all of them. Whatever was acknowledged and not
 * deleted shows up now or is lost.
 *
 * @returns the number of messages that were left
 */
export async function drain({ clients, queues, recorder, patient }: DrainOptions): Promise<number> {
  recorder.add({ op: "drain", invoke: performance.now() });
  const rest = [...queues];
  let left = 0;
  await Promise.all(
    clients.map(async (client) => {
      for (let queue = rest.pop(); queue !== undefined; queue = rest.pop())
        left += await drainQueue(client, queue, patient);
    }),
  );
  return left;
}

async function drainQueue(client: RecordingClient, queue: string, patient: boolean): Promise<number> {
  const all = await insist(`paging ${queue}`, () => client.list(queue, true, PAGES_MAX));
  const deadlineMs = performance.now() + (patient ? LAPSE_MS_MAX : 0);
  do await claimAll(client, queue);
  while (await waitForMore(client, queue, deadlineMs));
  const rest = await insist(`paging ${queue}`, () => client.list(queue, true, PAGES_MAX));
  for (let i = 0; i < rest.length; i += 20) {
    const ids = rest.slice(i, i + 20).map((message) => message.id);
    await insist(`deleting from ${queue}`, () => client.deleteAll(queue, ids));
  }
  await insist(`paging ${queue}`, () => client.list(queue, true, PAGES_MAX));
  await client.stats(queue);
  return all.length;
}

async function claimAll(client: RecordingClient, queue: string): Promise<void> {
  for (;;) {
    const claim = await client.claim(queue, 20, 60, 60);
    if (claim === undefined) return;
    const ids = claim.messages.map((message) => message.id);
    await insist(`deleting from ${queue}`, () => client.deleteAll(queue, ids));
  }
}

/** True when messages are left in claims and there is time for them to lapse. */
async function waitForMore(client: RecordingClient, queue: string, deadlineMs: number): Promise<boolean> {
  if (performance.now() >= deadlineMs) return false;
  // A queue that was deleted has none.
  const total = (await client.stats(queue)) ?? 0;
  if (total === 0) return false;
  await sleep(500);
  return true;
}
