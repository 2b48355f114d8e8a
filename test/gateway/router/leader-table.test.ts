import { beforeEach, describe, expect, test } from "@jest/globals";
import { LeaderTable } from "../../../src/gateway/router/leader-table.js";

const leads = (term: number, leader: string, serving = true) => ({ term, leader, serving });

describe("LeaderTable", () => {
  let table: LeaderTable;
  beforeEach(() => {
    table = new LeaderTable(2);
  });

  test("knows nobody at first", () => {
    expect(table.leaderOf(0)).toBeUndefined();
    expect(table.namedLeaderOf(0)).toBeUndefined();
  });

  test("asks a leader only once it serves", () => {
    expect(table.update("a", 0, leads(3, "a", false))).toBe(true);
    expect(table.leaderOf(0)).toBeUndefined();
    expect(table.update("a", 0, leads(3, "a"))).toBe(true);
    expect(table.leaderOf(0)).toBe("a");
    expect(table.leaderOf(1)).toBeUndefined();
  });

  test("the greatest term is right, whoever says it", () => {
    table.update("a", 0, leads(3, "a"));
    expect(table.update("c", 0, leads(4, "b"))).toBe(true);
    expect(table.leaderOf(0)).toBe("b");
    expect(table.update("a", 0, leads(3, "a"))).toBe(false);
    expect(table.leaderOf(0)).toBe("b");
  });

  test("within a term the leader itself is believed over others", () => {
    table.update("a", 0, leads(3, "a"));
    expect(table.update("c", 0, leads(3, "b"))).toBe(false);
    expect(table.leaderOf(0)).toBe("a");
    expect(table.update("b", 0, leads(3, "b"))).toBe(true);
    expect(table.leaderOf(0)).toBe("b");
  });

  test("a follower that has not heard that the leader serves takes nothing back", () => {
    table.update("a", 0, leads(3, "a"));
    expect(table.update("b", 0, leads(3, "a", false))).toBe(false);
    expect(table.leaderOf(0)).toBe("a");
    expect(table.update("a", 0, leads(3, "a", false))).toBe(true);
    expect(table.leaderOf(0)).toBeUndefined();
  });

  test("a leader that says it leads no longer is forgotten", () => {
    table.update("a", 0, leads(3, "a"));
    expect(table.update("a", 0, leads(3, "", false))).toBe(true);
    expect(table.leaderOf(0)).toBeUndefined();
    expect(table.namedLeaderOf(0)).toBeUndefined();
  });

  test("the end of a leadership in a later term hides older news of it", () => {
    table.update("a", 0, leads(3, "a"));
    table.update("a", 0, leads(4, "", false));
    expect(table.update("b", 0, leads(3, "a"))).toBe(false);
    expect(table.leaderOf(0)).toBeUndefined();
  });

  test("an election elsewhere puts a leader in doubt without forgetting it", () => {
    table.update("a", 0, leads(3, "a"));
    expect(table.update("b", 0, leads(3, "", false))).toBe(false);
    expect(table.leaderOf(0)).toBe("a");
    table.update("b", 0, leads(4, "", false));
    expect(table.leaderOf(0)).toBeUndefined();
    expect(table.namedLeaderOf(0)).toBe("a");
    expect(table.trust(0, "a")).toBe(true);
    expect(table.leaderOf(0)).toBe("a");
  });

  test("a doubted leader is asked again once it names itself or is trusted", () => {
    table.update("a", 0, leads(3, "a"));
    table.doubt(0, "b");
    expect(table.leaderOf(0)).toBe("a");
    table.doubt(0, "a");
    expect(table.leaderOf(0)).toBeUndefined();
    expect(table.namedLeaderOf(0)).toBe("a");
    expect(table.update("b", 0, leads(3, "a"))).toBe(false);
    expect(table.leaderOf(0)).toBeUndefined();
    expect(table.update("a", 0, leads(3, "a"))).toBe(true);
    expect(table.leaderOf(0)).toBe("a");
    expect(table.trust(0, "a")).toBe(false);
    table.doubt(0, "a");
    expect(table.trust(0, "b")).toBe(false);
    expect(table.trust(0, "a")).toBe(true);
  });

  test("a lost node leads nothing until it says so again", () => {
    table.update("a", 0, leads(3, "a"));
    table.update("a", 1, leads(9, "a"));
    table.update("b", 1, leads(10, "b"));
    expect(table.forget("a")).toEqual([0]);
    expect(table.leaderOf(0)).toBeUndefined();
    expect(table.leaderOf(1)).toBe("b");
    table.update("a", 0, leads(3, "a"));
    expect(table.leaderOf(0)).toBe("a");
  });

  test("a partition that does not exist is a fault", () => {
    expect(() => table.leaderOf(2)).toThrow(RangeError);
  });
});
