import fs from "node:fs";

const SECTOR_BYTES = 512;

/**
 * Bytes written so far to the device that holds a folder, by every process of the machine; undefined where Linux does not count
 * them (network and layered file systems). The counters of single processes (`/proc/<pid>/io`) are of no use here: they
 * take a page cache folio, which may be a megabyte, for written when four kilobytes of it are.
 */
export function deviceWrites(folder: string): number | undefined {
  const { dev } = fs.statSync(folder);
  const major = (dev >> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);
  for (const line of fs.readFileSync("/proc/diskstats", "utf8").split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (Number(fields[0]) === major && Number(fields[1]) === minor) return Number(fields[9]) * SECTOR_BYTES;
  }
  return undefined;
}
