import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { PeerFrameSchema } from "../../src/gen/marconi/v1/peers_pb.js";
import { MessageFrame, readMessages } from "../../src/peer/index.js";
import type { Message } from "../../src/raft/index.js";

const message = (term: number): Message => ({ type: "timeout-now", from: 1, to: 2, term });

describe("a frame of messages", () => {
  test("is what protobuf reads, in the order of adding, and the next one starts empty", () => {
    const frame = new MessageFrame();
    expect(frame.length).toBe(0);
    for (const terms of [[1, 2, 3], [4]]) {
      terms.forEach((term) => {
        frame.add(term * 10, message(term));
      });
      expect(frame.length).toBeGreaterThan(0);
      const { messages, hello, snapshot } = fromBinary(PeerFrameSchema, frame.take());
      expect([hello, snapshot]).toEqual([undefined, undefined]);
      expect(readMessages(messages)).toEqual(terms.map((term) => ({ group: term * 10, message: message(term) })));
      expect(frame.length).toBe(0);
    }
  });
});
