import type { Placement } from "../cluster/index.js";
import { goalOf } from "../cluster/index.js";
import type { Configuration, PeerStatus, ReplicaId, Status } from "../raft/index.js";
import type { Replica } from "./replica.js";

/** What the leader of a group should do next about who holds it. */
export type PlacementStep =
  | { readonly step: "nothing" }
  /** Its voters are those that the map wants, by a committed configuration: the map may forget the others. */
  | { readonly step: "report"; readonly replicas: readonly ReplicaId[]; readonly generation: number }
  | {
      readonly step: "change";
      readonly voters: readonly ReplicaId[];
      readonly learners: readonly ReplicaId[];
      readonly generation: number;
    };

const nothing: PlacementStep = Object.freeze({ step: "nothing" });

const sameMembers = (a: readonly ReplicaId[], b: readonly ReplicaId[]): boolean =>
  a.length === b.length && a.every((id) => b.includes(id));

/** True when a group is as the map wants it, as far as can be told without asking its core. */
export function isSettled({ voters, outgoing, learners }: Configuration, placement: Placement): boolean {
  if (placement.target.length > 0 || placement.former.length > 0) return false;
  return outgoing.length === 0 && learners.length === 0 && sameMembers(voters, placement.replicas);
}

/**
 * The way from a group's configuration to the one that the map wants (raft.md section 5): newcomers are learners until they
 * have caught up, then one joint change makes them voters and lets the others go. Never with fewer healthy voters than before.
 */
export function nextStep(
  status: Status,
  placement: Placement,
  isReachable: (replica: ReplicaId) => boolean = () => true,
): PlacementStep {
  const { configuration, configurationIndex, commit } = status;
  const { voters, outgoing, learners } = configuration;
  const { generation } = placement;
  const decided = configuration.generation ?? 0;
  // A leader before this one knew a newer map: what this one's map wants may be what was given up, and may be deleted by now.
  if (generation < decided) return nothing;
  if (outgoing.length > 0 || configurationIndex > commit || !status.established) return nothing;
  const goal = goalOf(placement);
  const missing = goal.filter((id) => !voters.includes(id));
  if (missing.length === 0 && learners.length === 0 && goal.length === voters.length) {
    if (isSettled(configuration, placement)) return nothing;
    // What is reported is in the log first, so that no later leader goes back on it.
    if (generation > decided) return { step: "change", voters, learners, generation };
    return { step: "report", replicas: voters, generation };
  }
  if (!sameMembers(missing, learners)) return { step: "change", voters, learners: missing, generation };
  const peers = new Map(status.peers.map((peer) => [peer.id, peer]));
  if (!missing.every((id) => peers.get(id)?.caughtUp === true)) return nothing;
  const healthy = (ids: readonly ReplicaId[]): number =>
    ids.filter((id) => isHealthy(status.id, peers, id) && isReachable(id)).length;
  const enough = Math.min(healthy(voters), goal.length);
  if (healthy(goal) < enough || healthy(goal) * 2 <= goal.length) return nothing;
  return { step: "change", voters: goal, learners: [], generation };
}

function isHealthy(own: ReplicaId, peers: ReadonlyMap<ReplicaId, PeerStatus>, id: ReplicaId): boolean {
  return id === own || peers.get(id)?.recentlyActive === true;
}

/**
 * Performs the next step at the leader of a group; returns what to report, if that is the step.
 *
 * @param isReachable there is a stream to the node of a replica: one that was killed counts as silent only after an election timeout
 */
export function drivePlacement(
  replica: Replica,
  placement: Placement,
  isReachable?: (replica: ReplicaId) => boolean,
): Extract<PlacementStep, { readonly step: "report" }> | undefined {
  if (!replica.serving || isSettled(replica.configuration, placement)) return undefined;
  const status = replica.core.status();
  const next = nextStep(status, placement, isReachable);
  if (next.step === "report") return next;
  if (next.step === "change") {
    const { voters, learners, generation } = next;
    const expectedConfigurationIndex = status.configurationIndex;
    replica.core.proposeConfiguration({ voters, learners, generation, expectedConfigurationIndex });
    replica.poke();
  }
  return undefined;
}
