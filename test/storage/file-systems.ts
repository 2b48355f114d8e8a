import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { FaultyFileSystem, type FileSystem, MemoryFileSystem, RealFileSystem } from "../../src/storage/index.js";

/** A file system with an existing, empty folder on it. */
export interface Place {
  readonly fileSystem: FileSystem;
  readonly folder: string;
  dispose(): Promise<void>;
}

const nothing = (): Promise<void> => Promise.resolve();

export const PLACES: Readonly<Record<string, () => Promise<Place>>> = {
  real: async () => {
    const folder = await mkdtemp(`${tmpdir()}/storage-`);
    return { fileSystem: new RealFileSystem(), folder, dispose: () => rm(folder, { recursive: true }) };
  },
  memory: async () => {
    const fileSystem = new MemoryFileSystem();
    await fileSystem.makeDirectory("/data");
    return { fileSystem, folder: "/data", dispose: nothing };
  },
  faulty: async () => {
    const inner = new MemoryFileSystem();
    await inner.makeDirectory("/data");
    return { fileSystem: new FaultyFileSystem(inner, () => undefined), folder: "/data", dispose: nothing };
  },
};
