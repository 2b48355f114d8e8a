import { afterEach, describe, expect, test } from "@jest/globals";
import { ByteReader } from "../../../src/base/index.js";
import { isQuery, partitionOf } from "../../../src/command/index.js";
import { MarconiError } from "../../../src/contract/index.js";
import { createRouter, type PartitionRouter, type RouterOptions } from "../../../src/gateway/router/index.js";
import { responseOf } from "./fake-answers.js";
import { FakeCluster } from "./fake-cluster.js";
import { FakeNode, type ReceivedRequest } from "./fake-node.js";
import { eventually, RecordingLog, silentLog } from "./support.js";

/** For a busy machine; the exact bounds are asserted in virtual time by node-link.test.ts. */
const wallClockSlackMs = 1_500;

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

async function ready(nodes: readonly FakeNode[], options: Partial<RouterOptions> = {}): Promise<PartitionRouter> {
  cluster.leadAll();
  const service = route(nodes, options);
  await eventually(() => service.healthy());
  return service;
}

const headerOf = ({ bytes }: ReceivedRequest): { session: number; sequence: number } => {
  const reader = new ByteReader(bytes);
  reader.u8();
  return { session: reader.u64(), sequence: reader.u64() };
};

async function failureOf(call: Promise<unknown>): Promise<MarconiError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof MarconiError) return error;
  }
  throw new Error("expected a MarconiError");
}

function first<Item>(items: readonly Item[]): Item {
  const [item] = items;
  if (item === undefined) throw new Error("expected one at least");
  return item;
}

afterEach(async () => {
  await router?.close(0);
  router = undefined;
  for (const node of cluster.nodes.values()) node.kill();
});

describe("PartitionRouter over gRPC", () => {
  test("sends each request to its partition's leader, whichever node it is", async () => {
    const nodes = await startCluster(3, 12);
    const service = await ready(nodes);
    const names = Array.from({ length: 40 }, (_, i) => `queue-${String(i)}`);
    expect(await Promise.all(names.map((name) => service.createQueue("p", name)))).toEqual(names.map(() => true));
    expect(await service.createQueue("p", first(names))).toBe(false);
    expect(await service.queueExists("p", first(names))).toBe(true);
    expect(await service.queueExists("p", "none")).toBe(false);
    expect(Buffer.from((await service.getMetadata("p", first(names))) ?? []).toString()).toBe("{}");
    const batch = { count: 1, bytes: Buffer.from("opaque") };
    expect(await service.postMessages("p", first(names), Buffer.alloc(16), batch)).toMatchObject({ firstSequence: 1 });
    for (const { partition, queue } of cluster.effects) expect(partition).toBe(partitionOf("p", queue, 12));
    expect(nodes.every((node) => node.received.length > 0)).toBe(true);
    await service.deleteQueue("p", first(names));
    expect(await service.queueExists("p", first(names))).toBe(false);
  });

  test("one seed is enough: the other nodes are learned from it", async () => {
    const nodes = await startCluster(3, 6);
    const service = await ready([first(nodes)], { gateway: "gateway-7" });
    expect(service.stats()).toMatchObject({ nodesConnected: 3, partitions: 6, partitionsWithoutLeader: 0 });
    expect(nodes.map((node) => node.hellos.length)).toEqual([1, 1, 1]);
    expect(first(nodes).hellos).toEqual([{ gateway: "gateway-7", clusterId: "" }]);
    expect(nodes[1]?.hellos).toEqual([{ gateway: "gateway-7", clusterId: "cluster-a" }]);
  });

  test("gathers concurrent requests into few frames", async () => {
    const nodes = await startCluster(1, 4);
    const service = await ready(nodes);
    await Promise.all(Array.from({ length: 500 }, (_, i) => service.createQueue("p", `queue-${String(i)}`)));
    const { requestsSent, framesSent } = service.stats();
    expect(requestsSent).toBe(500);
    expect(framesSent).toBeLessThan(10);
    expect(cluster.effects).toHaveLength(500);
  });

  test("takes answers in any order", async () => {
    const nodes = await startCluster(1, 1);
    const service = await ready(nodes);
    first(nodes).arrange = (answers) => answers.reverse();
    await service.createQueue("p", "even");
    const answers = await Promise.all(["even", "odd", "even", "odd"].map((name) => service.queueExists("p", name)));
    expect(answers).toEqual([true, false, true, false]);
  });

  test("merges lists of queues over all partitions", async () => {
    const nodes = await startCluster(3, 7);
    const service = await ready(nodes);
    const names = Array.from({ length: 30 }, (_, i) => `queue-${String(i).padStart(2, "0")}`);
    await Promise.all(names.map((name) => service.createQueue("p", name)));
    const page = await service.listQueues("p", "queue-04", 10, false);
    expect(page).toEqual(names.slice(5, 15).map((name) => ({ name, metadata: undefined })));
    const detailed = await service.listQueues("p", "queue-27", 10, true);
    expect(detailed.map(({ name, metadata }) => [name, Buffer.from(metadata ?? []).toString()])).toEqual([
      ["queue-28", "{}"],
      ["queue-29", "{}"],
    ]);
  });

  test("a leader that turns requests away, then the news of its successor", async () => {
    const nodes = await startCluster(2, 1);
    const service = await ready(nodes);
    const call = ((): Promise<boolean> => {
      // Moved behind the router's back: the news follows later.
      cluster.partition(0).leader = "node-2";
      cluster.partition(0).term += 1;
      return service.createQueue("p", "q");
    })();
    await eventually(() => service.stats().bounces > 0);
    nodes[1]?.pushLeader(0, cluster.partition(0).term, "node-2", true);
    expect(await call).toBe(true);
    expect(cluster.effects).toHaveLength(1);
    // One bounce, or more where the machine is so slow that the leader in doubt was asked again before the news.
    expect(service.stats().retries).toBe(service.stats().bounces);
  });

  test("a stream that dies with a request on it: the same session and sequence go to the next leader, and it happens once", async () => {
    const nodes = await startCluster(2, 1);
    const [a, b] = nodes;
    if (a === undefined || b === undefined) throw new Error("two nodes");
    const service = await ready(nodes);
    a.behave = () => "execute-silently";
    const call = service.createQueue("p", "q");
    await eventually(() => cluster.effects.length === 1);
    a.kill();
    await eventually(() => service.stats().streamsLost === 1);
    cluster.lead(0, "node-2");
    expect(await call).toBe(true);
    expect(headerOf(first(b.received))).toEqual(headerOf(first(a.received)));
    expect(cluster.effects).toHaveLength(1);
    expect(b.received).toHaveLength(1);
  });

  test("a node that ends the stream but lives is found again at once", async () => {
    const nodes = await startCluster(1, 1);
    const node = first(nodes);
    const service = await ready(nodes);
    node.behave = () => "ignore";
    const call = service.createQueue("p", "q");
    await eventually(() => node.received.length === 1);
    node.behave = () => "answer";
    node.endStreams();
    const startMs = performance.now();
    expect(await call).toBe(true);
    expect(performance.now() - startMs).toBeLessThan(wallClockSlackMs);
  });

  test("a killed node is found again soon after its return", async () => {
    const nodes = await startCluster(2, 2);
    const node = first(nodes);
    const service = await ready(nodes);
    node.kill();
    await eventually(() => !service.healthy());
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await node.start();
    const tookMs = await eventually(() => service.healthy());
    expect(tookMs).toBeLessThan(500 + wallClockSlackMs);
  });

  test("without a leader: 503 at the deadline, and whether it may have happened", async () => {
    const nodes = await startCluster(1, 1);
    const service = route(nodes, { requestTimeoutMs: 200 });
    const waiting = await failureOf(service.createQueue("p", "q"));
    expect(waiting).toMatchObject({ code: "no-leader", retryAfterSec: 1 });
    expect(waiting.definition).toMatchObject({ status: 503, effect: "none" });
    cluster.lead(0, "node-1");
    await eventually(() => service.healthy());
    first(nodes).behave = ({ bytes }) => (isQuery(bytes) ? "ignore" : "execute-silently");
    const [command, query] = await Promise.all([
      failureOf(service.createQueue("p", "q")),
      failureOf(service.queueExists("p", "q")),
    ]);
    expect(command).toMatchObject({ code: "unknown-outcome" });
    expect(command.definition).toMatchObject({ status: 503, effect: "unknown" });
    expect(query).toMatchObject({ code: "no-leader" });
  });

  test("with nobody to talk to: 503 at the deadline", async () => {
    const nodes = await startCluster(1, 1);
    first(nodes).kill();
    const service = route(nodes, { requestTimeoutMs: 150 });
    expect(await failureOf(service.createQueue("p", "q"))).toMatchObject({ code: "no-leader" });
    expect(service.healthy()).toBe(false);
  });

  test("a node of another cluster is not used", async () => {
    const nodes = await startCluster(1, 1);
    const log = new RecordingLog();
    const service = route(nodes, { clusterId: "cluster-b", log, requestTimeoutMs: 200 });
    cluster.leadAll();
    expect(await failureOf(service.createQueue("p", "q"))).toMatchObject({ code: "no-leader" });
    expect(first(nodes).received).toEqual([]);
    expect(JSON.stringify(log.errors)).toContain("cluster-a");
  });

  test("a node that sends nonsense loses its stream, not the gateway", async () => {
    const nodes = await startCluster(1, 1);
    const service = await ready(nodes);
    first(nodes).push({ ...responseOf([]), correlations: [1, 2, 3] });
    await eventually(() => service.stats().streamsLost === 1);
    expect(await service.createQueue("p", "q")).toBe(true);
  });

  test("large requests and answers to the same node do not stall", async () => {
    const nodes = await startCluster(1, 4);
    const service = await ready(nodes);
    const batch = { count: 1, bytes: Buffer.alloc(200_000, 7) };
    await Promise.all(Array.from({ length: 20 }, (_, i) => service.createQueue("p", `queue-${String(i)}`)));
    const posts = Array.from({ length: 100 }, (_, i) =>
      service.postMessages("p", `queue-${String(i % 20)}`, Buffer.alloc(16), batch),
    );
    const posted = await Promise.all(posts);
    expect(posted.every((result) => result !== undefined)).toBe(true);
    expect(service.stats()).toMatchObject({ requestsOutstanding: 0, outstandingBytes: 0, requestsInFlight: 0 });
  });

  test("close lets what is under way finish", async () => {
    const nodes = await startCluster(1, 1);
    const service = await ready(nodes);
    const call = service.createQueue("p", "q");
    const closing = service.close(4_000);
    expect(await failureOf(service.createQueue("p", "q2"))).toMatchObject({ code: "shutting-down" });
    expect(await call).toBe(true);
    await closing;
  });
});
