// Ends a test run with one plain line for people and programs: `N passed, N failed`.
import fs from "node:fs";
import process from "node:process";

/** A suite that could not even be loaded has no tests; it counts as one failed test. */
export function countsOf(results) {
  return {
    passed: results.numPassedTests,
    failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
  };
}

export default class PlainLineReporter {
  onRunComplete(_contexts, results) {
    const { passed, failed } = countsOf(results);
    // A caller that runs jest more than once adds up itself.
    const file = process.env.JEST_COUNTS_FILE;
    if (file !== undefined) fs.writeFileSync(file, JSON.stringify({ passed, failed }));
    // Jest writes its own summary after every reporter has run.
    else process.once("exit", () => process.stdout.write(`${passed} passed, ${failed} failed\n`));
  }
}
