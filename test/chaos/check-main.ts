/** npm run chaos:check -- history.ndjson: judges a history again. */
import { HistoryChecker } from "../check/checker.js";
import { readHistory } from "../check/history.js";
import { type Rule, rules } from "../check/verdict.js";

const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write("usage: npm run chaos:check -- <history.ndjson>\n");
  process.exit(2);
}
const checker = new HistoryChecker();
for await (const record of readHistory(file)) checker.add(record);
const { valid, violations, countByRule, counts } = checker.finish();
process.stdout.write(`${JSON.stringify(counts)}\n`);
for (const { rule, queue, what } of violations) process.stdout.write(`${rule} ${queue}: ${what}\n`);
for (const [rule, count] of countByRule) process.stdout.write(`${count} × ${rule} ${rules[rule]}\n`);
const all = Object.keys(rules) as Rule[];
const failed = countByRule.size + (valid || countByRule.size > 0 ? 0 : 1);
if (!valid && countByRule.size === 0) process.stdout.write("the history has no drain: loss was not looked for\n");
process.stdout.write(`${all.length - countByRule.size} passed, ${failed} failed\n`);
process.exitCode = valid ? 0 : 1;
