import { describe, expect, it } from "@jest/globals";
import type { MapCommand } from "../../src/cluster/index.js";
import { clusterLimits } from "../../src/cluster/index.js";
import { applied, found, grown, incarnation, isUnchanged, placed, refusal, settled, statesOf, wanted } from "./maps.js";

const three = found(3);
const bind = (seat: number, number: number): MapCommand => ({
  op: "bind-node",
  seat,
  incarnation: incarnation(number),
});
const join = (id: string, number: number, address: string): MapCommand => ({
  op: "add-node",
  id,
  incarnation: incarnation(number),
  address,
});

/** Partition 0 of one, held by seat 1 alone, so that the others can come and go. */
const small = applied(found(3, 1, 1), bind(1, 0xfa1), bind(2, 0xfa2), bind(3, 0xfa3));
/** The meta group needs seats 1 to 3 only. */
const smallAndFour = grown(small, 4, 4);

describe("bind-node", () => {
  it("keeps the incarnation under which a founding member was met first", () => {
    const map = applied(three, bind(2, 7));
    expect(map.nodes[1]).toEqual({ ...three.nodes[1], incarnation: incarnation(7) });
    expect(map.version).toBe(2);
    expect(isUnchanged(map, bind(2, 7))).toBe(true);
    expect(refusal(map, bind(2, 8))).toBe(`node n2 is known by another incarnation, ${incarnation(7)}`);
  });

  it("is refused for a seat that is not there, not a member's, or an incarnation that another node has", () => {
    expect(refusal(three, bind(4, 7))).toBe("there is no seat 4");
    expect(refusal(three, bind(0, 7))).toBe("there is no seat 0");
    expect(refusal(applied(three, wanted(2, "lost")), bind(2, 7))).toBe("node n2 on seat 2 is lost");
    expect(refusal(applied(three, bind(1, 7)), bind(2, 7))).toContain("a copy cannot join");
  });
});

describe("add-node", () => {
  it("seats an unknown name after all others", () => {
    const map = applied(three, join("n9", 9, "host9:1"));
    expect(map.nodes[3]).toEqual({
      ...{ seat: 4, id: "n9", address: "host9:1", incarnation: incarnation(9), state: "active", successor: 0 },
    });
    expect(map.version).toBe(2);
  });

  it("only moves the address of a node that it knows", () => {
    const map = applied(three, bind(1, 7));
    expect(isUnchanged(map, join("n1", 7, "host1:7000"))).toBe(true);
    const moved = applied(map, join("n1", 7, "elsewhere:1"));
    expect(moved.nodes).toEqual([{ ...map.nodes[0], address: "elsewhere:1" }, ...map.nodes.slice(1)]);
  });

  it("moves the address of a node that drains or leaves, too, and leaves its state alone", () => {
    for (const state of ["draining", "leaving"] as const) {
      const map = applied(three, bind(1, 7), wanted(1, state), join("n1", 7, "elsewhere:1"));
      expect(map.nodes[0]).toMatchObject({ state, address: "elsewhere:1" });
    }
  });

  it("binds a founding member that was not met yet", () => {
    const map = applied(three, join("n2", 7, "elsewhere:1"));
    expect(map.nodes).toHaveLength(3);
    expect(map.nodes[1]).toMatchObject({ incarnation: incarnation(7), address: "elsewhere:1", state: "active" });
  });

  it("takes a known name with another incarnation for one that lost its disk", () => {
    const map = applied(three, bind(2, 7), join("n2", 8, "host2:7000"));
    expect(map.nodes[1]).toMatchObject({ id: "n2", incarnation: incarnation(7), state: "lost", successor: 4 });
    expect(map.nodes[3]).toMatchObject({ id: "n2", incarnation: incarnation(8), state: "active", seat: 4 });
  });

  it("lets the old seat be gone at once when it held nothing", () => {
    const map = applied(smallAndFour, join("n4", 0xb4, "host4:7000"));
    expect(map.nodes[3]).toMatchObject({ state: "gone", successor: 0 });
    expect(map.nodes[4]).toMatchObject({ id: "n4", state: "active" });
  });

  it("names the newest seat of a node that lost its disk twice as the successor of all its old ones", () => {
    const once = applied(three, bind(2, 7), join("n2", 8, "host2:7000"));
    const twice = applied(placed(once, 0, 4, 1, 3), join("n2", 9, "host2:7000"));
    expect(twice.nodes.map(({ state, successor }) => [state, successor])).toEqual([
      ["active", 0],
      ["lost", 5],
      ["active", 0],
      ["lost", 5],
      ["active", 0],
    ]);
  });

  it("keeps the successor that an operator named", () => {
    const map = applied(three, bind(2, 7), wanted(2, "draining", 3), join("n2", 8, "host2:7000"));
    expect(map.nodes[1]).toMatchObject({ state: "lost", successor: 3 });
  });

  it("refuses an incarnation that was removed or is lost, for ever", () => {
    const gone = applied(smallAndFour, wanted(4, "leaving"));
    expect(gone.nodes[3]?.state).toBe("gone");
    expect(refusal(gone, join("n4", 4, "host4:7000"))).toContain("was removed from the cluster: reset its data folder");
    const lost = applied(three, bind(2, 7), wanted(2, "lost"));
    expect(refusal(lost, join("n2", 7, "host2:7000"))).toContain("reset its data folder to join again");
  });

  it("seats a name anew whose earlier nodes are gone", () => {
    const gone = applied(smallAndFour, wanted(4, "leaving"));
    const map = applied(gone, join("n4", 5, "host4:7000"));
    expect(map.nodes[3]).toEqual(gone.nodes[3]);
    expect(map.nodes[4]).toMatchObject({ seat: 5, id: "n4", state: "active", incarnation: incarnation(5) });
  });

  it("does not take an unmet founder that was given up for the one that asks", () => {
    const map = applied(applied(three, wanted(2, "lost")), join("n2", 7, "host2:7000"));
    expect(map.nodes[1]).toMatchObject({ incarnation: "", state: "lost", successor: 4 });
    expect(map.nodes[3]).toMatchObject({ id: "n2", incarnation: incarnation(7) });
  });

  it("refuses an address that another member has, and takes that of one that is no member any more", () => {
    expect(refusal(three, join("n9", 9, "host2:7000"))).toBe("host2:7000 is the address of node n2");
    expect(refusal(applied(three, bind(1, 7)), join("n1", 7, "host2:7000"))).toContain("address of node n2");
    expect(refusal(applied(three, wanted(2, "draining")), join("n9", 9, "host2:7000"))).toContain("node n2");
    // A machine that replaces another at its address could else not join before all is repaired without it.
    expect(applied(applied(three, wanted(2, "lost")), join("n9", 9, "host2:7000")).nodes).toHaveLength(4);
  });

  it("refuses the incarnation of another node", () => {
    expect(refusal(grown(three, 4, 4), join("n9", 4, "host9:1"))).toBe(
      "node n9 has the data folder of node n4 on seat 4: a copy cannot join",
    );
  });

  it("is refused beyond the bounds of a map", () => {
    let map = small;
    for (let i = map.nodes.length + 1; i <= clusterLimits.nodesMax; i++) map = grown(map, i, i);
    expect(refusal(map, join("more", 0xffff, "more:1"))).toBe("a cluster has 256 nodes at most");
    // One that lost its disk takes the place of itself.
    expect(applied(map, join("n256", 0xffff, "host256:7000")).nodes).toHaveLength(257);
    const last = map.nodes[3]!;
    const rows = Array.from({ length: clusterLimits.rowsMax - 4 }, (_, i) => ({
      ...{ ...last, seat: i + 5, incarnation: incarnation(i + 0x1000), state: "gone" as const },
    }));
    const old = { ...smallAndFour, nodes: [...smallAndFour.nodes, ...rows] };
    expect(refusal(old, join("more", 0xffff, "more:1"))).toBe("this cluster has used up its seats");
  });
});

describe("set-node-state", () => {
  it("says what is wanted of a node, and with whom in its place", () => {
    const map = applied(three, wanted(2, "draining", 3));
    expect(map.nodes[1]).toMatchObject({ state: "draining", successor: 3 });
    expect(isUnchanged(map, wanted(2, "draining", 3))).toBe(true);
    expect(applied(map, wanted(2, "leaving")).nodes[1]).toMatchObject({ state: "leaving", successor: 0 });
    expect(applied(map, wanted(2, "active")).nodes[1]).toMatchObject({ state: "active", successor: 0 });
  });

  it("takes back that a node leaves", () => {
    const map = applied(applied(three, wanted(2, "leaving", 1)), wanted(2, "active"));
    expect(map.nodes).toEqual(three.nodes);
  });

  it("does not take back that one is lost or gone", () => {
    const lost = applied(three, wanted(2, "lost"));
    expect(isUnchanged(lost, wanted(2, "lost"))).toBe(true);
    for (const state of ["active", "draining", "leaving"] as const)
      expect(refusal(lost, wanted(2, state))).toContain("n2 on seat 2 is lost");
    const gone = applied(smallAndFour, wanted(4, "lost"));
    expect(statesOf(gone)[3]).toBe("gone");
    for (const state of ["active", "draining", "leaving", "lost"] as const)
      expect(refusal(gone, wanted(4, state))).toContain("was removed");
  });

  it("may name another successor of one that is lost", () => {
    const map = applied(applied(three, wanted(2, "lost")), wanted(2, "lost", 3));
    expect(map.nodes[1]).toMatchObject({ state: "lost", successor: 3 });
  });

  it("is refused for the last active node", () => {
    const map = applied(three, wanted(1, "draining"), wanted(2, "lost"));
    for (const state of ["draining", "leaving", "lost"] as const)
      expect(refusal(map, wanted(3, state))).toBe("node n3 is the last active one");
    expect(refusal(found(1), wanted(1, "leaving"))).toBe("node n1 is the last active one");
    expect(applied(map, wanted(1, "leaving")).nodes[0]?.state).toBe("leaving");
  });

  it("is refused with a successor that could not be one", () => {
    const map = applied(three, wanted(1, "draining"));
    expect(refusal(map, wanted(2, "draining", 1))).toBe("the successor, seat 1, is no active node");
    expect(refusal(map, wanted(2, "draining", 9))).toBe("the successor, seat 9, is no active node");
    expect(refusal(map, wanted(2, "draining", 2))).toBe("a node cannot be its own successor");
    expect(refusal(map, wanted(1, "active", 2))).toContain("it has no successor");
    expect(refusal(map, wanted(9, "active"))).toBe("there is no seat 9");
  });
});

describe("a node that leaves or is lost", () => {
  it.each(["leaving", "lost"] as const)("is gone once it holds nothing (%s)", (state) => {
    const alone = found(3, 1, 1);
    let map = applied(grown(alone, 4, 4), wanted(1, state, 4));
    map = placed(map, 0, 4);
    map = settled(map, 0);
    expect(statesOf(map)[0]).toBe(state);
    map = placed(map, 0xffff_ffff, 4, 2, 3);
    expect(statesOf(map)[0]).toBe(state);
    map = settled(map, 0xffff_ffff);
    expect(map.nodes[0]).toMatchObject({ state: "gone", successor: 0 });
  });

  it("is not while a group that was to be held by it has not settled without it", () => {
    let map = applied(placed(smallAndFour, 0, 4), wanted(4, "leaving"));
    map = placed(map, 0, 1);
    expect(statesOf(map)[3]).toBe("leaving");
    expect(statesOf(settled(map, 0))[3]).toBe("gone");
  });

  it("is at once when it holds nothing; one that drains stays", () => {
    expect(statesOf(applied(smallAndFour, wanted(4, "leaving")))[3]).toBe("gone");
    expect(statesOf(applied(smallAndFour, wanted(4, "draining")))[3]).toBe("draining");
  });
});

describe("set-replication-factor", () => {
  it("takes 1 to 7", () => {
    const set = (replicationFactor: number): MapCommand => ({ op: "set-replication-factor", replicationFactor });
    expect(applied(three, set(7))).toEqual({ ...three, replicationFactor: 7, version: 2 });
    expect(isUnchanged(three, set(3))).toBe(true);
    for (const wrong of [0, 8]) expect(refusal(three, set(wrong))).toBe("a replication factor is 1 to 7");
  });
});
