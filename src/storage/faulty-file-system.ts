import type { Timers } from "../base/index.js";
import type { FileHandle, FileSystem } from "./file-system.js";
import { systemError } from "./memory-file-system.js";

export type FileOperation =
  | "open"
  | "create"
  | "list"
  | "makeDirectory"
  | "rename"
  | "remove"
  | "syncDirectory"
  | "writev"
  | "read"
  | "datasync"
  | "sync"
  | "size"
  | "close";

/** One call, as a fault rule sees it. */
export interface FileCall {
  /** 1 for the first call of any kind. */
  readonly number: number;
  /** 1 for the first call that changes the disk (create, makeDirectory, rename, remove, writev and the syncs); 0 for others. */
  readonly mutation: number;
  readonly operation: FileOperation;
  readonly path: string;
  readonly bytes: number;
}

/**
 * What happens to a call. `error`: it does nothing and fails. `late-error`: it takes effect, then fails (the answer is lost).
 * `partial`: a write stops after `bytes` bytes and fails; a read returns `bytes` bytes, as if the file ended there.
 * `slow`: it happens after `delayMs`. `flip`: one bit of what a read returns is wrong.
 */
export type Fault =
  | { readonly type: "error"; readonly code: string }
  | { readonly type: "late-error"; readonly code: string }
  | { readonly type: "partial"; readonly bytes: number; readonly code: string }
  | { readonly type: "slow"; readonly delayMs: number }
  | { readonly type: "flip"; readonly bit: number };

const MUTATIONS: ReadonlySet<FileOperation> = new Set([
  "create",
  "makeDirectory",
  "rename",
  "remove",
  "syncDirectory",
  "writev",
  "datasync",
  "sync",
]);

/** Any file system, with the faults that `rule` asks for. Calls are numbered across all files. */
export class FaultyFileSystem implements FileSystem {
  readonly #inner: FileSystem;
  readonly #rule: (call: FileCall) => Fault | undefined;
  readonly #timers: Pick<Timers, "after"> | undefined;
  #calls = 0;
  #mutations = 0;
  #injected = 0;

  constructor(inner: FileSystem, rule: (call: FileCall) => Fault | undefined, timers?: Pick<Timers, "after">) {
    this.#inner = inner;
    this.#rule = rule;
    this.#timers = timers;
  }

  get mutations(): number {
    return this.#mutations;
  }

  /** How many faults were really injected: a test that injected none tested nothing. */
  get injected(): number {
    return this.#injected;
  }

  async open(path: string, mode: "read" | "read-write" | "create"): Promise<FileHandle> {
    const operation = mode === "create" ? "create" : "open";
    const handle = await this.run(operation, path, 0, () => this.#inner.open(path, mode));
    return new FaultyFileHandle(this, handle, path);
  }

  list(directory: string): Promise<string[]> {
    return this.run("list", directory, 0, () => this.#inner.list(directory));
  }

  makeDirectory(path: string): Promise<void> {
    return this.run("makeDirectory", path, 0, () => this.#inner.makeDirectory(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.run("rename", from, 0, () => this.#inner.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.run("remove", path, 0, () => this.#inner.remove(path));
  }

  exists(path: string): Promise<boolean> {
    return this.#inner.exists(path);
  }

  syncDirectory(directory: string): Promise<void> {
    return this.run("syncDirectory", directory, 0, () => this.#inner.syncDirectory(directory));
  }

  space(path: string): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
    return this.#inner.space(path);
  }

  /** Numbers the call, asks the rule, and acts. `partial` and `flip` are given to `altered` where they mean something. */
  async run<T>(
    operation: FileOperation,
    path: string,
    bytes: number,
    act: () => Promise<T>,
    altered?: (fault: Fault & { type: "partial" | "flip" }) => Promise<T>,
  ): Promise<T> {
    this.#calls++;
    if (MUTATIONS.has(operation)) this.#mutations++;
    const mutation = MUTATIONS.has(operation) ? this.#mutations : 0;
    const fault = this.#rule({ number: this.#calls, mutation, operation, path, bytes });
    if (fault === undefined) return act();
    this.#injected++;
    switch (fault.type) {
      case "error":
        throw systemError(fault.code, path);
      case "late-error":
        await act();
        throw systemError(fault.code, path);
      case "slow":
        await this.#delay(fault.delayMs);
        return act();
      case "partial":
      case "flip":
        return altered === undefined ? act() : altered(fault);
    }
  }

  #delay(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#timers === undefined) setTimeout(resolve, delayMs);
      else this.#timers.after(delayMs, resolve);
    });
  }
}

class FaultyFileHandle implements FileHandle {
  readonly #owner: FaultyFileSystem;
  readonly #inner: FileHandle;
  readonly #path: string;

  constructor(owner: FaultyFileSystem, inner: FileHandle, path: string) {
    this.#owner = owner;
    this.#inner = inner;
    this.#path = path;
  }

  writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    let total = 0;
    for (const buffer of buffers) total += buffer.length;
    const whole = (): Promise<void> => this.#inner.writev(buffers, position);
    return this.#owner.run("writev", this.#path, total, whole, async (fault) => {
      if (fault.type === "flip") return whole();
      const part = Buffer.concat(buffers).subarray(0, fault.bytes);
      await this.#inner.writev([part], position);
      throw systemError(fault.code, this.#path);
    });
  }

  read(length: number, position: number): Promise<Buffer> {
    const whole = (): Promise<Buffer> => this.#inner.read(length, position);
    return this.#owner.run("read", this.#path, length, whole, async (fault) => {
      const bytes = await whole();
      if (fault.type === "partial") return bytes.subarray(0, fault.bytes);
      const at = Math.floor(fault.bit / 8) % Math.max(1, bytes.length);
      if (bytes.length > 0) bytes[at] = (bytes[at] as number) ^ (1 << (fault.bit % 8));
      return bytes;
    });
  }

  datasync(): Promise<void> {
    return this.#owner.run("datasync", this.#path, 0, () => this.#inner.datasync());
  }

  sync(): Promise<void> {
    return this.#owner.run("sync", this.#path, 0, () => this.#inner.sync());
  }

  size(): Promise<number> {
    return this.#owner.run("size", this.#path, 0, () => this.#inner.size());
  }

  close(): Promise<void> {
    return this.#owner.run("close", this.#path, 0, () => this.#inner.close());
  }
}
