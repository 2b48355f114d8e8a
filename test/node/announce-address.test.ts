import { afterEach, describe, expect, test } from "@jest/globals";
import { announceAddress } from "../../src/node/announce-address.js";
import { nodeLimits } from "../../src/node/limits.js";
import { clusterId, redirectTo, StandInNode } from "../admin/stand-in-node.js";
import { freePorts } from "../support/free-ports.js";
import { eventually } from "../support/eventually.js";
import { foundingOf, incarnationAt, viewOf, withNodes } from "./maps.js";
import { logger, ManualTime } from "./mini-cluster.js";

const OWN = "127.0.0.1:1";

describe("a node that is reached elsewhere than the map says", () => {
  const nodes: StandInNode[] = [];
  const { joinTimeoutMs } = nodeLimits;
  let announcing: { stop(): void } | undefined;

  afterEach(() => {
    announcing?.stop();
    (nodeLimits as { joinTimeoutMs: number }).joinTimeoutMs = joinTimeoutMs;
    for (const node of nodes.splice(0)) node.stop();
  });

  async function standIn(): Promise<StandInNode> {
    const node = await new StandInNode("n2").listen();
    nodes.push(node);
    return node;
  }

  /** n1 is at n1:1 by the map; n2 is reached at `address`. */
  function setUp(address: string, own = OWN) {
    const time = new ManualTime();
    const map = withNodes(foundingOf(2), ({ seat }) => (seat === 2 ? { address } : {}));
    const view = viewOf("n1", map);
    announcing = announceAddress(view, own, clusterId, time, logger);
    const moved = (): void => {
      view.adopt(withNodes(view.map, ({ seat }) => (seat === 1 ? { address: own } : {})));
    };
    return { time, moved };
  }

  const command = { op: "add-node", id: "n1", incarnation: incarnationAt(1), address: OWN };

  test("tells the others, until its map has it", async () => {
    const other = await standIn();
    const { time, moved } = setUp(other.address);
    time.advance(nodeLimits.announceRetryMs);
    await eventually("the first word", () => other.commands.length === 1);
    expect(other.commands).toEqual([command]);
    expect(other.clusterIds).toEqual([clusterId]);
    await eventually("another timer", () => time.running > 0);
    time.advance(nodeLimits.announceRetryMs);
    await eventually("the second word", () => other.commands.length === 2);
    moved();
    await eventually("another timer, or none", () => {
      time.advance(nodeLimits.announceRetryMs);
      return time.running === 0;
    });
    expect(other.commands).toHaveLength(2);
  });

  test("says nothing when the map is right", () => {
    const { time } = setUp("127.0.0.1:2", "n1:1");
    expect(time.running).toBe(0);
  });

  test("asks itself too: it may lead the meta group, and the others point to where it was", async () => {
    const [other, self] = [await standIn(), await standIn()];
    const [nobody] = [await freePorts(1)];
    other.changes = [redirectTo(`127.0.0.1:${String(nobody)}`)];
    const { time } = setUp(other.address, self.address);
    time.advance(nodeLimits.announceRetryMs);
    await eventually("the word", () => self.commands.length === 1);
    expect(self.commands).toEqual([{ ...command, address: self.address }]);
  });

  test("tries again when nobody answers", async () => {
    (nodeLimits as { joinTimeoutMs: number }).joinTimeoutMs = 50;
    const port = await freePorts(1);
    const { time } = setUp(`127.0.0.1:${String(port)}`);
    time.advance(nodeLimits.announceRetryMs);
    expect(time.running).toBe(0);
    await eventually("another timer", () => time.running > 0);
    const late = await new StandInNode("n2").listen(port);
    nodes.push(late);
    time.advance(nodeLimits.announceRetryMs);
    await eventually("the word", () => late.commands.length === 1);
  });

  test("a stop ends it at once, in the midst of a question too", async () => {
    const other = await standIn();
    other.changes = ["mute"];
    const { time } = setUp(other.address);
    time.advance(nodeLimits.announceRetryMs);
    await eventually("the question", () => other.commands.length === 1);
    const sinceMs = performance.now();
    announcing?.stop();
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(performance.now() - sinceMs).toBeLessThan(1_000);
    expect(time.running).toBe(0);
    const idle = setUp(other.address);
    announcing?.stop();
    expect(idle.time.running).toBe(0);
  });
});
