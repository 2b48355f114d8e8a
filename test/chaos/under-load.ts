import path from "node:path";
import { HistoryChecker } from "../check/checker.js";
import { readHistory } from "../check/history.js";
import type { Verdict } from "../check/verdict.js";
import { Cluster, type ClusterOptions } from "./cluster.js";
import { drain } from "./drain.js";
import { Load } from "./load.js";
import { Recorder } from "./recorder.js";
import { Tally } from "./tally.js";
import { Timeline } from "./timeline.js";

export interface UnderLoadOptions extends Omit<ClusterOptions, "folder"> {
  readonly clients: number;
  readonly seed: number;
  /** Wait for claims to lapse at the end. */
  readonly patient: boolean;
  /** How long clients try again what is answered with `Retry-After`, in milliseconds; 0: not at all. */
  readonly retryMs: number;
}

/** What is there while clients work. */
export interface Stage {
  readonly cluster: Cluster;
  readonly load: Load;
  readonly recorder: Recorder;
  readonly timeline: Timeline;
  readonly say: (line: string) => void;
}

export interface UnderLoadResult {
  readonly verdict: Verdict;
  readonly tally: Tally;
  /** "n1 ended by itself: exit code 1". */
  readonly deaths: readonly string[];
  /** Messages that were left for the drain. */
  readonly left: number;
  /** Why the run did not come to its end; the history up to there is checked all the same. */
  readonly stuck: Error | undefined;
}

/** A node that dies this often by itself is not started again. */
const DEATHS_MAX = 10;

export const historyFile = (folder: string): string => path.join(folder, "history.ndjson");

/** Starts a cluster in the folder, does something to it under load, drains it, and judges the history. */
export async function underLoad(
  options: UnderLoadOptions,
  folder: string,
  say: (line: string) => void,
  act: (stage: Stage) => Promise<void>,
): Promise<UnderLoadResult> {
  const cluster = await Cluster.start({ ...options, folder });
  const recorder = new Recorder(historyFile(folder));
  const tally = new Tally();
  const timeline = new Timeline();
  const deaths: string[] = [];
  cluster.onUnexpectedEnd = (name, end) => {
    deaths.push(`${name} ended by itself after ${Math.round(end.ranMs)} ms: ${end.how}`);
    say(`     ${deaths.at(-1) ?? ""}`);
    if (deaths.length < DEATHS_MAX) cluster.launch(name);
  };
  const { host, port } = cluster;
  const load = new Load(options, { host, port, recorder, tally, timeline, retryMs: options.retryMs });
  let left = 0;
  let stuck: Error | undefined;
  try {
    await load.createQueues();
    load.start();
    await act({ cluster, load, recorder, timeline, say });
    await load.stop();
    left = await drain({ clients: load.clients, queues: load.queues, recorder, patient: options.patient });
  } catch (error) {
    stuck = error as Error;
    say(`     ${stuck.message}`);
    // With a cluster that does not come back, clients give up one by one.
    await load.stop();
  } finally {
    load.close();
    recorder.close();
    await cluster.close();
  }
  return { verdict: await judge(historyFile(folder)), tally, deaths, left, stuck };
}

async function judge(file: string): Promise<Verdict> {
  const checker = new HistoryChecker();
  for await (const record of readHistory(file)) checker.add(record);
  return checker.finish();
}
