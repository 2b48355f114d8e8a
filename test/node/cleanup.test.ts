import { describe, expect, test } from "@jest/globals";
import { Cleanup } from "../../src/node/cleanup.js";

describe("cleaning up", () => {
  test("closes in the opposite order, one after the other, each once", async () => {
    const done: string[] = [];
    const cleanup = new Cleanup();
    cleanup.add(() => {
      done.push("first");
    });
    cleanup.add(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      done.push("second");
    });
    await cleanup.run();
    await cleanup.run();
    expect(done).toEqual(["second", "first"]);
  });

  test("what fails does not keep the rest open, and is told", async () => {
    const done: string[] = [];
    const cleanup = new Cleanup();
    cleanup.add(() => {
      done.push("lock");
    });
    cleanup.add(() => Promise.reject(new Error("log")));
    cleanup.add(() => {
      throw new Error("port");
    });
    await expect(cleanup.run()).rejects.toThrow("port");
    expect(done).toEqual(["lock"]);
  });
});
