import { nodeLimits } from "../../src/node/limits.js";
import { defaultMachineLimits } from "../../src/partition/limits.js";
import { defaultRaftOptions } from "../../src/raft/index.js";
import type { SimOptions } from "./options.js";

/** Runs `act` under the limits of a seed. They are constants to the product, and are again afterwards. */
export function withLimits(options: SimOptions, act: () => void): void {
  const raft = defaultRaftOptions as Record<string, number>;
  const node = nodeLimits as Record<string, number>;
  const machine = defaultMachineLimits as unknown as Record<string, number>;
  const before = { raft: { ...raft }, node: { ...node }, machine: { ...machine } };
  Object.assign(raft, options.raft);
  Object.assign(node, options.node);
  Object.assign(machine, options.machine);
  try {
    act();
  } finally {
    Object.assign(raft, before.raft);
    Object.assign(node, before.node);
    Object.assign(machine, before.machine);
  }
}
