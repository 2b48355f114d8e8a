import { describe, expect, test } from "@jest/globals";
import { deriveSeed, Xoshiro128 } from "../../../src/base/index.js";
import {
  type CrashMode,
  FaultyFileSystem,
  MemoryFileSystem,
  type OpenedShardLog,
  openShardLog,
} from "../../../src/storage/index.js";
import { applyOperation, type ModelState, observe, render, submitOperation } from "./log-model.js";
import { Workload } from "./log-workload.js";

const SEED = Number(process.env["STORAGE_SEED"] ?? Date.now() % 1_000_000);
const OPERATIONS = 40;
const MODES: readonly CrashMode[] = ["keep", "lose", "tear", "tear"];
const REPEAT = `repeat with STORAGE_SEED=${String(SEED)}`;

/** One life of a process: from the opening of the log to its death. */
interface Life {
  /** States after 0, 1, 2 ... operations of this life. */
  readonly states: ModelState[];
  /** Operations that were reported durable: all up to this one must survive. */
  acknowledged: number;
  readonly recovered: string;
}

/** A disk that works until mutating call `callMax`, which takes effect unseen; afterwards nothing does. */
function dying(disk: MemoryFileSystem, callMax: number): FaultyFileSystem {
  let dead = false;
  return new FaultyFileSystem(disk, ({ mutation }) => {
    if (dead) return { type: "error", code: "EIO" };
    if (mutation < callMax) return undefined;
    dead = true;
    return { type: "late-error", code: "EIO" };
  });
}

function open(fileSystem: FaultyFileSystem, onFatal: () => void, saltSeed: number): Promise<OpenedShardLog> {
  const salts = new Xoshiro128(saltSeed);
  return openShardLog({
    directory: "/data/wal",
    clusterId: "cluster",
    nodeId: "node",
    shard: 0,
    fileSystem,
    segmentBytes: 32 * 1024,
    onFatal,
    randomU32: () => salts.nextU32(),
  });
}

/** Opens the log and works on it until `operations` are submitted or the disk dies; undefined when it died while opening. */
async function live(fileSystem: FaultyFileSystem, seed: number, operations: number): Promise<Life | undefined> {
  let fatal = (): void => undefined;
  const died = new Promise<void>((resolve) => {
    fatal = resolve;
  });
  let opened: OpenedShardLog;
  let found: ModelState;
  try {
    opened = await open(fileSystem, fatal, seed);
    found = await observe(opened.log, opened.groups);
  } catch (error) {
    isDeadDisk(error);
    return undefined;
  }
  const { log } = opened;
  const rng = new Xoshiro128(seed);
  const workload = new Workload(rng);
  workload.resume(found);
  const life: Life = { states: [found], acknowledged: 0, recovered: render(found) };
  for (let i = 1; i <= operations && log.failure() === undefined; i++) {
    const operation = workload.next();
    life.states.push(workload.state);
    const done = new Promise<void>((resolve) => {
      const durable = (): void => {
        life.acknowledged = Math.max(life.acknowledged, i);
        resolve();
      };
      submitOperation(log, operation, durable, () => undefined);
    });
    const waits = operation.type !== "checkpoint" && (operation.type !== "order" || operation.mustSync);
    if (waits && rng.between(0, 3) > 0) await Promise.race([done, died]);
  }
  const closed = await Promise.race([log.close().then(() => true, isDeadDisk), died]);
  if (closed === true && log.failure() === undefined) life.acknowledged = operations;
  return life;
}

/** False for the error of a dead disk; others are thrown. */
function isDeadDisk(error: unknown): boolean {
  if ((error as { code?: string }).code !== "EIO") throw error;
  return false;
}

/** The recovered state is one that the life before went through, and none before its last acknowledgement. */
function checkSurvivor(before: Life, recovered: string, context: string): void {
  const legal = before.states.slice(before.acknowledged).map(render);
  if (!legal.includes(recovered)) {
    const all = before.states.map(render);
    const problem = all.includes(recovered)
      ? `state ${String(all.lastIndexOf(recovered))} of ${String(before.acknowledged)} acknowledged`
      : "a state that never was";
    throw new Error(`${context}: recovered ${problem}; ${REPEAT}\n${recovered}`);
  }
}

const EMPTY_LIFE: Life = { states: [new Map()], acknowledged: 0, recovered: "" };

describe("a crash at any moment", () => {
  test("keeps everything acknowledged and invents nothing", async () => {
    const whole = new FaultyFileSystem(new MemoryFileSystem(), () => undefined);
    const complete = await live(whole, SEED, OPERATIONS);
    expect(complete?.acknowledged).toBe(OPERATIONS);
    expect(whole.mutations).toBeGreaterThan(100);
    for (let call = 1; call <= whole.mutations; call++) {
      for (const [i, mode] of [MODES[call % MODES.length] ?? "keep", "tear" as const].entries()) {
        const disk = new MemoryFileSystem();
        const context = `crash after call ${String(call)}, mode ${mode}, sample ${String(i)}`;
        const first = (await live(dying(disk, call), SEED, OPERATIONS)) ?? EMPTY_LIFE;
        disk.crash(new Xoshiro128(deriveSeed(SEED, context)), mode);
        const second = await live(new FaultyFileSystem(disk, () => undefined), SEED + 1, 5);
        checkSurvivor(first, second?.recovered ?? "", context);
        disk.crash(new Xoshiro128(deriveSeed(SEED, `${context} again`)), "lose");
        const third = await live(new FaultyFileSystem(disk, () => undefined), SEED + 2, 0);
        checkSurvivor(second ?? EMPTY_LIFE, third?.recovered ?? "", `${context}, reopened`);
      }
    }
  }, 60_000);

  test("also while recovering from a crash", async () => {
    let crashes = 0;
    for (let sample = 0; sample < 12; sample++) {
      const seed = deriveSeed(SEED, `recovery ${String(sample)}`);
      const rng = new Xoshiro128(seed);
      const calls = rng.between(20, 150);
      for (let call = 1; call < 40; call++) {
        const disk = new MemoryFileSystem();
        const context = `crash after call ${String(calls)}, then after call ${String(call)} of the recovery`;
        const first = (await live(dying(disk, calls), seed, OPERATIONS)) ?? EMPTY_LIFE;
        disk.crash(new Xoshiro128(seed + call), "tear");
        const second = await live(dying(disk, call), seed + 1, 0);
        if (second !== undefined) break;
        crashes++;
        disk.crash(new Xoshiro128(seed + call + 1), "tear");
        const third = await live(new FaultyFileSystem(disk, () => undefined), seed + 2, 0);
        checkSurvivor(first, third?.recovered ?? "", context);
      }
    }
    expect(crashes).toBeGreaterThan(20);
  }, 60_000);

  test("random lives after lives", async () => {
    for (let sample = 0; sample < 25; sample++) {
      const seed = deriveSeed(SEED, `lives ${String(sample)}`);
      const rng = new Xoshiro128(seed);
      const disk = new MemoryFileSystem();
      let before = EMPTY_LIFE;
      for (let life = 0; life < 8; life++) {
        const next = await live(dying(disk, rng.between(1, 120)), seed + life, OPERATIONS);
        if (next !== undefined) {
          checkSurvivor(before, next.recovered, `sample ${String(sample)}, life ${String(life)}`);
          before = next;
        }
        disk.crash(rng, MODES[rng.between(0, MODES.length)] ?? "tear");
      }
      const last = await live(new FaultyFileSystem(disk, () => undefined), seed + 100, 0);
      checkSurvivor(before, last?.recovered ?? "", `sample ${String(sample)}, last`);
    }
  }, 60_000);
});

test("the model itself cuts and replaces", () => {
  const start = {
    index: 0,
    term: 0,
    configuration: { voters: [1], outgoing: [], learners: [] },
    configurationIndex: 0,
  };
  let state = applyOperation(new Map(), { type: "create", group: 1, incarnation: "00".repeat(8), start });
  const entry = (index: number, term: number) => ({ index, term, kind: 0, data: new Uint8Array(1) }) as const;
  const order = { type: "order", group: 1, hard: undefined, mustSync: true } as const;
  state = applyOperation(state, { ...order, truncateFrom: undefined, entries: [entry(1, 1), entry(2, 1)] });
  state = applyOperation(state, { ...order, truncateFrom: 2, entries: [entry(2, 2)] });
  expect(state.get(1)?.entries.map(({ term }) => term)).toEqual([1, 2]);
});
