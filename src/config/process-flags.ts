/**
 * How Node runs a storage node and a gateway. Message bodies, log entries and frames live outside V8's heap, in buffers that the
 * heap only refers to. The heap itself stays small (about 20 MiB), and by default V8 starts a full collection whenever what it
 * refers to has grown by about half of that: seven times a second under load, a quarter of a node's CPU. So:
 *
 * * a large initial old space: garbage outside the heap may reach that size before a full collection. Larger: fewer
 *   collections, more memory. Measured with posts of 100 messages on two cores: 162,000 messages/s with the default,
 *   200,000-217,000 with 96 MiB;
 * * a small young generation for the node: its frequent collections are cheap, and each frees the buffers that died since the
 *   last one. A gateway makes more objects per request, and does better with a larger one.
 *
 * The thread pool serves the file operations of the log and of `level`; one slow sync must not hold up the others.
 */
export const processFlags = {
  node: ["--max-semi-space-size=4", "--initial-old-space-size=96"],
  gateway: ["--max-semi-space-size=16", "--initial-old-space-size=64"],
  environment: { UV_THREADPOOL_SIZE: "16" },
} as const;
