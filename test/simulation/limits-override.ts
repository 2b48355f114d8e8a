import { nodeLimits } from "../../src/node/limits.js";
import { defaultRaftOptions } from "../../src/raft/index.js";
import type { SimOptions } from "./options.js";

/** Runs `act` under the limits of a seed. They are constants to the product, and are again afterwards. */
export function withLimits(options: SimOptions, act: () => void): void {
  const raft = defaultRaftOptions as Record<string, number>;
  const node = nodeLimits as Record<string, number>;
  const before = { raft: { ...raft }, node: { ...node } };
  Object.assign(raft, options.raft);
  Object.assign(node, options.node);
  try {
    act();
  } finally {
    Object.assign(raft, before.raft);
    Object.assign(node, before.node);
  }
}
