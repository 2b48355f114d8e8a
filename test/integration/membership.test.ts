import { describe, expect, test } from "@jest/globals";
import { randomInt } from "node:crypto";
import { checksOfChanges } from "../chaos/checks.js";
import { type ChangeFlags, type ChangeResult, runMembership } from "../chaos/membership-scenario.js";
import { changeReportLines } from "../chaos/report.js";
import { runWipes } from "../chaos/wipe-scenario.js";
import { temporaryFolders } from "../support/temporary-folder.js";

/*
 * Real processes, a few seconds of load. `npm run chaos -- --scenario membership` and `--scenario wipe` are the long versions;
 * MARCONI_SEED=17 repeats the choices of a run.
 */

// Processes start, copy partitions to each other, and stop.
const TEST_MS_MAX = 400_000;

const newFolder = temporaryFolders();

function flags(): ChangeFlags {
  const seed = Number(process.env["MARCONI_SEED"] ?? randomInt(1, 2 ** 32));
  return { nodes: 3, nodesMax: 4, partitions: 12, clients: 4, seed, patient: false, calmMs: 1_000, harms: false };
}

/** All rules hold, and everything was done that should be; else the whole report is shown. */
function expectAllWell(result: ChangeResult, seed: number, told: readonly string[]): void {
  const checks = checksOfChanges(result, false);
  const failed = checks.filter(({ passed }) => !passed);
  const report = [`MARCONI_SEED=${seed}`, ...told, ...changeReportLines(result, checks)];
  expect(failed.length === 0 && result.stuck === undefined ? [] : report).toEqual([]);
}

describe("a cluster under load", () => {
  test(
    "takes a node in and lets the leader of its meta group go; no client hears of an error",
    async () => {
      const told: string[] = [];
      const options = flags();
      const result = await runMembership(options, newFolder(), (line) => told.push(line));
      expectAllWell(result, options.seed, told);
    },
    TEST_MS_MAX,
  );

  test(
    "makes whole again a node that lost its disk, as another incarnation",
    async () => {
      const told: string[] = [];
      const options = { ...flags(), wipes: 1 };
      const result = await runWipes(options, newFolder(), (line) => told.push(line));
      expectAllWell(result, options.seed, told);
    },
    TEST_MS_MAX,
  );
});
