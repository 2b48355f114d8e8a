import { describe, expect, test } from "@jest/globals";
import { AssertionError } from "../../src/base/index.js";
import { type ClusterMap, metaGroup } from "../../src/cluster/index.js";
import { ClusterView } from "../../src/node/cluster-view.js";
import { changedMap, foundingOf, incarnationAt, placed, replicaIdAt, viewOf, withNodes } from "./maps.js";

const founding = foundingOf(4, 4);
const met = withNodes(founding, () => ({}));

/** n2 lost its disk: its old seat is lost, its new one is 5. */
function rejoined(): ClusterMap {
  const lost = withNodes(founding, ({ seat }) => (seat === 2 ? { state: "lost", successor: 5 } : {}));
  const row = {
    seat: 5,
    id: "n2",
    address: "n2:2",
    incarnation: incarnationAt(5),
    state: "active",
    successor: 0,
  } as const;
  return { ...lost, nodes: [...lost.nodes, row] };
}

describe("the cluster as a node knows it", () => {
  test("takes newer maps only, and tells whoever listens, in order", () => {
    const view = viewOf("n1", founding);
    const heard: string[] = [];
    view.onChange(({ version }) => heard.push(`one ${String(version)}`));
    view.onChange(({ version }) => heard.push(`other ${String(version)}`));
    const [two, three] = [changedMap(founding), changedMap(changedMap(founding))];
    expect([view.adopt(founding), view.adopt(three), view.adopt(two), view.adopt(three)]).toEqual([
      ...[false, true, false, false],
    ]);
    expect(view.map).toBe(three);
    expect(heard).toEqual(["one 3", "other 3"]);
  });

  test("two maps of one version are the end: founders were told different things", () => {
    const view = viewOf("n1", founding);
    expect(() => view.adopt(foundingOf(4, 5))).toThrow(AssertionError);
    expect(() => view.adopt(foundingOf(4, 5))).toThrow("--partitions");
    expect(view.map).toBe(founding);
  });

  test("names members, their seats and where they are reached", () => {
    const view = viewOf("n1", rejoined());
    expect(view.members).toEqual([
      { id: "n1", address: "n1:1" },
      { id: "n3", address: "n3:1" },
      { id: "n4", address: "n4:1" },
      { id: "n2", address: "n2:2" },
    ]);
    expect(view.membership()).toMatchObject({ version: 2n, members: { length: 4 } });
    expect([view.seatOfNode("n2"), view.seatOfNode("n9")]).toEqual([5, undefined]);
    expect([view.nodeOf(2), view.nodeOf(replicaIdAt(5, 3)), view.nodeOf(replicaIdAt(9, 0))]).toEqual([
      ...[undefined, "n2", undefined],
    ]);
    expect(view.node("n2")?.address).toBe("n2:2");
    expect([view.incarnationOf("n2"), view.incarnationOf("n9")]).toEqual([incarnationAt(5), undefined]);
    expect(viewOf("n1", founding).incarnationOf("n2")).toBeUndefined();
  });

  test("its own row is that of its very incarnation", () => {
    expect(new ClusterView("n2", incarnationAt(2), founding).own?.seat).toBe(2);
    expect(new ClusterView("n2", incarnationAt(2), met).own?.seat).toBe(2);
    expect(new ClusterView("n2", incarnationAt(9), met).own).toBeUndefined();
    expect(new ClusterView("n2", incarnationAt(2), rejoined()).own).toBeUndefined();
    expect(new ClusterView("n2", incarnationAt(5), rejoined()).own?.seat).toBe(5);
  });

  test("knows what it hosts: of two replicas on its seat the younger", () => {
    const view = viewOf("n1", founding);
    expect(view.ownGroups()).toEqual(new Map([...[metaGroup, 0, 2, 3].map((group) => [group, 1] as const)]));
    const young = replicaIdAt(1, 1);
    view.adopt(placed(founding, 0, { target: [young, 2, 3], generation: 1 }));
    expect(view.ownReplicaOf(0)).toBe(young);
    expect(view.ownReplicaOf(1)).toBeUndefined();
    expect([view.goal(0), view.preferred(0), view.preferred(1)]).toEqual([[young, 2, 3], young, 2]);
    view.adopt(placed(view.map, 0, { replicas: [2, 3], target: [], former: [1], generation: 2 }));
    expect(view.ownReplicaOf(0)).toBe(1);
    view.adopt(placed(view.map, 0, { former: [], generation: 2 }));
    expect(view.ownGroups().has(0)).toBe(false);
  });

  test("hosts nothing once another took its place", () => {
    expect(new ClusterView("n2", incarnationAt(2), rejoined()).ownGroups().size).toBe(0);
  });

  test("a group that is not on the map is a mistake of the caller", () => {
    expect(() => viewOf("n1", founding).placement(4)).toThrow(AssertionError);
    expect(viewOf("n1", founding).placement(metaGroup).replicas).toEqual([1, 2, 3]);
  });

  test.each([
    ["a founder that was not met, in any incarnation", founding, "n2", incarnationAt(77), { kind: "member" }],
    ["a member", met, "n2", incarnationAt(2), { kind: "member" }],
    ["another incarnation of a member", met, "n2", incarnationAt(77), { kind: "unknown" }],
    ["somebody new", met, "n9", incarnationAt(9), { kind: "unknown" }],
    ["the new incarnation of a node", rejoined(), "n2", incarnationAt(5), { kind: "member" }],
    [
      "the old incarnation of a node",
      rejoined(),
      "n2",
      incarnationAt(2),
      { kind: "evicted", reason: "another incarnation of the node took its place" },
    ],
    [
      "a node that left",
      withNodes(founding, ({ seat }) => (seat === 4 ? { state: "gone" } : {})),
      "n4",
      incarnationAt(4),
      { kind: "evicted", reason: "it was removed from the cluster" },
    ],
    [
      "a node that left, with another disk",
      withNodes(founding, ({ seat }) => (seat === 4 ? { state: "gone" } : {})),
      "n4",
      incarnationAt(8),
      { kind: "unknown" },
    ],
  ])("judges whoever comes: %s", (_, map, id, incarnation, standing) => {
    expect(viewOf("n1", map).standingOf(id, incarnation)).toEqual(standing);
  });
});
