/** `kill`: one node. `double`: two, which is no majority of three. `all`: every node. `pause`: one is stopped for a while. */
export const faultKinds = ["kill", "double", "all", "pause"] as const;
export type FaultKind = (typeof faultKinds)[number];

/** One thing that was done to the cluster. */
export interface Fault {
  readonly kind: FaultKind;
  readonly nodes: readonly string[];
  /** When it began. */
  readonly atMs: number;
  /** When what was killed was started again. */
  startedAgainMs: number;
  /** Partitions that the nodes led. */
  readonly partitions: readonly number[];
  /** From the launch of each killed node to its being ready. */
  readonly returns: { readonly readyMs: number; readonly cpuMs: number }[];
}
