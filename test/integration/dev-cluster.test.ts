import { afterEach, describe, expect, test } from "@jest/globals";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { DevCluster, type DevClusterOptions, isAlive } from "../support/dev-cluster.js";
import { eventually } from "../support/eventually.js";
import { QueueClient } from "../support/queue-client.js";
import { temporaryFolders } from "../support/temporary-folder.js";

// Every test starts processes and waits for them.
const TEST_MS_MAX = 120_000;

const newFolder = temporaryFolders();
const running: DevCluster[] = [];

async function start(options: DevClusterOptions): Promise<DevCluster> {
  const cluster = await DevCluster.start(options);
  running.push(cluster);
  return cluster;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((cluster) => cluster.stop()));
}, TEST_MS_MAX);

describe("a local cluster", () => {
  test(
    "finds every message again after Ctrl-C, and leaves no process behind",
    async () => {
      const data = newFolder();
      const first = await start({ data });
      const client = new QueueClient(first.url);
      const queues = ["orders", "mail", "thumbnails", "a.b-c_d"];
      const expected = new Map<string, { href: string; body: unknown }[]>();
      for (const queue of queues) {
        expect(await client.createQueue(queue)).toBe(201);
        const bodies = Array.from({ length: 60 }, (_, i) => ({ queue, i, text: "ä€😀" }));
        const hrefs = [
          ...(await client.post(queue, bodies.slice(0, 1))),
          ...(await client.post(queue, bodies.slice(1))),
        ];
        for (const claimed of await client.claim(queue, 7)) await client.delete(claimed.href);
        expected.set(queue, hrefs.map((href, i) => ({ href, body: bodies[i] })).slice(7));
      }
      const pids = [...first.pids().values()];
      expect(pids).toHaveLength(4);
      expect(await first.stop("SIGINT")).toBe(0);
      expect(pids.filter(isAlive)).toEqual([]);
      expect(fs.existsSync(path.join(data, "lock.json"))).toBe(false);

      const second = await start({ data, firstPort: first.firstPort });
      const again = new QueueClient(second.url);
      for (const queue of queues) {
        const found = await again.listAll(queue);
        expect(found.map(({ href, body }) => ({ href, body }))).toEqual(expected.get(queue));
      }
    },
    TEST_MS_MAX,
  );

  test(
    "serves on while a killed node is away, and takes it back",
    async () => {
      const cluster = await start({ data: newFolder() });
      const client = new QueueClient(cluster.url);
      // Queues on many partitions, so that the victim leads some of them.
      const queues = Array.from({ length: 12 }, (_, i) => `queue-${i}`);
      for (const queue of queues) await client.createQueue(queue);
      const victim = cluster.pids().get("n2")!;
      process.kill(victim, "SIGKILL");
      const hrefs = new Map<string, string[]>();
      for (const queue of queues) hrefs.set(queue, await client.post(queue, [{ while: "away" }]));
      await eventually("the death is told", () => cluster.output.includes("n2       died (SIGKILL)"), 30_000);
      await eventually("it is back", () => cluster.output.match(/n2 +ready/g)?.length === 2, 60_000);
      expect(cluster.pids().get("n2")).not.toBe(victim);
      for (const queue of queues) {
        const found = (await client.listAll(queue)).map((message) => message.href);
        expect(found).toEqual(hrefs.get(queue));
      }
    },
    TEST_MS_MAX,
  );

  test(
    "every process shows its metrics and its readiness",
    async () => {
      const cluster = await start({ data: newFolder() });
      for (const name of ["gateway", "n1", "n2", "n3"]) {
        const url = cluster.metricsUrl(name);
        expect((await fetch(`${url}/ready`)).status).toBe(200);
        expect((await fetch(`${url}/health`)).status).toBe(200);
        expect(await (await fetch(`${url}/metrics`)).text()).toContain("marconi_");
      }
    },
    TEST_MS_MAX,
  );

  test(
    "dies with its supervisor, and the next one waits for it",
    async () => {
      const data = newFolder();
      const first = await DevCluster.start({ data });
      const pids = [...first.pids().values()];
      first.kill();
      const second = await start({ data, firstPort: first.firstPort });
      expect(pids.filter(isAlive)).toEqual([]);
      expect(second.output).toContain("ready after");
    },
    TEST_MS_MAX,
  );

  test(
    "one node is a cluster too",
    async () => {
      const cluster = await start({ data: newFolder(), nodes: 1 });
      const client = new QueueClient(cluster.url);
      expect(await client.createQueue("alone")).toBe(201);
      await client.post("alone", [1, 2, 3]);
      expect((await client.claim("alone")).map((message) => message.body)).toEqual([1, 2, 3]);
    },
    TEST_MS_MAX,
  );
});

const REFUSAL_MS_MAX = 60_000;

describe("a local cluster refuses", () => {
  async function refusal(options: DevClusterOptions): Promise<string> {
    const cluster = await DevCluster.launch(options);
    // One that starts instead must not outlive the test.
    const tooLong = setTimeout(() => cluster.kill(), REFUSAL_MS_MAX);
    expect(await cluster.ended()).toBe(3);
    clearTimeout(tooLong);
    return cluster.output;
  }

  test(
    "a data folder in use, also to reset it; then other numbers than it was made with",
    async () => {
      const data = newFolder();
      const first = await start({ data, nodes: 2 });
      expect(await refusal({ data })).toMatch(/is in use by the cluster of process \d+: stop it first/);
      expect(await refusal({ data, flags: ["--reset"] })).toMatch(/is in use by the cluster of process \d+/);
      await new QueueClient(first.url).createQueue("still-there");
      expect(await first.stop()).toBe(0);
      expect(await refusal({ data, nodes: 1 })).toContain("--nodes 1 is fewer than the 2 of the cluster");
      expect(await refusal({ data, flags: ["--partitions", "7"] })).toContain(
        "start with --partitions 12, or with --reset",
      );
      const again = await start({ data, flags: ["--reset", "--partitions", "7"], nodes: 1 });
      expect(await new QueueClient(again.url).createQueue("still-there")).toBe(201);
    },
    TEST_MS_MAX,
  );

  test(
    "a port that is taken, with the flag that moves it",
    async () => {
      const blocker = net.createServer().listen(0, "127.0.0.1");
      await eventually("the port is taken", () => blocker.listening);
      const { port } = blocker.address() as net.AddressInfo;
      const data = newFolder();
      expect(await refusal({ data, flags: ["--port", String(port)] })).toContain(
        `port ${port} (the gateway) is in use: free it, or choose another with --port`,
      );
      blocker.close();
    },
    TEST_MS_MAX,
  );

  test("a folder of a newer format, and one of something else", async () => {
    const newer = newFolder();
    fs.writeFileSync(path.join(newer, "cluster.json"), JSON.stringify({ kind: "marconi-dev-cluster", format: 99 }));
    expect(await refusal({ data: newer })).toContain("written by a newer Marconi (format 99");
    const other = newFolder();
    fs.writeFileSync(path.join(other, "photo.jpg"), "");
    expect(await refusal({ data: other, flags: ["--reset"] })).toContain('holds "photo.jpg"');
    expect(fs.readdirSync(other)).toEqual(["photo.jpg"]);
  });

  test(
    "the folder of another cluster under a node",
    async () => {
      const [data, other] = [newFolder(), newFolder()];
      for (const folder of [data, other])
        expect(await (await DevCluster.start({ data: folder, nodes: 1 })).stop()).toBe(0);
      fs.rmSync(path.join(data, "n1"), { recursive: true });
      fs.cpSync(path.join(other, "n1"), path.join(data, "n1"), { recursive: true });
      const mixed = await DevCluster.launch({ data, nodes: 1 });
      expect(await mixed.ended()).not.toBe(0);
      expect(mixed.output).toMatch(/n1 .*belongs to cluster .*\nn1 +did not start \(exit code 3\)/);
    },
    TEST_MS_MAX,
  );
});
