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

  test("has the heartbeats and the replies last, whatever the order of adding", () => {
    const frame = new MessageFrame();
    const reply: Message = { type: "heartbeat-reply", from: 1, to: 2, term: 3, context: 4 };
    const heartbeat: Message = { type: "heartbeat", from: 1, to: 2, term: 3, commit: 5, context: 4 };
    const added: [number, Message][] = [
      [3, reply],
      [9, heartbeat],
      [2, message(7)],
      [1, heartbeat],
      [5, message(8)],
    ];
    for (const [group, one] of added) frame.add(group, one);
    const { messages } = fromBinary(PeerFrameSchema, frame.take());
    expect(readMessages(messages).map(({ group, message: one }) => [group, one])).toEqual([
      [2, message(7)],
      [5, message(8)],
      [9, heartbeat],
      [1, heartbeat],
      [3, reply],
    ]);
    frame.add(4, heartbeat);
    expect(frame.length).toBeGreaterThan(0);
    const next = fromBinary(PeerFrameSchema, frame.take()).messages;
    expect(readMessages(next)).toEqual([{ group: 4, message: heartbeat }]);
    expect(frame.length).toBe(0);
  });
});
