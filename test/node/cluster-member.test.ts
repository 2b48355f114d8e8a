import { describe, expect, test } from "@jest/globals";
import { DecodeError } from "../../src/base/index.js";
import { type ClusterMap, type MapCommand, metaGroup } from "../../src/cluster/index.js";
import { ClusterMember, type MemberNetwork } from "../../src/node/cluster-member.js";
import { type ControlMessage, decodeControl, encodeControl } from "../../src/node/control-codec.js";
import type { Hosting } from "../../src/node/hosting.js";
import { nodeLimits } from "../../src/node/limits.js";
import type { MetaGroup, MetaOutcome } from "../../src/node/meta-group.js";
import type { Replica } from "../../src/node/replica.js";
import type { Shard } from "../../src/node/shard.js";
import { changedMap, foundingOf, placed, viewOf, withNodes } from "./maps.js";
import { logger, ManualTime } from "./mini-cluster.js";

const map = withNodes(foundingOf(5, 5), () => ({}));
/** The voters of the meta group are 1 to 5 of six. */
const six = withNodes(foundingOf(6, 5), () => ({}));

/** n1 as a member: its parts write down what is asked of them. */
class Fixture {
  readonly time = new ManualTime();
  readonly view;
  readonly member: ClusterMember;
  readonly calls: string[] = [];
  readonly sent: { readonly to: string; readonly news: ControlMessage }[] = [];
  readonly commands: MapCommand[] = [];
  readonly evictions: string[] = [];
  readonly replicas = new Map<number, Replica>();
  lost: { group: number; replica: number }[] = [];
  leads = false;
  outcome: MetaOutcome = { refused: "too late" };
  standsAside: (replica: Replica) => boolean = () => false;
  readonly shard;

  constructor(of: ClusterMap = map) {
    this.view = viewOf("n1", of);
    const note = (what: string): void => void this.calls.push(what);
    this.shard = {
      isUnfit: (node: string): boolean => node === "",
      replicas: this.replicas,
      membershipChanged: () => note("membership"),
      disconnected: (node: string, gone: boolean) => note(`disconnected ${node} ${String(gone)}`),
      messages: (node: string) => note(`messages ${node}`),
      snapshotPart: (node: string) => note(`part ${node}`),
      standAside: (shall: (replica: Replica) => boolean) => {
        this.standsAside = shall;
        for (const replica of this.replicas.values()) shall(replica);
      },
    };
    const hosting = { follow: () => note("follow"), lost: () => this.lost };
    const meta = {
      tick: () => note("meta"),
      change: (command: MapCommand) => {
        this.commands.push(command);
        return Promise.resolve(this.outcome);
      },
    };
    Object.defineProperty(meta, "leads", { get: () => this.leads });
    this.member = new ClusterMember({
      ...{ view: this.view, clock: this.time, logger, clockSkewMaxMs: 500 },
      shard: this.shard as unknown as Shard,
      hosting: hosting as unknown as Hosting,
      meta: meta as unknown as MetaGroup,
      evicted: (reason) => this.evictions.push(reason),
    });
    this.member.start(this.#network());
  }

  #network(): MemberNetwork {
    return {
      setPeers: (peers) => this.calls.push(`peers ${[...peers].map(([id, at]) => `${id}@${at}`).join()}`),
      sendControl: (to, bytes) => this.sent.push({ to, news: decodeControl(bytes) }) > 0,
      ...{ send: () => true, sendSnapshotPart: () => true, isConnected: () => true, close: () => Promise.resolve() },
    };
  }

  /** What it sent of a kind, and to whom; forgotten then. */
  told(type: ControlMessage["type"]): string[] {
    const to = this.sent.filter(({ news }) => news.type === type).map((one) => one.to);
    this.sent.length = 0;
    return to;
  }

  heard(from: string, news: ControlMessage): void {
    this.member.control(from, encodeControl(news));
  }

  /** One second. */
  round(): void {
    for (let tick = 0; tick < nodeLimits.memberTicksPerRound; tick++) this.member.tick();
  }

  /** The clocks of all others are so far ahead. */
  clocks(aheadMs: number): void {
    for (const id of ["n2", "n3", "n4", "n5"]) this.heard(id, { type: "clock", wallMs: this.time.wallMs() + aheadMs });
  }

  connectAll(): void {
    for (const id of ["n2", "n3", "n4", "n5"]) this.member.connected(id);
    this.sent.length = 0;
  }
}

/** A replica whose group is to get 4 in the place of 3, and has it. */
function settledReplica(group: number): { replica: Replica; of: ClusterMap } {
  const configuration = { voters: [1, 2, 4], outgoing: [], learners: [], generation: 1 };
  const status = { configuration, configurationIndex: 3, commit: 9, established: true, peers: [], id: 1 };
  const replica = { group, serving: true, configuration, core: { status: () => status }, leadership: { leader: 1 } };
  const of = placed(six, group, { replicas: [1, 2, 3], target: [1, 2, 4], generation: 1 });
  return { replica: replica as unknown as Replica, of };
}

function replicaOf(group: number, voters: number[], leader = 1): Replica {
  const configuration = { voters, outgoing: [], learners: [] };
  return { group, serving: false, configuration, leadership: { leader } } as unknown as Replica;
}

describe("a member of the cluster", () => {
  test("dials all others by the map, and follows what becomes of them", () => {
    const { calls, view, shard } = new Fixture();
    expect(calls).toEqual(["peers n2@n2:1,n3@n3:1,n4@n4:1,n5@n5:1"]);
    calls.length = 0;
    const next = withNodes(map, ({ seat }) => {
      if (seat === 2) return { state: "lost" };
      return seat === 3 ? { address: "n3:9" } : {};
    });
    view.adopt(next);
    expect(calls).toEqual(["peers n3@n3:9,n4@n4:1,n5@n5:1", "membership", "follow"]);
    expect(shard.isUnfit("n4")).toBe(false);
  });

  test("knows who is there: itself, and whoever has a stream and is a member", () => {
    const { member, view } = new Fixture();
    for (const id of ["n2", "n4", "n9"]) member.connected(id);
    expect(member.alive()).toEqual(new Set([1, 2, 4]));
    expect(member.connectedNodes).toEqual(["n2", "n4", "n9"]);
    member.disconnected("n4", false);
    view.adopt(withNodes(map, ({ seat }) => (seat === 2 ? { state: "lost" } : {})));
    expect(member.alive()).toEqual(new Set([1]));
  });

  test("is told when it is no member any more, and takes nothing more from such a map", () => {
    const { view, calls, evictions } = new Fixture();
    view.adopt(withNodes(map, ({ seat }) => (seat === 1 ? { state: "lost" } : {})));
    expect(evictions).toEqual(["node n1 is no member of the cluster any more"]);
    expect(calls).not.toContain("follow");
  });

  test("hands on what is for the shard", () => {
    const { member, calls } = new Fixture();
    calls.length = 0;
    member.messages("n2", Buffer.alloc(0));
    member.snapshotPart("n3", {} as never);
    member.disconnected("n4", true);
    expect(calls).toEqual(["messages n2", "part n3", "disconnected n4 true"]);
  });

  test("says what time it is, and looks at the meta group, once a second, or sooner when the map changed", () => {
    const fixture = new Fixture();
    fixture.connectAll();
    const metaTicks = (): number => fixture.calls.splice(0).filter((call) => call === "meta").length;
    fixture.calls.length = 0;
    for (let round = 0; round < 3; round++) fixture.round();
    expect(fixture.told("clock")).toEqual([1, 2, 3].flatMap(() => ["n2", "n3", "n4", "n5"]));
    expect(metaTicks()).toBe(3);
    fixture.view.adopt(changedMap(map));
    fixture.member.tick();
    fixture.member.tick();
    expect(metaTicks()).toBe(1);
    fixture.view.adopt(changedMap(changedMap(map)));
    fixture.member.tick();
    fixture.member.tick();
    expect(metaTicks()).toBe(1);
  });

  test("takes a map and passes nothing on that it does not have", () => {
    const { view, sent, ...fixture } = new Fixture();
    const { member } = fixture;
    member.connected("n2");
    member.control("n2", encodeControl({ type: "map", map: changedMap(map) }));
    expect(view.map.version).toBe(map.version + 1);
    member.control("n2", encodeControl({ type: "map-version", version: 99 }));
    expect(sent.filter(({ news }) => news.type === "map")).toEqual([]);
  });

  test("news that follow no format change nothing", () => {
    const { member, view, commands } = new Fixture();
    expect(() => {
      member.control("n2", Buffer.from([3, 0]));
    }).toThrow(DecodeError);
    expect([view.map, commands]).toEqual([map, []]);
  });
});

describe("reports to the meta group", () => {
  const report = { op: "settled", group: 0, replicas: [1, 2, 4], generation: 1 };

  test("of what has settled go to everybody who may lead it, until the map has it", () => {
    const { replica, of } = settledReplica(0);
    const fixture = new Fixture(of);
    fixture.replicas.set(0, replica);
    fixture.member.tick();
    expect(fixture.told("settled")).toEqual(["n2", "n3", "n4", "n5"]);
    fixture.member.tick();
    expect(fixture.told("settled")).toEqual(["n2", "n3", "n4", "n5"]);
    fixture.view.adopt(placed(of, 0, { replicas: [1, 2, 4], target: [], generation: 1 }));
    fixture.member.tick();
    expect(fixture.told("settled")).toEqual([]);
    expect(fixture.commands).toEqual([]);
  });

  test("reach those that are to hold it, too", () => {
    const moving = { ...six, meta: { ...six.meta, target: [1, 2, 6], generation: 1 } };
    const fixture = new Fixture(moving);
    fixture.lost = [{ group: 2, replica: 7 }];
    fixture.round();
    expect(new Set(fixture.told("replica-lost"))).toEqual(new Set(["n2", "n3", "n4", "n5", "n6"]));
  });

  test("are proposed at once by a node that leads it itself", () => {
    const { replica, of } = settledReplica(0);
    const fixture = new Fixture(of);
    fixture.replicas.set(0, replica);
    fixture.leads = true;
    fixture.lost = [{ group: 2, replica: 1 }];
    fixture.round();
    expect(fixture.commands.slice(0, 2)).toEqual([report, { op: "replace-replica", group: 2, replica: 1 }]);
    expect(fixture.sent).toEqual([]);
  });

  test("of others are proposed by the leader, and by nobody else", async () => {
    const fixture = new Fixture();
    const news: ControlMessage[] = [
      { type: "settled", group: 0, replicas: [1, 2, 4], generation: 1 },
      { type: "replica-lost", group: metaGroup, replica: 3 },
      { type: "replica-lost", group: 77, replica: 3 },
    ];
    for (const one of news) fixture.heard("n4", one);
    expect(fixture.commands).toEqual([]);
    fixture.leads = true;
    for (const one of news) fixture.heard("n4", one);
    expect(fixture.commands).toEqual([report, { op: "replace-replica", group: metaGroup, replica: 3 }]);
    await Promise.resolve();
  });
});

describe("a node whose clock is off", () => {
  const meta = replicaOf(metaGroup, [1, 2, 3]);

  function off(): Fixture {
    const fixture = new Fixture();
    fixture.connectAll();
    fixture.clocks(-10_000);
    fixture.round();
    return fixture;
  }

  test("leads nothing that others can lead, and leads again when it is right", () => {
    const fixture = off();
    expect([fixture.member.standsAside, fixture.member.clockAheadMs]).toEqual([true, 10_000]);
    expect(fixture.standsAside(meta)).toBe(true);
    for (let round = 0; round < nodeLimits.clockSamplesMax; round++) fixture.clocks(0);
    fixture.round();
    expect(fixture.member.standsAside).toBe(false);
    expect(fixture.standsAside(meta)).toBe(false);
  });

  test("leads what nobody with a better clock holds, or is there to hold", () => {
    const fixture = off();
    expect(fixture.standsAside(replicaOf(0, [1]))).toBe(false);
    expect(fixture.standsAside(replicaOf(1, [1, 2]))).toBe(true);
    fixture.member.disconnected("n2", false);
    expect(fixture.standsAside(replicaOf(2, [1, 2]))).toBe(false);
    expect(fixture.standsAside(replicaOf(3, [1, 2, 3]))).toBe(true);
  });

  test("leads what has had no leader for several rounds, for that may be for want of it", () => {
    const fixture = off();
    const orphan = replicaOf(4, [1, 2, 3], 0);
    fixture.replicas.set(4, orphan);
    let rounds = 0;
    while (fixture.standsAside(orphan) && rounds < 100) rounds++;
    expect(rounds).toBe(nodeLimits.leaderlessRoundsMax);
  });

  test("is known to the others, who hand nothing to it", () => {
    const fixture = new Fixture();
    fixture.connectAll();
    fixture.clocks(0);
    fixture.heard("n4", { type: "clock", wallMs: fixture.time.wallMs() + 9_000 });
    fixture.round();
    expect([fixture.shard.isUnfit("n4"), fixture.shard.isUnfit("n2"), fixture.member.standsAside]).toEqual([
      ...[true, false, false],
    ]);
    fixture.member.disconnected("n4", false);
    expect(fixture.shard.isUnfit("n4")).toBe(false);
  });

  test("before 1970 says so as well as it can", () => {
    const fixture = new Fixture();
    fixture.connectAll();
    fixture.time.now = -5;
    fixture.round();
    expect(fixture.sent.find(({ news }) => news.type === "clock")?.news).toEqual({ type: "clock", wallMs: 0 });
  });
});
