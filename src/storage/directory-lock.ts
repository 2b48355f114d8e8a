import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { DataDirectoryError, systemErrorCode } from "./errors.js";
import type { FileSystem } from "./file-system.js";

/** What the lock asks the operating system; a seam for tests and the simulator. */
export interface ProcessTable {
  readonly pid: number;
  /** Names this boot of this machine: a process id from another boot means nothing. A power cut must change it. */
  readonly boot: string;
  /** Something that changes when a process id is given to a new process; undefined when no such process runs. */
  started(pid: number): string | undefined;
}

export interface DirectoryLock {
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  readonly boot: string;
  readonly started: string;
}

const LOCK_BYTES_MAX = 1024;
const START_UNKNOWN = "running";

/**
 * Takes the lock file at `path`. A lock whose process no longer runs is taken over; one whose process runs is refused with a
 * DataDirectoryError that names it. Guards against a second process on this machine, not against another machine.
 */
export async function lockDirectory(
  fileSystem: FileSystem,
  path: string,
  processes: ProcessTable = systemProcesses(),
): Promise<DirectoryLock> {
  const self: Holder = { pid: processes.pid, boot: processes.boot, started: processes.started(processes.pid) ?? "" };
  for (;;) {
    if (await tryCreate(fileSystem, path, self)) break;
    const holder = await readHolder(fileSystem, path);
    if (holder !== undefined && isAlive(holder, self, processes)) refuse(path, holder.pid);
    await takeAway(fileSystem, path, self.pid, holder);
  }
  let held = true;
  return {
    release: async () => {
      if (!held) return;
      held = false;
      await fileSystem.remove(path);
    },
  };
}

function refuse(path: string, pid: number): never {
  throw new DataDirectoryError(
    path,
    `the data folder is in use by process ${String(pid)}`,
    "Stop that process first, or give this one another data folder",
  );
}

/**
 * The start time tells a process from an earlier one of the same id: containers give out the same ids again and again. Where
 * it is unknown, our own id in the file is a leftover.
 */
function isAlive(holder: Holder, self: Holder, processes: ProcessTable): boolean {
  if (holder.boot !== self.boot) return false;
  if (holder.pid === self.pid && self.started === START_UNKNOWN) return false;
  return processes.started(holder.pid) === holder.started;
}

async function tryCreate(fileSystem: FileSystem, path: string, self: Holder): Promise<boolean> {
  try {
    const handle = await fileSystem.open(path, "create");
    try {
      await handle.writev([Buffer.from(JSON.stringify(self))], 0);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (systemErrorCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** Undefined for a lock file that is gone, or that its process did not live to write. */
async function readHolder(fileSystem: FileSystem, path: string): Promise<Holder | undefined> {
  try {
    const handle = await fileSystem.open(path, "read");
    try {
      return parseHolder((await handle.read(LOCK_BYTES_MAX, 0)).toString("utf8"));
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, boot, started } = JSON.parse(text) as Partial<Holder>;
    if (typeof pid !== "number" || typeof boot !== "string" || typeof started !== "string") return undefined;
    return { pid, boot, started };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Moves a dead lock aside by rename, which only one of two processes that both found it dead can do, and removes it. */
async function takeAway(fileSystem: FileSystem, path: string, pid: number, dead: Holder | undefined): Promise<void> {
  const aside = `${path}.stale-${String(pid)}`;
  try {
    await fileSystem.rename(path, aside);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return;
    throw error;
  }
  const moved = await readHolder(fileSystem, aside);
  if (moved !== undefined && JSON.stringify(moved) !== JSON.stringify(dead)) {
    // Another process was faster and this is its fresh lock: give it back.
    await fileSystem.rename(aside, path);
    refuse(path, moved.pid);
  }
  await fileSystem.remove(aside);
}

function systemProcesses(): ProcessTable {
  return { pid: process.pid, boot: bootName(), started: startedAt };
}

function bootName(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    // Not Linux: process ids alone must do.
    return hostname();
  }
}

/** The start time in clock ticks since boot where /proc has it, else "running". */
function startedAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, "utf8");
    // The command name is in parentheses and may hold spaces; the start time is the 20th field after it.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT" && process.platform === "linux") return undefined;
  }
  try {
    process.kill(pid, 0);
    return START_UNKNOWN;
  } catch (error) {
    return systemErrorCode(error) === "ESRCH" ? undefined : START_UNKNOWN;
  }
}
