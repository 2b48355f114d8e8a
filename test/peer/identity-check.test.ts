import { describe, expect, test } from "@jest/globals";
import {
  type IdentityRules,
  mayEvict,
  mistakenFor,
  notYetKnown,
  type PeerIdentity,
  refusalOf,
} from "../../src/peer/identity-check.js";
import { PROTOCOL_VERSION } from "../../src/rpc/index.js";

const own: PeerIdentity = {
  protocolVersion: PROTOCOL_VERSION,
  clusterId: "c",
  nodeId: "n1",
  incarnation: "aa",
  partitionCount: 12,
};
const rules: IdentityRules = {
  own,
  standingOf: (node, incarnation) => {
    if (incarnation === "dd") return { kind: "evicted", reason: "an operator removed it" };
    return { kind: ["n1", "n2", "n3"].includes(node) ? "member" : "unknown" };
  },
  incarnationOf: (node) => (node === "n2" ? "bb" : undefined),
  rememberIncarnation: () => Promise.resolve(),
};
const peer = (difference: Partial<PeerIdentity>): PeerIdentity => ({
  ...own,
  nodeId: "n2",
  incarnation: "bb",
  ...difference,
});

describe("who is heard", () => {
  test("a member that is as it was, and one that was never met", () => {
    expect(refusalOf(rules, peer({}))).toBeUndefined();
    expect(refusalOf(rules, peer({ nodeId: "n3", incarnation: "any" }))).toBeUndefined();
  });

  test.each<[string, Partial<PeerIdentity>, string]>([
    ["speaks another protocol", { protocolVersion: PROTOCOL_VERSION + 1 }, "run the same release"],
    ["belongs to another cluster", { clusterId: "d" }, "check --cluster-id"],
    ["has this node's name", { nodeId: "n1" }, "own --node-id"],
    ["is no member", { nodeId: "n9" }, "start it with --join"],
    ["is no member any more", { incarnation: "dd" }, "an operator removed it"],
    ["counts other partitions", { partitionCount: 13 }, "fixed when a cluster is made"],
    ["lost its disk", { incarnation: "cc" }, "restore its data folder"],
  ])("not one that %s, with a reason that says what to do", (_, difference, advice) => {
    expect(refusalOf(rules, peer(difference))?.reason).toContain(advice);
  });

  test("the first thing that is wrong is told: a stranger learns nothing of what comes after it", () => {
    const wrong = peer({ clusterId: "d", nodeId: "n9", partitionCount: 13, incarnation: "cc" });
    expect(refusalOf(rules, wrong)?.reason).toContain("--cluster-id");
    expect(refusalOf(rules, { ...wrong, clusterId: "c" })?.reason).toContain("--join");
    expect(refusalOf(rules, { ...wrong, clusterId: "c", nodeId: "n2" })?.reason).toContain("--partitions");
  });

  test("only a node without a place is evicted, and only one that the map may know later is refused for now", () => {
    const kind = (difference: Partial<PeerIdentity>) => {
      const { evicted, mayPass } = refusalOf(rules, peer(difference)) ?? {};
      return [evicted, mayPass];
    };
    expect(kind({ incarnation: "dd" })).toEqual([true, false]);
    expect(kind({ nodeId: "n9" })).toEqual([false, true]);
    for (const difference of [{ clusterId: "d" }, { incarnation: "cc" }, { nodeId: "n1" }, { partitionCount: 1 }])
      expect(kind(difference)).toEqual([false, false]);
    expect(notYetKnown(rules, peer({}))).toMatchObject({ evicted: false, mayPass: true });
  });

  test("who answers where another one was dialled is refused", () => {
    const dialled = { node: "n2", address: "host:1" };
    expect(mistakenFor(dialled, peer({}))).toBeUndefined();
    expect(mistakenFor(dialled, peer({ nodeId: "n3" }))?.reason).toContain("the node at host:1 calls itself n3");
  });

  test("only a member of this cluster, as it is known, may say that this node is evicted", () => {
    expect([mayEvict(rules, peer({})), mayEvict(rules, peer({ nodeId: "n3", incarnation: "any" }))]).toEqual([
      true,
      true,
    ]);
    const strangers = [
      { clusterId: "d" },
      { nodeId: "n1" },
      { nodeId: "n9" },
      { incarnation: "cc" },
      { incarnation: "dd" },
    ];
    for (const difference of strangers) expect(mayEvict(rules, peer(difference))).toBe(false);
    // It may run a later release, or count other partitions: that says nothing about who is a member.
    expect(mayEvict(rules, peer({ protocolVersion: PROTOCOL_VERSION + 1 }))).toBe(true);
  });
});
