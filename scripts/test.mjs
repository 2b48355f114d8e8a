// npm test: prepare, then the whole suite. With arguments (npm test -- test/raft): only what they choose.
import process from "node:process";
import { runJest, suites } from "./lib/jest.mjs";
import { prepare } from "./lib/prepare.mjs";

const args = process.argv.slice(2);
const prepared = await prepare();
const total = { passed: 0, failed: prepared ? 0 : 1 };
const runs = !prepared ? [] : args.length > 0 ? [args] : [suites.unit, suites.integration];
for (const run of runs) {
  const { passed, failed } = await runJest(run);
  total.passed += passed;
  total.failed += failed;
}
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed === 0 ? 0 : 1;
