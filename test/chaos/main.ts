/** npm run chaos: kills the nodes of a real cluster under load, or adds and removes some, and judges what its clients saw. */
import { describeMachine } from "../bench/machine.js";
import { writeSection } from "../bench/report-file.js";
import { type Check, checksOf, checksOfChanges } from "./checks.js";
import { parseFlags } from "./flags.js";
import { runMembership } from "./membership-scenario.js";
import { changeReportLines, outageLines, reportLines } from "./report.js";
import { runFolder } from "./run-folder.js";
import { runChaos } from "./run.js";
import { stretchLines } from "./stretches.js";
import { runWipes } from "./wipe-scenario.js";

const say = (line: string): boolean => process.stdout.write(`${line}\n`);

const args = process.argv.slice(2);
const flags = parseFlags(args);
const folder = runFolder(`marconi-chaos-${flags.seed}-`, flags.folder);
const withoutSeed = args.filter((arg, i) => arg !== "--seed" && args[i - 1] !== "--seed");
const repeat = ["npm run chaos --", ...withoutSeed, "--seed", String(flags.seed)].join(" ");
say(`seed ${flags.seed}, ${flags.nodes} nodes, ${flags.partitions} partitions, in ${folder.path}`);

interface Judged {
  readonly checks: readonly Check[];
  readonly stuck: Error | undefined;
}

async function kill(): Promise<Judged> {
  const result = await runChaos(flags, folder.path, say);
  const checks = checksOf(result);
  for (const line of reportLines(result, checks)) say(line);
  if (flags.write) await writeFigures("failover", outageLines(result.outages));
  return { checks, stuck: result.stuck };
}

async function change(): Promise<Judged> {
  const grows = flags.scenario === "membership";
  const result = grows
    ? await runMembership(flags, folder.path, say)
    : await runWipes({ ...flags, wipes: flags.faults }, folder.path, say);
  const checks = checksOfChanges(result, flags.patient);
  for (const line of changeReportLines(result, checks)) say(line);
  if (flags.write) await writeFigures(flags.scenario, stretchLines(result.stretches));
  return { checks, stuck: result.stuck };
}

async function writeFigures(section: string, lines: readonly string[]): Promise<void> {
  const machine = `${describeMachine(folder.path)}. ${new Date().toISOString().slice(0, 10)}. ${flags.nodes} nodes, seed ${flags.seed}.`;
  await writeSection(section, [machine, "", "```", ...lines, "```"].join("\n"));
}

const { checks, stuck } = await (flags.scenario === "kill" ? kill() : change());
const failed = checks.filter((check) => !check.passed).length + (stuck === undefined ? 0 : 1);
const passed = checks.length - checks.filter((check) => !check.passed).length;
if (failed > 0 || flags.keep) {
  folder.keep();
  say(`\nhistory, logs and data are kept in ${folder.path}`);
}
say(`\n${failed === 0 ? "PASS" : "FAIL"}  seed ${flags.seed}  repeat with: ${repeat}`);
say(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
