import { describe, expect, test } from "@jest/globals";
import { type IdentityRules, type PeerIdentity, refusalOf } from "../../src/peer/identity-check.js";
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
});
