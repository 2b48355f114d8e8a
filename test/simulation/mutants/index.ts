import type { Mutant } from "./mutant.js";
import { mutantsOfNetwork } from "./of-network.js";
import { mutantsOfPartition } from "./of-partition.js";
import { mutantsOfRaft } from "./of-raft.js";
import { mutantsOfStorage } from "./of-storage.js";

export type { Mutant } from "./mutant.js";

export const mutants: readonly Mutant[] = [
  ...mutantsOfStorage,
  ...mutantsOfRaft,
  ...mutantsOfPartition,
  ...mutantsOfNetwork,
];
