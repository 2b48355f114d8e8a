import { setTimeout as sleep } from "node:timers/promises";
import { AdminError, ClusterAdmin } from "../../admin/index.js";
import type { ClusterMap } from "../../cluster/index.js";

/** One question to one node; on this machine it is answered at once or not at all. */
const ANSWER_TIMEOUT_MS = 2_000;
const ASK_PERIOD_MS = 250;

export interface FormerMemberQuestion {
  readonly name: string;
  readonly clusterId: string;
  /** Of the other nodes. */
  readonly addresses: readonly string[];
  /** How long to go on asking while nobody says yes: they may just be starting, and learn of it from each other. */
  readonly patienceMs: number;
  /** Aborted: the answer is not wanted any more. */
  readonly signal: AbortSignal;
}

/** Asks the nodes of a cluster whether one was removed from it. */
export async function isFormerMember(question: FormerMemberQuestion): Promise<boolean> {
  const { name, clusterId, addresses, patienceMs, signal } = question;
  if (addresses.length === 0) return false;
  const admin = new ClusterAdmin({ addresses, timeoutMs: ANSWER_TIMEOUT_MS, clusterId });
  const close = (): void => admin.close();
  signal.addEventListener("abort", close);
  const untilMs = performance.now() + patienceMs;
  try {
    for (;;) {
      for (const address of addresses) {
        const map = signal.aborted ? undefined : await mapAt(admin, address);
        if (map !== undefined && wasRemoved(map, name)) return true;
      }
      if (signal.aborted || performance.now() >= untilMs) return false;
      await sleep(ASK_PERIOD_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    signal.removeEventListener("abort", close);
    admin.close();
  }
}

async function mapAt(admin: ClusterAdmin, address: string): Promise<ClusterMap | undefined> {
  try {
    return (await admin.describe(address)).map;
  } catch (error) {
    if (error instanceof AdminError) return undefined;
    throw error;
  }
}

function wasRemoved({ nodes }: ClusterMap, name: string): boolean {
  const rows = nodes.filter(({ id }) => id === name);
  return rows.length > 0 && rows.every(({ state }) => state === "gone");
}
