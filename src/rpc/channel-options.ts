import type { ChannelOptions } from "@grpc/grpc-js";

/** Raised when a frame changes its meaning; peers of another version are refused with a message. */
export const PROTOCOL_VERSION = 1;

/**
 * Frames are bounded by their senders (1 MiB of requests, 16 MiB of Raft messages at most); the flow-control window lets a
 * whole frame through without a round trip; keepalive notices a dead host within about five seconds where no reset arrives.
 */
export const channelOptions: ChannelOptions = {
  "grpc.max_receive_message_length": 64 * 1024 * 1024,
  "grpc.max_send_message_length": 64 * 1024 * 1024,
  "grpc-node.flow_control_window": 8 * 1024 * 1024,
  "grpc.keepalive_time_ms": 2_000,
  "grpc.keepalive_timeout_ms": 3_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.initial_reconnect_backoff_ms": 50,
  "grpc.min_reconnect_backoff_ms": 50,
  "grpc.max_reconnect_backoff_ms": 500,
  "grpc.use_local_subchannel_pool": 1,
  // Traffic inside the cluster goes straight, whatever proxy the environment names.
  "grpc.enable_http_proxy": 0,
};
