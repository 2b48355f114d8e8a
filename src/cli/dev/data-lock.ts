import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { StartRefusal } from "../../config/index.js";
import { identify, isAlive, type ProcessIdentity } from "./process-identity.js";

interface Holder extends ProcessIdentity {
  readonly children: readonly (ProcessIdentity & { readonly name: string })[];
}

export const lockFileName = "lock.json";

/** How long the processes of a supervisor that was killed may take to notice and to stop. */
const ORPHANS_WAIT_MS = 15_000;
const POLL_MS = 100;
/** A lock without content is being written at this moment; after this long its writer is taken to have died over it. */
const UNREADABLE_WAIT_MS = 2_000;

/** Undefined for a lock that is gone, or whose content cannot be read. */
function readHolder(file: string): Holder | undefined {
  try {
    const holder = JSON.parse(fs.readFileSync(file, "utf8")) as Partial<Holder>;
    return typeof holder.pid === "number" && Array.isArray(holder.children) ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * One cluster per data folder: a file that names the supervisor and its processes. A lock whose processes are all gone is
 * stale and is taken over.
 */
export class DataLock {
  readonly #file: string;
  readonly #self = identify(process.pid);
  #children: Holder["children"] = [];

  private constructor(folder: string) {
    this.#file = path.join(folder, lockFileName);
  }

  /**
   * @param onWait told once, when it waits for the remains of a killed cluster
   * @throws StartRefusal when a live cluster holds the folder
   */
  static async take(folder: string, onWait: (reason: string) => void): Promise<DataLock> {
    fs.mkdirSync(folder, { recursive: true });
    const lock = new DataLock(folder);
    const sinceMs = performance.now();
    let waiting = false;
    while (!lock.#create()) {
      const holder = readHolder(lock.#file);
      const waitedMs = performance.now() - sinceMs;
      if (holder === undefined) {
        if (waitedMs > UNREADABLE_WAIT_MS) lock.#removeStale();
      } else {
        if (isAlive(holder))
          throw new StartRefusal(
            `${folder} is in use by the cluster of process ${holder.pid}: stop it first, or choose another folder with --data`,
          );
        const orphan = holder.children.find(isAlive);
        if (orphan === undefined) lock.#removeStale();
        else if (waitedMs > ORPHANS_WAIT_MS)
          throw new StartRefusal(
            `${folder} is in use by ${orphan.name}, process ${orphan.pid}, whose supervisor is gone: end it first`,
          );
        else if (!waiting) {
          waiting = true;
          onWait(`waiting for ${orphan.name}, process ${orphan.pid}, of a cluster whose supervisor was killed`);
        }
      }
      await sleep(POLL_MS);
    }
    return lock;
  }

  /** Writes down who else uses the folder. */
  setChildren(children: ReadonlyMap<string, number>): void {
    this.#children = [...children].map(([name, pid]) => ({ name, ...identify(pid) }));
    fs.writeFileSync(`${this.#file}.tmp`, this.#content());
    fs.renameSync(`${this.#file}.tmp`, this.#file);
  }

  release(): void {
    fs.rmSync(this.#file, { force: true });
  }

  #create(): boolean {
    try {
      fs.writeFileSync(this.#file, this.#content(), { flag: "wx" });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      return false;
    }
  }

  #content(): string {
    return `${JSON.stringify({ ...this.#self, children: this.#children } satisfies Holder)}\n`;
  }

  /** Two that find the same stale lock must not remove each other's fresh one: only one of them can rename the old file. */
  #removeStale(): void {
    const aside = `${this.#file}.${process.pid}`;
    try {
      fs.renameSync(this.#file, aside);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return;
    }
    const holder = readHolder(aside);
    if (holder !== undefined && isAlive(holder)) fs.linkSync(aside, this.#file);
    fs.rmSync(aside, { force: true });
  }
}
