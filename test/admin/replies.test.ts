import { describe, expect, test } from "@jest/globals";
import { Replies } from "../../src/admin/replies.js";

describe("what follows from replies", () => {
  test("nobody was asked: unreachable, and nothing was changed", () => {
    const replies = new Replies();
    replies.note("a:1", "cannot be connected to", false);
    expect(replies.gaveUp("partition 3")).toMatchObject({
      kind: "unreachable",
      message: "no node could be asked: a:1 cannot be connected to",
    });
  });

  test("everybody pointed elsewhere: nobody leads", () => {
    const replies = new Replies();
    replies.redirected("a:1", ["b:1"]);
    replies.redirected("b:1", []);
    expect(replies.gaveUp("partition 3")).toMatchObject({
      kind: "unreachable",
      message:
        "nobody was found that leads partition 3; a majority of the nodes that hold it must be up: " +
        "a:1 points to b:1; b:1 knows no leader",
    });
  });

  test("a doubt stays, whatever is said after", () => {
    const replies = new Replies();
    replies.doubt("a:1", "did not answer within 3000 ms");
    replies.redirected("a:1", []);
    expect(replies.gaveUp("x").kind).toBe("unknown-outcome");
    expect(replies.gaveUp("x").message).toContain("(a:1 did not answer within 3000 ms): look at the status");
    expect(replies.refused("too late")).toMatchObject({ kind: "unknown-outcome" });
    expect(replies.refused("too late").message).toMatch(/^too late; but an earlier attempt may have been done/);
  });

  test("without a doubt a refusal is one", () => {
    expect(new Replies().refused("there is no seat 9")).toMatchObject({
      kind: "refused",
      message: "there is no seat 9",
    });
  });

  test("is hopeless when everybody will say the same again", () => {
    const replies = new Replies();
    expect(replies.isHopeless).toBe(false);
    replies.note("a:1", "is of another cluster", true);
    expect(replies.isHopeless).toBe(true);
    replies.note("b:1", "cannot be connected to", false);
    expect(replies.isHopeless).toBe(false);
  });

  test("tells about a handful of addresses and counts the others", () => {
    const replies = new Replies();
    for (let i = 0; i < 8; i++) replies.note(`n${i}:1`, "is down", false);
    expect(replies.text()).toMatch(/^n0:1 is down; .*; n4:1 is down; and 3 more$/);
  });
});
