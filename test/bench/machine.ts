import fs from "node:fs";
import os from "node:os";

/** What else the machine was doing when this program began: above a few tenths, figures are of a machine that is shared. */
const loadBefore = os.loadavg()[0] ?? 0;

/** One line that says what a figure was measured on. */
export function describeMachine(folder: string): string {
  const model = os.cpus()[0]?.model.trim() ?? "unknown processor";
  const memory = Math.round(os.totalmem() / 2 ** 30);
  return `${os.cpus().length} × ${model}, ${memory} GiB, ${fileSystemOf(folder)}, Linux ${os.release()}, Node ${process.versions.node}, load average ${loadBefore.toFixed(1)} before`;
}

/** The type of the file system that holds a folder: the longest mount point that is a prefix of it. */
function fileSystemOf(folder: string): string {
  const real = fs.realpathSync(folder);
  const mounts = fs.readFileSync("/proc/mounts", "utf8").split("\n");
  let best = { point: "", type: "unknown file system" };
  for (const mount of mounts) {
    const [, point = "", type = ""] = mount.split(" ");
    const holds = real === point || real.startsWith(point.endsWith("/") ? point : `${point}/`);
    if (holds && point.length >= best.point.length) best = { point, type };
  }
  return best.type;
}
