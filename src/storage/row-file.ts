import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { ByteWriter } from "../base/index.js";
import { systemErrorCode } from "./errors.js";
import type { RowScan } from "./ordered-rows.js";
import type { GroupId } from "./shard-log.js";

/**
 * Writes the rows of `scan` into a new file of `directory`, one after the other: key length u32, key, value length u32, value,
 * little endian, keys and values as the store has them. Returns its path; file and name are durable then.
 */
export async function writeRowFile(directory: string, group: GroupId, scan: RowScan): Promise<string> {
  const made = await mkdir(directory, { recursive: true });
  const { path, file } = await newFile(directory, group);
  try {
    const out = new ByteWriter(64 * 1024);
    for (let rows = await scan.next(); rows.length > 0; rows = await scan.next()) {
      for (const { key, value } of rows) {
        out.bytes32(key);
        out.bytes32(value);
      }
      await file.writeFile(out.take());
    }
    await file.sync();
  } finally {
    await file.close();
  }
  await syncDirectory(directory);
  if (made !== undefined) await syncDirectory(dirname(made));
  return path;
}

async function newFile(
  directory: string,
  group: GroupId,
): Promise<{ readonly path: string; readonly file: Awaited<ReturnType<typeof open>> }> {
  for (let number = 1; ; number++) {
    const path = `${directory}/group-${String(group)}-${String(number)}.rows`;
    try {
      return { path, file: await open(path, "wx") };
    } catch (error) {
      if (systemErrorCode(error) !== "EEXIST") throw error;
    }
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
