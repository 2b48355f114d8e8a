import { describe, expect, test } from "@jest/globals";
import { RequestList } from "../../../src/gateway/router/request-list.js";
import type { Request } from "../../../src/gateway/router/request.js";
import { requestOf } from "./support.js";

function contents(list: RequestList): Request[] {
  const requests: Request[] = [];
  for (let request = list.oldest; request !== undefined; request = request.newer) requests.push(request);
  return requests;
}

describe("RequestList", () => {
  test("keeps the order of acceptance through removals anywhere", () => {
    const list = new RequestList();
    const [a, b, c, d] = [requestOf(0, 1), requestOf(0, 2), requestOf(0, 3), requestOf(0, 4)];
    for (const request of [a, b, c, d]) list.add(request);
    expect(contents(list)).toEqual([a, b, c, d]);
    list.remove(b);
    expect(contents(list)).toEqual([a, c, d]);
    list.remove(d);
    list.remove(a);
    expect(contents(list)).toEqual([c]);
    list.add(b);
    expect(contents(list)).toEqual([c, b]);
    list.remove(c);
    list.remove(b);
    expect(list.oldest).toBeUndefined();
  });

  test("refuses to remove what it does not hold", () => {
    const list = new RequestList();
    list.add(requestOf(0, 1));
    expect(() => {
      list.remove(requestOf(0, 2));
    }).toThrow("in this list");
  });
});
