import { describe, expect, test } from "@jest/globals";
import type { Clock } from "../../src/base/index.js";
import { type ClusterMap } from "../../src/cluster/index.js";
import { ClusterMember, type MemberNetwork } from "../../src/node/cluster-member.js";
import type { ClusterView } from "../../src/node/cluster-view.js";
import type { Hosting } from "../../src/node/hosting.js";
import { nodeLimits } from "../../src/node/limits.js";
import type { MetaGroup } from "../../src/node/meta-group.js";
import type { Shard } from "../../src/node/shard.js";
import { changedMap, foundingOf, viewOf } from "./maps.js";
import { logger } from "./mini-cluster.js";

const clock: Clock = { wallMs: () => 0, monotonicMs: () => 0 };
const MAP = 1;
const VERSION = 2;

/** A member without replicas, and what it sent. */
class Gossiper implements MemberNetwork {
  readonly id: string;
  readonly view: ClusterView;
  readonly member: ClusterMember;
  leadsMeta = false;
  readonly #net: Net;

  constructor(net: Net, id: string, map: ClusterMap) {
    this.#net = net;
    this.id = id;
    this.view = viewOf(id, map);
    const shard = { replicas: new Map(), membershipChanged: () => undefined, standAside: () => undefined };
    const meta = { tick: () => undefined };
    Object.defineProperty(meta, "leads", { get: () => this.leadsMeta });
    this.member = new ClusterMember({
      ...{ view: this.view, logger, clockSkewMaxMs: 500 },
      clock,
      shard: { ...shard, disconnected: () => undefined } as unknown as Shard,
      hosting: { follow: () => undefined, lost: () => [] } as unknown as Hosting,
      meta: meta as unknown as MetaGroup,
      evicted: () => undefined,
    });
    this.member.start(this);
  }

  setPeers(): void {
    // All streams stand, or are cut by the test.
  }

  sendControl(to: string, bytes: Uint8Array): boolean {
    return this.#net.post(this.id, to, bytes);
  }

  isConnected(): boolean {
    return true;
  }

  send(): boolean {
    return false;
  }

  sendSnapshotPart(): boolean {
    return false;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Members in a full mesh; what they send arrives in the order in which it was sent, one hop after the other. */
class Net {
  readonly nodes: Gossiper[];
  readonly #mail: { readonly from: string; readonly to: string; readonly bytes: Uint8Array }[] = [];
  readonly cut = new Set<string>();
  maps = 0;
  versions = 0;

  constructor(count: number, map: ClusterMap) {
    this.nodes = map.nodes.slice(0, count).map(({ id }) => new Gossiper(this, id, map));
    for (const one of this.nodes) for (const other of this.nodes) if (one !== other) one.member.connected(other.id);
    this.deliver();
    this.maps = 0;
    this.versions = 0;
  }

  node(id: string): Gossiper {
    return this.nodes.find((one) => one.id === id) as Gossiper;
  }

  post(from: string, to: string, bytes: Uint8Array): boolean {
    if (this.cut.has(from) || this.cut.has(to)) return false;
    if (bytes[0] === MAP) this.maps++;
    if (bytes[0] === VERSION) this.versions++;
    this.#mail.push({ from, to, bytes });
    return true;
  }

  deliver(): void {
    for (let mail = this.#mail.shift(); mail !== undefined; mail = this.#mail.shift())
      this.node(mail.to).member.control(mail.from, mail.bytes);
  }

  /** One second. */
  round(): void {
    for (let tick = 0; tick < nodeLimits.memberTicksPerRound; tick++)
      for (const { member } of this.nodes) member.tick();
    this.deliver();
  }

  get known(): number[] {
    return this.nodes.map(({ view }) => view.map.version);
  }
}

const MEMBERS = 20;

describe("a new map", () => {
  const start = changedMap(foundingOf(MEMBERS));

  function led(): Net {
    const net = new Net(MEMBERS, start);
    net.node("n1").leadsMeta = true;
    return net;
  }

  test("goes from the leader of the meta group to everybody at once, once to each", () => {
    const net = led();
    net.node("n1").view.adopt(changedMap(start));
    net.deliver();
    expect(new Set(net.known)).toEqual(new Set([3]));
    expect(net.maps).toBe(MEMBERS - 1);
    // Each tells each what it has now, so that nobody passes the map on.
    expect(net.versions).toBe(MEMBERS * (MEMBERS - 1));
  });

  test("is passed on by nobody when all have it", () => {
    const net = led();
    net.node("n1").view.adopt(changedMap(start));
    net.deliver();
    net.maps = net.versions = 0;
    for (let round = 0; round < 3; round++) net.round();
    expect([net.maps, net.versions]).toEqual([0, 0]);
  });

  test("many of them, one after the other: each goes to each about once, not from each to each", () => {
    const net = led();
    const changes = 32;
    let map = start;
    for (let i = 0; i < changes; i++) {
      map = changedMap(map);
      net.node("n1").view.adopt(map);
    }
    net.deliver();
    net.round();
    expect(new Set(net.known)).toEqual(new Set([map.version]));
    expect(net.maps).toBeLessThanOrEqual(2 * changes * (MEMBERS - 1));
  });

  test("that only a node without streams to the others has comes to them by whoever reaches it", () => {
    const net = led();
    net.cut.add("n1");
    net.node("n1").view.adopt(changedMap(start));
    net.deliver();
    expect(net.known.filter((version) => version === 3)).toHaveLength(1);
    net.cut.clear();
    net.node("n1").member.connected("n2");
    net.node("n2").member.connected("n1");
    net.deliver();
    net.round();
    net.round();
    expect(new Set(net.known)).toEqual(new Set([3]));
  });

  test("that was lost on its way is sent again a second later, by whoever has it", () => {
    const net = led();
    net.cut.add("n5");
    net.node("n1").view.adopt(changedMap(start));
    net.deliver();
    net.cut.clear();
    net.cut.add("n1");
    expect(net.node("n5").view.map.version).toBe(2);
    net.round();
    expect(net.node("n5").view.map.version).toBe(3);
    net.maps = 0;
    net.round();
    expect(net.maps).toBeLessThanOrEqual(1);
  });

  test("is what an older node gets when it comes back", () => {
    const net = led();
    net.cut.add("n7");
    const map = changedMap(changedMap(start));
    net.node("n1").view.adopt(map);
    net.deliver();
    for (const { id, member } of net.nodes)
      if (id !== "n7") {
        member.disconnected("n7", false);
        net.node("n7").member.disconnected(id, false);
      }
    net.cut.clear();
    net.node("n7").member.connected("n3");
    net.node("n3").member.connected("n7");
    net.deliver();
    expect(net.node("n7").view.map.version).toBe(map.version);
  });

  test("founders send theirs whole, so that those who were told something else notice", () => {
    const net = new Net(2, foundingOf(2));
    const stranger = new Gossiper(net, "n2", foundingOf(2, 5));
    net.nodes[1] = stranger;
    net.node("n1").member.connected("n2");
    expect(() => {
      net.deliver();
    }).toThrow("two cluster maps of one version");
  });

  test("a word from a node without a stream is nobody's", () => {
    const net = led();
    net.node("n1").member.disconnected("n2", false);
    net.maps = 0;
    net.node("n1").view.adopt(changedMap(start));
    expect(net.maps).toBe(MEMBERS - 2);
  });
});
