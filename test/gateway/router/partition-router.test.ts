import { afterEach, describe, expect, test } from "@jest/globals";
import { createRouter, type PartitionRouter, type RouterOptions } from "../../../src/gateway/router/index.js";
import { FakeCluster } from "./fake-cluster.js";
import { FakeNode } from "./fake-node.js";
import { eventually, silentLog } from "./support.js";

let router: PartitionRouter | undefined;
let cluster: FakeCluster;

async function startCluster(nodeCount: number, partitionCount: number): Promise<FakeNode[]> {
  cluster = new FakeCluster(partitionCount);
  const nodes = Array.from({ length: nodeCount }, (_, i) => new FakeNode(`node-${String(i + 1)}`, cluster));
  await Promise.all(nodes.map((node) => node.start()));
  return nodes;
}

function route(nodes: readonly FakeNode[], options: Partial<RouterOptions> = {}): PartitionRouter {
  router = createRouter({ nodes: nodes.map(({ address }) => address), log: silentLog, ...options });
  return router;
}

afterEach(async () => {
  await router?.close(0);
  router = undefined;
  for (const node of cluster.nodes.values()) node.kill();
});

describe("PartitionRouter", () => {
  test("sends each request to its partition's leader and decodes the answer", async () => {
    const nodes = await startCluster(3, 12);
    cluster.leadAll();
    const service = route(nodes);
    expect(await service.createQueue("p", "a")).toBe(true);
    expect(await service.createQueue("p", "a")).toBe(false);
    expect(await service.queueExists("p", "a")).toBe(true);
    expect(await service.queueExists("p", "b")).toBe(false);
    await eventually(() => service.healthy());
  });
});
