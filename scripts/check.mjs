// npm run check [-- --stage smoke|test|full]: every check of the project, each with its time.
//   smoke  format, lint, types, boundaries, dead code, wire definitions, unit tests (with the tidy test)
//   test   and whole clusters: simulated ones under fixed seeds, and real processes
//   full   and a short chaos run (the default)
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { runJest, suites } from "./lib/jest.mjs";
import { prepare } from "./lib/prepare.mjs";
import { root, run, runNpm, runTool, seconds } from "./lib/run.mjs";

const STAGES = ["smoke", "test", "full"];

const quiet = { capture: true };
const tool =
  (file, ...args) =>
  () =>
    runTool(file, args, quiet);
const tests = (args) => async () => {
  const { passed, failed, output } = await runJest(args, quiet);
  return { passed, failed, code: failed === 0 ? 0 : 1, output };
};

/** Rows of one inner list run beside each other: static checks are short of cores rarely, tests always. */
const checks = {
  smoke: [
    [
      ["format", tool("prettier/bin/prettier.cjs", "--check", "--log-level=warn", ".")],
      ["types", tool("typescript/bin/tsc", "-p", "tsconfig.json", "--noEmit")],
    ],
    [
      ["lint", tool("eslint/bin/eslint.js", ".", "--max-warnings=0")],
      [
        "boundaries",
        tool("dependency-cruiser/bin/dependency-cruise.mjs", "src", "--config", ".dependency-cruiser.cjs"),
      ],
    ],
    [
      ["dead code", tool("knip/bin/knip.js", "--no-progress")],
      ["wire", () => run(process.execPath, ["node_modules/@bufbuild/buf/bin/buf", "lint"], quiet)],
    ],
    [["unit tests", tests(suites.unit)]],
  ],
  test: [
    // The same seeds every time, so that a change is judged by what it changed; `npm run simulate` looks for new ones.
    [["simulation", program("simulate", "--seeds", "2000", "--from", "1001", "--workers", "2")]],
    [["integration", tests(suites.integration)]],
  ],
  full: [[["chaos", program("chaos", "--short")]]],
};

/** A program of package.json that ends with a line of counts of its own; skipped, and said so, while there is none. */
function program(name, ...args) {
  return async () => {
    const { scripts } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
    if (scripts[name] === undefined) return { code: 0, output: "", skipped: `there is no "npm run ${name}"` };
    const { code, output } = await runNpm(["run", "--silent", name, "--", ...args], quiet);
    const [, passed, failed] = output.match(/(\d+) passed, (\d+) failed\s*$/) ?? [];
    if (passed === undefined) return { code, output };
    return { code, output, passed: Number(passed), failed: Math.max(Number(failed), code === 0 ? 0 : 1) };
  };
}

function wantedStage() {
  const [flag, stage, ...rest] = process.argv.slice(2);
  if (flag === undefined) return "full";
  if (flag === "--stage" && STAGES.includes(stage) && rest.length === 0) return stage;
  process.stderr.write(`usage: npm run check [-- --stage ${STAGES.join("|")}]\n`);
  process.exit(2);
}

/** Of a failed jest run, only what failed. */
function withoutGoodNews(output) {
  const [report] = output.split("\nSummary of all failing tests\n");
  const end = output.match(/\nTest Suites: [^]*$/)?.[0] ?? "";
  const lines = report.split("\n").filter((line) => !line.startsWith("PASS "));
  return (report === output ? lines.join("\n") : lines.join("\n") + end).trimEnd();
}

const stage = wantedStage();
const total = { passed: 0, failed: 0 };

async function perform([name, work]) {
  const sinceMs = performance.now();
  const { code, output, passed, failed, skipped } = await work();
  const good = code === 0;
  const verdict = skipped === undefined ? (good ? "ok" : "FAILED") : `skipped: ${skipped}`;
  const counts = passed === undefined ? "" : `  ${passed} passed, ${failed} failed`;
  process.stdout.write(`${name.padEnd(13)}${seconds(sinceMs).padStart(8)}  ${verdict}${counts}\n`);
  if (!good) process.stdout.write(`${withoutGoodNews(output)}\n`);
  total.passed += passed ?? (good && skipped === undefined ? 1 : 0);
  total.failed += failed ?? (good ? 0 : 1);
}

const sinceMs = performance.now();
const stages = STAGES.slice(0, STAGES.indexOf(stage) + 1);
if (await prepare()) {
  for (const beside of stages.flatMap((name) => checks[name])) await Promise.all(beside.map(perform));
} else total.failed += 1;
process.stdout.write(`${stage} in ${seconds(sinceMs)}\n${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed === 0 ? 0 : 1;
