/** npm run chaos: kills the nodes of a real cluster under load, and judges what its clients saw. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describeMachine } from "../bench/machine.js";
import { writeSection } from "../bench/report-file.js";
import { checksOf } from "./checks.js";
import { parseFlags } from "./flags.js";
import { outageLines, reportLines } from "./report.js";
import { runChaos } from "./run.js";

const say = (line: string): boolean => process.stdout.write(`${line}\n`);

const args = process.argv.slice(2);
const flags = parseFlags(args);
const folder = fs.mkdtempSync(path.join(flags.folder ?? os.tmpdir(), `marconi-chaos-${flags.seed}-`));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
const withoutSeed = args.filter((arg, i) => arg !== "--seed" && args[i - 1] !== "--seed");
const repeat = ["npm run chaos --", ...withoutSeed, "--seed", String(flags.seed)].join(" ");
say(`seed ${flags.seed}, ${flags.nodes} nodes, ${flags.partitions} partitions, in ${folder}`);

const result = await runChaos(flags, folder, say);
const checks = checksOf(result);
for (const line of reportLines(result, checks)) say(line);
if (flags.write) {
  const machine = `${describeMachine(folder)}. ${new Date().toISOString().slice(0, 10)}. ${flags.nodes} nodes, seed ${flags.seed}.`;
  writeSection("failover", [machine, "", "```", ...outageLines(result.outages), "```"].join("\n"));
}

const failed = checks.filter((check) => !check.passed).length + (result.stuck === undefined ? 0 : 1);
const passed = checks.length - checks.filter((check) => !check.passed).length;
if (failed === 0 && !flags.keep) fs.rmSync(folder, { recursive: true, force: true });
else say(`\nhistory, logs and data are kept in ${folder}`);
say(`\n${failed === 0 ? "PASS" : "FAIL"}  seed ${flags.seed}  repeat with: ${repeat}`);
say(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
