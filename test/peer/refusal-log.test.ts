import { describe, expect, test } from "@jest/globals";
import { peerLimits } from "../../src/peer/limits.js";
import { RefusalLog } from "../../src/peer/refusal-log.js";
import { createLogger } from "../../src/telemetry/index.js";

function logged() {
  const lines: { level: string; node: string; reason: string; msg: string }[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line) as (typeof lines)[number]) };
  const refusals = new RefusalLog(createLogger({ name: "n1", level: "info", destination }));
  return { lines, refusals };
}

const because = (reason: string, mayPass = false) => ({ reason, evicted: false, mayPass });

describe("the log of refusals", () => {
  test("says each reason once per node and direction, until the two get on or the reason changes", () => {
    const { lines, refusals } = logged();
    for (let i = 0; i < 3; i++) {
      refusals.refused("n2", because("a"));
      refusals.refused("n3", because("a"));
      refusals.refusedBy("n2", "a");
    }
    expect(lines.map(({ node, msg }) => `${node} ${msg}`)).toEqual([
      "n2 peer refused",
      "n3 peer refused",
      "n2 refused by a peer",
    ]);
    refusals.refused("n2", because("b"));
    refusals.refused("n2", because("a"));
    refusals.forget("n2");
    refusals.refused("n2", because("a"));
    refusals.refusedBy("n2", "a");
    expect(lines.slice(3).map(({ reason }) => reason)).toEqual(["b", "a", "a", "a"]);
  });

  test("is milder about what may pass", () => {
    const { lines, refusals } = logged();
    refusals.refused("n2", because("a", true));
    refusals.refused("n3", because("a"));
    expect(lines.map(({ level }) => level)).toEqual(["warn", "error"]);
  });

  test("remembers a bounded number of them and cuts what strangers say", () => {
    const { lines, refusals } = logged();
    const count = peerLimits.refusalsMax + 1;
    for (let i = 0; i < count; i++) refusals.refused(`n${String(i)}`, because("a"));
    // The second is remembered; the first is not, and pushes out the third, the oldest now.
    refusals.refused("n1", because("a"));
    expect(lines).toHaveLength(count);
    refusals.refused("n0", because("a"));
    refusals.refused("n2", because("a"));
    expect(lines).toHaveLength(count + 2);
    refusals.refused("x".repeat(1_000_000), because("y".repeat(1_000_000)));
    expect(lines.at(-1)?.node).toHaveLength(peerLimits.refusalTextMax);
    expect(lines.at(-1)?.reason).toHaveLength(peerLimits.refusalTextMax);
  });
});
