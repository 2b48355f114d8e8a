import { beforeEach, describe, expect, jest, test } from "@jest/globals";
import { failures } from "../../../src/gateway/router/failures.js";
import { Lane } from "../../../src/gateway/router/lane.js";
import { routerLimits } from "../../../src/gateway/router/limits.js";
import { Outstanding } from "../../../src/gateway/router/outstanding.js";
import { Request } from "../../../src/gateway/router/request.js";
import { zeroCounters } from "../../../src/gateway/router/stats.js";
import { silentLog } from "./support.js";

describe("Outstanding", () => {
  let lane: Lane;
  let outstanding: Outstanding;
  const settledWith: unknown[] = [];

  function add(sequence: number, deadlineMs: number, bytes = 10): Request {
    const settle = (value: unknown): void => {
      settledWith.push(value);
    };
    const request = new Request(0, "delete-queue", Buffer.alloc(bytes), sequence, deadlineMs, settle, settle);
    outstanding.add(lane, request);
    return request;
  }

  beforeEach(() => {
    settledWith.length = 0;
    lane = new Lane(0, 1);
    outstanding = new Outstanding({ ...routerLimits, outstandingBytesMax: 25 }, zeroCounters(), silentLog);
    outstanding.use([lane]);
  });

  test("counts requests and bytes; the bound on bytes is passed by one request at most", () => {
    add(1, 100);
    add(0, 100);
    expect([outstanding.count, outstanding.bytes, outstanding.hasRoom(lane)]).toEqual([2, 20, true]);
    const last = add(2, 100);
    expect([outstanding.bytes, outstanding.hasRoom(lane)]).toEqual([30, false]);
    outstanding.succeed(lane, last, Buffer.from([1]));
    expect(outstanding.hasRoom(lane)).toBe(true);
    expect(settledWith).toEqual([true]);
  });

  test("gives up in the order of deadlines, and no more than is due", () => {
    add(1, 100);
    add(0, 150);
    add(2, 200);
    outstanding.expire(99);
    expect(outstanding.count).toBe(3);
    outstanding.expire(150);
    expect(outstanding.count).toBe(1);
    expect(settledWith).toMatchObject([{ code: "no-leader" }, { code: "no-leader" }]);
  });

  test("settling twice is a fault", () => {
    const request = add(1, 100);
    outstanding.fail(lane, request, failures.noLeader());
    expect(() => {
      outstanding.fail(lane, request, failures.noLeader());
    }).toThrow("in this list");
  });

  test("tells when nothing is outstanding, once", () => {
    const callback = jest.fn();
    const request = add(1, 100);
    outstanding.whenNone(callback);
    expect(callback).not.toHaveBeenCalled();
    outstanding.fail(lane, request, failures.noLeader());
    outstanding.fail(lane, add(2, 100), failures.noLeader());
    expect(callback).toHaveBeenCalledTimes(1);
    outstanding.whenNone(callback);
    expect(callback).toHaveBeenCalledTimes(2);
  });
});
