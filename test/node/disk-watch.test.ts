import { describe, expect, test } from "@jest/globals";
import { DiskWatch } from "../../src/node/disk-watch.js";
import { nodeLimits } from "../../src/node/limits.js";
import type { FileSystem } from "../../src/storage/index.js";
import { createLogger } from "../../src/telemetry/index.js";

const GIB = 1024 ** 3;

function watch(totalBytes: number) {
  const space = { freeBytes: totalBytes, totalBytes };
  const told: boolean[] = [];
  const fileSystem = { space: () => Promise.resolve(space) } as unknown as FileSystem;
  const disk = new DiskWatch(fileSystem, "/data", createLogger({ name: "test", level: "silent" }));
  disk.onChange((full) => told.push(full));
  return { disk, told, space };
}

describe("the watch over the disk", () => {
  test("refuses below the floor, and takes it back only at twice of it", async () => {
    const { disk, told, space } = watch(100 * GIB);
    await disk.check();
    space.freeBytes = nodeLimits.freeBytesMin - 1;
    await disk.check();
    await disk.check();
    expect(told).toEqual([true]);
    space.freeBytes = 2 * nodeLimits.freeBytesMin - 1;
    await disk.check();
    expect(disk.full).toBe(true);
    space.freeBytes = 2 * nodeLimits.freeBytesMin;
    await disk.check();
    expect(told).toEqual([true, false]);
    expect(disk.freeBytes).toBe(2 * nodeLimits.freeBytesMin);
  });

  test("a small disk has a floor of its own", async () => {
    const { disk, space } = watch(GIB);
    space.freeBytes = GIB * nodeLimits.freeFractionMin + 1;
    await disk.check();
    expect(disk.full).toBe(false);
    space.freeBytes = GIB * nodeLimits.freeFractionMin - 1;
    await disk.check();
    expect(disk.full).toBe(true);
  });

  test("a log without room for a spare segment refuses at once, whatever the numbers say", async () => {
    const { disk, told } = watch(100 * GIB);
    await disk.check();
    disk.noteSpaceLow(true);
    await disk.check();
    disk.noteSpaceLow(false);
    expect(told).toEqual([true, false]);
  });

  test("who asks late hears that the disk was full from the beginning", async () => {
    const { disk, told } = watch(100 * GIB);
    disk.noteSpaceLow(true);
    const late: boolean[] = [];
    disk.onChange((full) => late.push(full));
    await disk.check();
    expect([told, late]).toEqual([[true], [true]]);
  });
});
