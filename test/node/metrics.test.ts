import { afterEach, describe, expect, test } from "@jest/globals";
import { DiskWatch } from "../../src/node/disk-watch.js";
import { nodeMetrics } from "../../src/node/index.js";
import { NodeMetrics } from "../../src/node/metrics.js";
import { RealFileSystem } from "../../src/storage/index.js";
import { FakeGateway, logger, MiniCluster } from "./mini-cluster.js";

describe("metrics of a node", () => {
  let cluster: MiniCluster;
  afterEach(async () => {
    await cluster.stopAll();
  });

  test("tell how full each bound is and what was turned away", async () => {
    cluster = new MiniCluster(["n1"]);
    await cluster.startAll();
    const leader = await cluster.leader();
    const gateway = new FakeGateway(leader);
    const metrics = new NodeMetrics();
    const disk = new DiskWatch(new RealFileSystem(), "/", logger);
    const peers = {
      *bufferedBytes(): Generator<readonly [string, number]> {
        yield ["n2", 77];
      },
    };
    metrics.watch(leader.shard, leader.log, disk, peers);
    metrics.leaderChanged(leader.replica);
    gateway.raw(leader, Buffer.from([200]));
    leader.shard.request(gateway.connection, 99, 8, Buffer.alloc(1));
    gateway.command(leader, { project: "p", queue: "q", op: "create-queue" });
    const waiting = await metrics.registry.metrics();
    expect(waiting).toContain("marconi_commands_queued 1");
    await cluster.settle();
    gateway.bufferedBytes = 1 << 30;
    gateway.command(leader, { project: "p", queue: "r", op: "create-queue" });
    await cluster.settle();
    const text = await metrics.registry.metrics();
    for (const line of [
      'marconi_requests_refused_total{reason="malformed"} 1',
      'marconi_requests_refused_total{reason="notLeader"} 1',
      'marconi_requests_refused_total{reason="overloaded"} 0',
      "marconi_gateways_dropped_total 1",
      "marconi_gateways 0",
      "marconi_commands_queued 0",
      "marconi_commands_queued_bytes 0",
      "marconi_raft_uncommitted_bytes 0",
      'marconi_peer_buffered_bytes{peer="n2"} 77',
      'marconi_raft_is_leader{partition="0"} 1',
      'marconi_queues{partition="0"} 2',
    ])
      expect(text).toContain(`${line}\n`);
  });

  test("can be described without a node, each with a help text", () => {
    const names = nodeMetrics().getMetricsAsArray();
    expect(names.length).toBeGreaterThan(30);
    for (const { name, help } of names as { name: string; help: string }[]) {
      expect(name).toMatch(/^(marconi|process|nodejs)_[a-z0-9_]+$/);
      expect(help.length).toBeGreaterThan(10);
    }
  });
});
