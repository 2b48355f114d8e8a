import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { Admission } from "../../src/gateway/admission.js";
import { UnsentAnswers } from "../../src/gateway/unsent-answers.js";

class FakeResponse extends EventEmitter {
  readonly req = { socket: { destroyed: false, destroy: (): void => void (this.req.socket.destroyed = true) } };
}

let admission: Admission;
let unsent: UnsentAnswers;
beforeEach(() => {
  admission = new Admission(10, 1_000);
  unsent = new UnsentAnswers(admission, 100);
});

function add(bytes: number, nowMs: number): FakeResponse {
  const response = new FakeResponse();
  unsent.add(response as unknown as ServerResponse, bytes, nowMs);
  return response;
}

describe("answers that wait for their clients", () => {
  test("count until they are sent", () => {
    const response = add(300, 0);
    expect(admission.bytes).toBe(300);
    response.emit("close");
    expect(admission.bytes).toBe(0);
    expect(unsent.cutOff(1_000)).toBe(0);
    expect(response.req.socket.destroyed).toBe(false);
  });

  test("are cut off when their time is over, and no others", () => {
    const [first, second] = [add(1, 0), add(2, 50)];
    expect(unsent.cutOff(99)).toBe(0);
    expect(unsent.cutOff(100)).toBe(1);
    expect([first.req.socket.destroyed, second.req.socket.destroyed]).toEqual([true, false]);
    expect(admission.bytes).toBe(2);
    // Its close comes after it was counted out.
    first.emit("close");
    expect(admission.bytes).toBe(2);
  });

  test("are forgotten when their connection is gone, though nobody told them", () => {
    const response = add(5, 0);
    response.req.socket.destroyed = true;
    expect(unsent.cutOff(1)).toBe(0);
    expect(admission.bytes).toBe(0);
  });
});
