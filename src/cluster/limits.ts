/** A ReplicaId is `seat + generation * seatsMax`: founding replicas, of generation 0, bear the number of their seat. */
export const seatsMax = 2 ** 20;

/** Group number of the meta group: no partition ever gets there. */
export const metaGroup = 0xffff_ffff;

export const clusterLimits = {
  /** Members, that is nodes neither lost nor gone: each node has a stream with each other one. */
  nodesMax: 256,
  /** Rows of nodes, those that are gone included: they stay, and every node keeps and passes on the whole map. */
  rowsMax: 16_384,
  partitionsMax: 4_096,
  /** Of one group, as in `raft`: more only slow every commit. */
  votersMax: 7,
  /** Of the meta group: five survive two failures; more nodes only listen to the map. */
  metaVotersMax: 5,
  /** Replicas of one group that are held besides those it has settled on: each is a whole copy of the data. */
  unsettledMax: 32,
  /** Keeps every ReplicaId below 2^53: 4 billion changes of one placement. */
  generationMax: 2 ** 32 - 1,
  /** 2^48 changes of a map last for ages, and leave versions within the safe integers. */
  versionMax: 2 ** 48 - 1,
  /** Numbers of a list in one command; one list names the voters of one group. */
  listMax: 255,
} as const;
