import fs from "node:fs";

/** A process that lives under `pid` now; `started` tells it from a later one that got the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot, from /proc; undefined where there is no /proc. */
  readonly started?: number;
}

// Field 22 of /proc/<pid>/stat (proc(5)); the name in field 2 may hold blanks and parentheses.
const STARTED_AFTER_NAME = 19;

function startedAt(pid: number): number | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const started = Number(fields[STARTED_AFTER_NAME]);
    // A zombie has ended; it only waits for its parent to notice.
    return fields[0] === "Z" || !Number.isFinite(started) ? undefined : started;
  } catch {
    return undefined;
  }
}

export function identify(pid: number): ProcessIdentity {
  const started = startedAt(pid);
  return started === undefined ? { pid } : { pid, started };
}

export function isAlive(identity: ProcessIdentity): boolean {
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    // A process of somebody else is alive too.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return identity.started === undefined || startedAt(identity.pid) === identity.started;
}
