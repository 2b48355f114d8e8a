import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { isFormerMember } from "../../../src/cli/dev/former-member.js";
import { applyCommand, type ClusterMap, encodeMap, type MapCommand } from "../../../src/cluster/index.js";
import { clusterId, standInMap, StandInNode } from "../../admin/stand-in-node.js";
import { freePorts } from "../../support/free-ports.js";

jest.setTimeout(20_000);

const opened: StandInNode[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.stop();
});

function after(map: ClusterMap, ...commands: MapCommand[]): ClusterMap {
  return commands.reduce((before, command) => {
    const outcome = applyCommand(before, command);
    if ("refused" in outcome) throw new Error(outcome.refused);
    return outcome.map;
  }, map);
}

// A node that joined and left again before it held anything; then, one of the same name.
const left = after(
  standInMap,
  { op: "add-node", id: "n4", incarnation: "00000000000000aa", address: "h4:1" },
  { op: "set-node-state", seat: 4, state: "leaving", successor: 0 },
);
const back = after(left, { op: "add-node", id: "n4", incarnation: "00000000000000bb", address: "h4:1" });

async function node(map: ClusterMap): Promise<StandInNode> {
  const one = new StandInNode("n1");
  opened.push(one);
  tell(one, map);
  return one.listen();
}

function tell(one: StandInNode, map: ClusterMap): void {
  Object.assign(one.description as object, { map: encodeMap(map) });
}

function ask(addresses: readonly string[], more: { patienceMs?: number; signal?: AbortSignal; id?: string } = {}) {
  const { patienceMs = 0, signal = new AbortController().signal, id = clusterId } = more;
  return isFormerMember({ name: "n4", clusterId: id, addresses, patienceMs, signal });
}

describe("whether a node was removed", () => {
  test.each<[string, ClusterMap, boolean]>([
    ["left", left, true],
    ["is back under its name", back, false],
    ["was never heard of", standInMap, false],
  ])("the others say of one that %s", async (_what, map, expected) => {
    expect(await ask([(await node(map)).address])).toBe(expected);
  });

  test("everybody is asked: one may be down, another may not have heard of it", async () => {
    const dead = `127.0.0.1:${String(await freePorts(1))}`;
    const [old, young] = [await node(standInMap), await node(left)];
    expect(await ask([dead, old.address, young.address])).toBe(true);
  });

  test("goes on asking for a while", async () => {
    const one = await node(standInMap);
    setTimeout(() => tell(one, left), 400);
    expect(await ask([one.address], { patienceMs: 5_000 })).toBe(true);
  });

  test("takes no word of another cluster, and none for a yes", async () => {
    expect(await ask([(await node(left)).address], { id: "another" })).toBe(false);
    expect(await ask([])).toBe(false);
  });

  test("is not asked any more when everything stops", async () => {
    const one = await node(standInMap);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 300);
    const sinceMs = performance.now();
    expect(await ask([one.address], { patienceMs: 10_000, signal: stop.signal })).toBe(false);
    expect(performance.now() - sinceMs).toBeLessThan(2_000);
    expect(await ask([one.address], { patienceMs: 10_000, signal: stop.signal })).toBe(false);
  });
});
