import { setTimeout as sleep } from "node:timers/promises";
import { deriveSeed, Xoshiro128 } from "../../src/base/index.js";
import { type ChangeFlags, type ChangeResult, RETRY_MS, seconds, SETTLE_MS_MAX } from "./membership-scenario.js";
import { Operator } from "./operator.js";
import { type Stretch, Stretches } from "./stretches.js";
import { type Stage, underLoad } from "./under-load.js";

export interface WipeFlags extends ChangeFlags {
  /** How many disks are lost, one after the other. */
  readonly wipes: number;
}

const AWAY_MS_MIN = 300;
const AWAY_MS_MAX = 5_000;

/** Kills nodes and takes their disks, one after the other, under load: each comes back as another incarnation. */
export async function runWipes(flags: WipeFlags, folder: string, say: (line: string) => void): Promise<ChangeResult> {
  const changes: string[] = [];
  let stretches: readonly Stretch[] = [];
  const result = await underLoad({ ...flags, retryMs: RETRY_MS }, folder, say, async (stage) => {
    const parts = new Stretches(stage.timeline, stage.load.probes);
    stretches = parts.all;
    await new Operator(stage.cluster).settled(stage.cluster.nodes, SETTLE_MS_MAX);
    await calm(parts, flags.calmMs, "before");
    await wipeInTurn(stage, flags, changes);
    parts.end(`${flags.wipes} disks lost`);
    await calm(parts, flags.calmMs, "after");
  });
  return { ...result, stretches, changes, changesWanted: flags.wipes };
}

async function calm(parts: Stretches, durationMs: number, name: string): Promise<void> {
  parts.begin();
  await sleep(durationMs);
  parts.end(name);
}

async function wipeInTurn(stage: Stage, { seed, wipes }: WipeFlags, changes: string[]): Promise<void> {
  const { cluster } = stage;
  const rng = new Xoshiro128(deriveSeed(seed, "wipes"));
  const operator = new Operator(cluster);
  for (let i = 0; i < wipes; i++) {
    // The first is who leads the meta group.
    const name =
      i === 0 ? await operator.metaLeader() : (cluster.nodes[rng.between(0, cluster.nodes.length)] as string);
    await wipe(stage, operator, name, rng.between(AWAY_MS_MIN, AWAY_MS_MAX));
    changes.push(`${name} lost its disk`);
  }
}

async function wipe(
  { cluster, recorder, say }: Stage,
  operator: Operator,
  name: string,
  awayMs: number,
): Promise<void> {
  const leads = await cluster.ledBy(name);
  const before = await operator.describe();
  recorder.add({ op: "fault", invoke: performance.now(), what: "wipe", target: name });
  await cluster.kill(name);
  cluster.wipe(name);
  await sleep(awayMs);
  const sinceMs = performance.now();
  cluster.launch(name);
  const readyMs = await cluster.ready(name);
  const { nodes } = await operator.settled(cluster.nodes, SETTLE_MS_MAX);
  const incarnations = nodes.filter(({ id }) => id === name);
  const [old, now] = [before.map.nodes.findLast(({ id }) => id === name), incarnations.at(-1)];
  if (now === undefined || now.incarnation === old?.incarnation || now.seat === old?.seat)
    throw new Error(`${name} came back as the one that it had been`);
  if (incarnations.slice(0, -1).some(({ state }) => state !== "gone"))
    throw new Error(`the former incarnation of ${name} is not gone`);
  say(
    `     ${name}, leading ${leads.length} partitions, lost its disk and was away for ${awayMs} ms: ready ${Math.round(readyMs)} ms ` +
      `after its start on seat ${now.seat}, everything settled after ${seconds(sinceMs)}`,
  );
}
