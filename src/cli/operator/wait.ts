import { AdminError } from "../../admin/index.js";
import type { Timers } from "../../base/index.js";
import type { ClusterMap } from "../../cluster/index.js";
import type { OperatorContext, Session } from "./session.js";

const POLL_MS = 500;
/** Without progress for so long, in milliseconds, it is said where to look for the reason. */
const STUCK_MS = 30_000;

export interface Wish {
  /** A line for whoever waits; it is printed when it changes. */
  readonly progress: (map: ClusterMap) => string;
  readonly isDone: (map: ClusterMap) => boolean;
  /** A sentence when somebody else wished otherwise meanwhile, so that it will not come true. */
  readonly overtaken: (map: ClusterMap) => string | undefined;
}

/**
 * Looks at the map until the wish is fulfilled.
 *
 * @returns undefined, or a sentence that says why it is not: the time is up, or it will not be
 */
export async function waitUntil(context: OperatorContext, session: Session, wish: Wish): Promise<string | undefined> {
  const { terminal, clock, timers, config } = context;
  const sinceMs = clock.monotonicMs();
  let told = "";
  let toldMs = sinceMs;
  let isStuck = false;
  for (;;) {
    const map = await lookAt(session);
    if (typeof map !== "string") {
      const overtaken = wish.overtaken(map);
      if (overtaken !== undefined || wish.isDone(map)) return overtaken;
    }
    const nowMs = clock.monotonicMs();
    const line = typeof map === "string" ? map : wish.progress(map);
    if (line !== told) {
      terminal.warn(line);
      [told, toldMs, isStuck] = [line, nowMs, false];
    } else if (nowMs - toldMs >= STUCK_MS && !isStuck) {
      isStuck = true;
      terminal.warn(`nothing has moved for ${STUCK_MS / 1_000} s: "marconi cluster status" says what is wrong`);
    }
    const leftMs = config.waitTimeoutMs - (nowMs - sinceMs);
    if (leftMs <= 0) return `not done within ${config.waitTimeoutMs / 1_000} s; the cluster goes on with it`;
    await sleep(timers, Math.min(POLL_MS, leftMs));
  }
}

/** The map, or why there is none at the moment. */
async function lookAt(session: Session): Promise<ClusterMap | string> {
  try {
    return await session.refresh();
  } catch (error) {
    if (!(error instanceof AdminError) || error.kind === "refused") throw error;
    return error.message;
  }
}

function sleep(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.after(delayMs, resolve);
  });
}
