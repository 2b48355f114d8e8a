import type { MixName } from "../mixes.js";
import type { SimWorld } from "../sim-world.js";

/** A planted bug: what is wrong, and how it gets into a cluster before it starts. */
export interface Mutant {
  readonly name: string;
  /** The faults under which it shows. */
  readonly mix: MixName;
  plant(sim: SimWorld): void;
}

/** Lets one call in `every` go wrong: a bug that always strikes would be found by anything. */
export function sometimes(sim: SimWorld, name: string, every: number): () => boolean {
  const rng = sim.world.rng(`mutant ${name}`);
  return () => rng.between(0, every) === 0;
}
