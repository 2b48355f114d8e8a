import type { Timers } from "../base/index.js";
import type { MachineLoader } from "../partition/index.js";
import type { Row } from "../storage/index.js";
import { nodeLimits } from "./limits.js";

/** Gives the rows of a checkpoint to a loader, a slice per event-loop turn: other replicas of the shard go on meanwhile. */
export async function loadRows(
  loader: MachineLoader,
  chunks: AsyncIterable<readonly Row[]>,
  timers: Pick<Timers, "soon">,
): Promise<void> {
  let slice: Row[] = [];
  let bytes = 0;
  for await (const rows of chunks)
    for (const row of rows) {
      slice.push(row);
      bytes += row.key.length + row.value.length;
      if (bytes < nodeLimits.loadSliceBytes) continue;
      loader.add(slice);
      slice = [];
      bytes = 0;
      await new Promise<void>((resolve) => {
        timers.soon(resolve);
      });
    }
  loader.add(slice);
}
