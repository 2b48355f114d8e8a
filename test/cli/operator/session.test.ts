import { describe, expect, test } from "@jest/globals";
import { AdminError } from "../../../src/admin/index.js";
import { Session } from "../../../src/cli/operator/session.js";
import { operatorSchema, resolve } from "../../../src/config/index.js";
import { StandInCluster } from "./stand-in-cluster.js";

function sessionOf(cluster: StandInCluster) {
  const { config } = resolve(operatorSchema, {}, {});
  const terminal = { say: () => undefined, warn: () => undefined };
  return new Session({ admin: cluster.admin, timers: cluster.timers, clock: cluster.clock, config, terminal });
}

/** Notes who is asked. */
function listen(cluster: StandInCluster): (string | undefined)[] {
  const asked: (string | undefined)[] = [];
  const { describe: ask } = cluster.admin;
  cluster.admin.describe = (address) => {
    asked.push(address);
    return ask(address);
  };
  return asked;
}

describe("what a command knows of the cluster", () => {
  test("comes from the leader of the meta group, when the node that was named lags behind", async () => {
    const cluster = new StandInCluster();
    const old = cluster.map;
    cluster.join("n4");
    cluster.down.add("n1");
    cluster.distort.set("n2", (description) => ({ ...description, map: old, metaLeader: "n3" }));
    cluster.distort.set("n3", (description) => ({ ...description, metaLeader: "n3" }));
    const session = sessionOf(cluster);
    expect((await session.refresh()).version).toBe(cluster.map.version);
    const asked = listen(cluster);
    expect((await session.refresh()).version).toBe(cluster.map.version);
    // From then on it is asked first, and alone.
    expect(asked).toEqual(["h3:7101"]);
  });

  test("never becomes older", async () => {
    const cluster = new StandInCluster();
    const old = cluster.map;
    const session = sessionOf(cluster);
    cluster.join("n4");
    await session.refresh();
    for (const id of ["n1", "n2", "n3"]) cluster.distort.set(id, (description) => ({ ...description, map: old }));
    expect((await session.refresh()).version).toBe(cluster.map.version);
  });

  test("comes from whoever is left when those that were named are gone", async () => {
    const cluster = new StandInCluster();
    const session = sessionOf(cluster);
    await session.refresh();
    const { describe: ask } = cluster.admin;
    cluster.admin.describe = async (address) => {
      if (address === undefined) throw new AdminError("unreachable", "no node answers: h1:7101 is down");
      return ask(address);
    };
    for (const id of ["n1", "n2"]) cluster.down.add(id);
    expect((await session.refresh()).version).toBe(cluster.map.version);
    cluster.down.add("n3");
    await expect(session.refresh()).rejects.toThrow("no node answers: h1:7101 is down");
  });

  test("is had from a node that knows no leader, too", async () => {
    const cluster = new StandInCluster();
    cluster.leaderless.add(0xffff_ffff);
    expect((await sessionOf(cluster).refresh()).version).toBe(cluster.map.version);
  });
});

describe("a change", () => {
  test("that nobody could be asked for is not decided again", async () => {
    const cluster = new StandInCluster();
    cluster.mishaps.push(() => {
      cluster.join("n4");
      throw new AdminError("unreachable", "nobody leads");
    });
    const change = sessionOf(cluster).change(() => ({ op: "set-replication-factor", replicationFactor: 2 }));
    await expect(change).rejects.toThrow("nobody leads");
    expect(cluster.commands).toHaveLength(1);
  });

  test("is not asked for when it is so already", async () => {
    const cluster = new StandInCluster();
    expect(await sessionOf(cluster).change(() => undefined)).toEqual(cluster.map);
    expect(cluster.commands).toEqual([]);
  });
});
