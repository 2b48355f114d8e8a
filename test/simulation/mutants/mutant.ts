import type { MixName } from "../mixes.js";
import type { SimWorld } from "../sim-world.js";

/** A planted bug: what is wrong, and how it gets into a cluster before it starts. */
export interface Mutant {
  readonly name: string;
  /** The faults under which it shows. */
  readonly mix: MixName;
  plant(sim: SimWorld): void;
}

/**
 * A mutant of something that a hook of the simulation hands out; `strikes` lets one call in `every` go wrong, since a bug that
 * always strikes would be found by anything.
 */
export function hooked(
  name: string,
  mix: Mutant["mix"],
  every: number,
  hook: (hooks: SimWorld["hooks"], strikes: () => boolean) => void,
): Mutant {
  return {
    ...{ name, mix },
    plant: (sim) => {
      const rng = sim.world.rng(`mutant ${name}`);
      hook(sim.hooks, () => rng.between(0, every) === 0);
    },
  };
}
