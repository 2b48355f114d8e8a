import type { ExchangeRequest, ExchangeResponse } from "../../gen/marconi/v1/partitions_pb.js";

/** What the user of a connection hears. Calls never overlap, and none happens inside `connect` or `send`. */
export interface ConnectionHandlers {
  frame(frame: ExchangeResponse): void;
  /** More may be sent after `send` returned false. */
  drained(): void;
  /** The connection is over or never came to be; nothing is called afterwards. */
  closed(reason: string): void;
}

/** One ordered stream of frames to a node, and back. */
export interface Connection {
  /**
   * Sends a frame; frames sent before the connection stands wait for it. `bytes` is the frame's size, about. False: the
   * bound on what waits is reached, and `drained` will be called.
   */
  send(frame: ExchangeRequest, bytes: number): boolean;
  /** Ends the connection; no handler is called afterwards. */
  close(): void;
}

/** How nodes are reached: gRPC in production, memory in a simulation. */
export interface Transport {
  /** Dials host:port. Throws only when the address cannot be one. */
  connect(address: string, handlers: ConnectionHandlers): Connection;
}
