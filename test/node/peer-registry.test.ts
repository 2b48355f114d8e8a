import { describe, expect, jest, test } from "@jest/globals";
import { Xoshiro128 } from "../../src/base/index.js";
import { PeerRegistry } from "../../src/node/peer-registry.js";
import { CorruptionError, MemoryFileSystem } from "../../src/storage/index.js";

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

  test.each(['{"n2":', '["n2"]', '{"n2":7}', ""])(
    "an unreadable registry is an error, never an empty one: %s",
    async (text) => {
      const fileSystem = new MemoryFileSystem();
      await fileSystem.makeDirectory("/data");
      const handle = await fileSystem.open("/data/peers.json", "create");
      await handle.writev([Buffer.from(text)], 0);
      await handle.close();
      await expect(PeerRegistry.open(fileSystem, "/data")).rejects.toThrow(CorruptionError);
    },
  );

  test("what could not be written is written again when it is asked for again, and not believed before", async () => {
    const fileSystem = new MemoryFileSystem();
    await fileSystem.makeDirectory("/data");
    const registry = await PeerRegistry.open(fileSystem, "/data");
    const rename = jest.spyOn(fileSystem, "rename").mockRejectedValueOnce(new Error("ENOSPC"));
    await expect(registry.remember("n2", "aa")).rejects.toThrow("ENOSPC");
    await registry.remember("n2", "aa");
    expect(rename).toHaveBeenCalledTimes(2);
    await registry.remember("n2", "aa");
    expect(rename).toHaveBeenCalledTimes(2);
    fileSystem.crash(new Xoshiro128(1), "lose");
    expect((await PeerRegistry.open(fileSystem, "/data")).incarnationOf("n2")).toBe("aa");
  });

  test("a crash at any step leaves the old registry or the new one", async () => {
    for (let steps = 0; steps < 12; steps++) {
      const fileSystem = new MemoryFileSystem();
      await fileSystem.makeDirectory("/data");
      await fileSystem.syncDirectory("/");
      await (await PeerRegistry.open(fileSystem, "/data")).remember("n2", "aa");
      const writing = (await PeerRegistry.open(fileSystem, "/data")).remember("n3", "bb");
      writing.catch(() => undefined);
      for (let i = 0; i < steps; i++) await Promise.resolve();
      fileSystem.crash(new Xoshiro128(steps), steps % 2 === 0 ? "tear" : "lose");
      await new Promise((resolve) => setImmediate(resolve));
      const reopened = await PeerRegistry.open(fileSystem, "/data");
      expect(reopened.incarnationOf("n2")).toBe("aa");
      expect([undefined, "bb"]).toContain(reopened.incarnationOf("n3"));
      await reopened.remember("n4", "cc");
    }
  });
});
