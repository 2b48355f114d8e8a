import { describe, expect, test } from "@jest/globals";
import { Balancer } from "../../src/node/balancer.js";
import { MemberMap } from "../../src/node/members.js";
import type { Replica } from "../../src/node/replica.js";
import type { PeerStatus } from "../../src/raft/index.js";

const members = new MemberMap(
  ["n1", "n2", "n3"].map((id) => ({ id, address: `${id}:1` })),
  3,
  3,
);
const peer = (id: number, match: number, more: Partial<PeerStatus> = {}): PeerStatus => ({
  id,
  match,
  state: "replicate",
  recentlyActive: true,
  caughtUp: true,
  learner: false,
  ...more,
});

/** A replica that leads `group`, with entries up to 100 committed. */
function leading(group: number, peers: PeerStatus[], serving = true): Replica {
  return { group, serving, core: { status: () => ({ commit: 100, peers }) } } as unknown as Replica;
}

const everybody = (): boolean => true;

describe("the balance of leaderships", () => {
  test("a partition goes back to the first of its nodes once that has caught up", () => {
    const balancer = new Balancer("n1", members);
    const replica = leading(1, [peer(2, 100), peer(3, 100)]);
    expect(balancer.moves([replica], everybody)).toEqual([{ replica, to: 2 }]);
  });

  test.each([
    ["it lags", [peer(2, 99)], everybody],
    ["it is only probed", [peer(2, 100, { state: "probe" })], everybody],
    ["it was not heard lately", [peer(2, 100, { recentlyActive: false })], everybody],
    ["there is no stream to it", [peer(2, 100)], () => false],
  ])("not while %s", (_, peers, connected) => {
    expect(new Balancer("n1", members).moves([leading(1, peers)], connected)).toEqual([]);
  });

  test("what is led where it belongs, or not served yet, stays", () => {
    const balancer = new Balancer("n1", members);
    const others = [peer(2, 100), peer(3, 100)];
    expect(balancer.moves([leading(0, others), leading(1, others, false)], everybody)).toEqual([]);
  });

  test("one move at a time", () => {
    const others = [peer(2, 100), peer(3, 100)];
    expect(new Balancer("n1", members).moves([leading(1, others), leading(2, others)], everybody)).toHaveLength(1);
  });

  test("before a stop the longest log among those connected takes over, and no learner", () => {
    const balancer = new Balancer("n1", members);
    const replica = leading(0, [peer(2, 90), peer(3, 100)]);
    expect(balancer.successors(replica, everybody)).toEqual([3, 2]);
    expect(balancer.successors(replica, (node) => node === "n2")).toEqual([2]);
    expect(balancer.successors(replica, () => false)).toEqual([]);
    expect(balancer.successors(leading(0, [peer(2, 100, { learner: true })]), everybody)).toEqual([]);
  });
});
