import { describe, expect, test } from "@jest/globals";
import { Xoshiro128 } from "../../src/base/index.js";
import { PeerRegistry } from "../../src/node/peer-registry.js";
import { MemoryFileSystem } from "../../src/storage/index.js";

describe("the registry of peers", () => {
  test("what was remembered survives a power cut", async () => {
    const fileSystem = new MemoryFileSystem();
    await fileSystem.makeDirectory("/data");
    const registry = await PeerRegistry.open(fileSystem, "/data");
    await Promise.all([registry.remember("n2", "aa"), registry.remember("n3", "bb")]);
    fileSystem.crash(new Xoshiro128(1), "lose");
    const reopened = await PeerRegistry.open(fileSystem, "/data");
    expect(reopened.incarnationOf("n2")).toBe("aa");
    expect(reopened.incarnationOf("n3")).toBe("bb");
    expect(reopened.incarnationOf("n4")).toBeUndefined();
  });

  test("an unreadable registry is an error, never an empty one", async () => {
    const fileSystem = new MemoryFileSystem();
    await fileSystem.makeDirectory("/data");
    const handle = await fileSystem.open("/data/peers.json", "create");
    await handle.writev([Buffer.from('{"n2":')], 0);
    await handle.close();
    await expect(PeerRegistry.open(fileSystem, "/data")).rejects.toThrow();
  });
});
