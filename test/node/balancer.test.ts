import { describe, expect, test } from "@jest/globals";
import { Balancer } from "../../src/node/balancer.js";
import { nodeLimits } from "../../src/node/limits.js";
import type { Replica } from "../../src/node/replica.js";
import type { PeerStatus } from "../../src/raft/index.js";
import { foundingOf, placed, viewOf } from "./maps.js";
import { ManualTime } from "./mini-cluster.js";

const map = foundingOf(3, 3);
const peer = (id: number, match: number, more: Partial<PeerStatus> = {}): PeerStatus => ({
  id,
  match,
  state: "replicate",
  recentlyActive: true,
  caughtUp: true,
  learner: false,
  ...more,
});

/** A replica of node 1 that leads `group`, with entries up to 100 committed. */
function leading(group: number, peers: PeerStatus[], serving = true): Replica {
  const status = { commit: 100, peers };
  return { group, id: 1, serving, leadership: { leader: 1 }, core: { status: () => status } } as unknown as Replica;
}

/** The same once another one leads. */
function following(group: number, leader: number): Replica {
  return { group, id: 1, serving: false, leadership: { leader } } as unknown as Replica;
}

const everybody = (): boolean => true;

describe("the balance of leaderships", () => {
  const time = new ManualTime();
  const balancerOf = (of = map): Balancer => new Balancer(viewOf("n1", of), time);

  test("a partition goes back to the first of its nodes once that has caught up", () => {
    const replica = leading(1, [peer(2, 100), peer(3, 100)]);
    expect(balancerOf().moves([replica], everybody)).toEqual([{ replica, to: 2 }]);
  });

  test.each([
    ["it lags", [peer(2, 99)], everybody],
    ["it is only probed", [peer(2, 100, { state: "probe" })], everybody],
    ["it was not heard lately", [peer(2, 100, { recentlyActive: false })], everybody],
    ["there is no stream to it", [peer(2, 100)], () => false],
    ["it is no member of the group yet", [peer(3, 100)], everybody],
  ])("not while %s", (_, peers, connected) => {
    expect(balancerOf().moves([leading(1, peers)], connected)).toEqual([]);
  });

  test("what is led where it belongs, or not served yet, stays", () => {
    const others = [peer(2, 100), peer(3, 100)];
    expect(balancerOf().moves([leading(0, others), leading(1, others, false)], everybody)).toEqual([]);
  });

  test("nothing goes to a node that is no member any more", () => {
    const nodes = map.nodes.map((node) => (node.seat === 2 ? { ...node, state: "lost" as const } : node));
    const without = { ...map, nodes, version: 2 };
    expect(balancerOf(without).moves([leading(1, [peer(2, 100)])], everybody)).toEqual([]);
  });

  test("one move at a time", () => {
    const others = [peer(2, 100), peer(3, 100)];
    expect(balancerOf().moves([leading(1, others), leading(2, others)], everybody)).toHaveLength(1);
  });

  test("before a stop the longest log among those connected takes over, and no learner", () => {
    const balancer = balancerOf();
    const replica = leading(0, [peer(2, 90), peer(3, 100)]);
    expect(balancer.successors(replica, everybody)).toEqual([3, 2]);
    expect(balancer.successors(replica, (node) => node === "n2")).toEqual([2]);
    expect(balancer.successors(replica, () => false)).toEqual([]);
    expect(balancer.successors(leading(0, [peer(2, 100, { learner: true })]), everybody)).toEqual([]);
  });
});

describe("a leadership that came back", () => {
  const { leaderMoveRetryMs, leaderMoveRetryMsMax, leaderMoveForgetMs } = nodeLimits;
  const replica = leading(1, [peer(2, 100), peer(3, 100)]);

  /** Looks every two seconds, as a shard does; the seconds between two moves, the first `count` of them. */
  function waits(balancer: Balancer, time: ManualTime, count: number): number[] {
    const out: number[] = [];
    for (let passedMs = 0; out.length < count; passedMs += 2_000) {
      time.now += 2_000;
      const [move] = balancer.moves([replica], everybody);
      if (move === undefined) continue;
      balancer.began(move);
      out.push(passedMs + 2_000);
      passedMs = -2_000;
    }
    return out.slice(1);
  }

  test("is offered again after 10 seconds, then 20, and so on, and after 10 minutes at most", () => {
    const time = new ManualTime();
    const balancer = new Balancer(viewOf("n1", map), time);
    const seconds = waits(balancer, time, 10).map((ms) => ms / 1_000);
    expect(seconds).toEqual([10, 20, 40, 80, 160, 320, 600, 600, 600]);
    expect([leaderMoveRetryMs, leaderMoveRetryMsMax]).toEqual([10_000, 600_000]);
  });

  test("does not keep other partitions from moving", () => {
    const time = new ManualTime();
    const balancer = new Balancer(viewOf("n1", map), time);
    const other = leading(2, [peer(2, 100), peer(3, 100)]);
    for (const move of balancer.moves([replica, other], everybody)) balancer.began(move);
    expect(balancer.moves([replica, other], everybody)).toEqual([{ replica: other, to: 3 }]);
  });

  test("is offered to another one at once", () => {
    const time = new ManualTime();
    const view = viewOf("n1", map);
    const balancer = new Balancer(view, time);
    for (const move of balancer.moves([replica], everybody)) balancer.began(move);
    expect(balancer.moves([replica], everybody)).toEqual([]);
    view.adopt(placed(map, 1, { replicas: [3, 2, 1], generation: 1 }));
    expect(balancer.moves([replica], everybody)).toEqual([{ replica, to: 3 }]);
  });

  test("counts for nothing once a target kept what it was given", () => {
    const time = new ManualTime();
    const balancer = new Balancer(viewOf("n1", map), time);
    waits(balancer, time, 4);
    // It leads, but that may be a matter of moments.
    expect(balancer.moves([following(1, 2)], everybody)).toEqual([]);
    expect(balancer.moves([replica], everybody)).toEqual([]);
    time.now += leaderMoveRetryMs * 8;
    balancer.moves([following(1, 3)], everybody);
    balancer.moves([following(1, 2)], everybody);
    expect(waits(balancer, time, 3)).toEqual([10_000, 20_000]);
  });

  test("counts on while somebody else leads", () => {
    const time = new ManualTime();
    const balancer = new Balancer(viewOf("n1", map), time);
    waits(balancer, time, 3);
    time.now += leaderMoveRetryMs * 4;
    balancer.moves([following(1, 3)], everybody);
    expect(waits(balancer, time, 2)).toEqual([80_000]);
  });

  test("counts for nothing after a long time", () => {
    const time = new ManualTime();
    const balancer = new Balancer(viewOf("n1", map), time);
    waits(balancer, time, 4);
    time.now += leaderMoveForgetMs + leaderMoveRetryMsMax;
    expect(waits(balancer, time, 2)).toEqual([10_000]);
  });

  test("counts for nothing once this node is the one that should lead", () => {
    const time = new ManualTime();
    const view = viewOf("n1", map);
    const balancer = new Balancer(view, time);
    waits(balancer, time, 4);
    const home = placed(map, 1, { replicas: [1, 2, 3], generation: 1 });
    view.adopt(home);
    expect(balancer.moves([replica], everybody)).toEqual([]);
    view.adopt(placed(home, 1, { replicas: [2, 1, 3], generation: 2 }));
    expect(waits(balancer, time, 3)).toEqual([10_000, 20_000]);
  });
});
