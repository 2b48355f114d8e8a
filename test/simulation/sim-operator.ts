import type { ClusterMap, MapCommand } from "../../src/cluster/index.js";
import type { MetaOutcome } from "../../src/node/meta-group.js";
import type { SimHost } from "./fabric.js";
import type { SimNode } from "./sim-node.js";
import type { SimProcess } from "./sim-process.js";
import type { SimWorld } from "./sim-world.js";

/** Without an answer for so long, an attempt counts as lost. */
const ANSWER_MS = 2_000;
const RETRY_MS = 300;
const ATTEMPTS_MAX = 10;

const unknown: MetaOutcome = { lost: "unknown" };

/** Gives commands to whoever leads the meta group, as `ClusterAdmin` does, and repeats what got lost. */
export class SimOperator {
  readonly #sim: SimWorld;
  #stopped = false;

  constructor(sim: SimWorld) {
    this.#sim = sim;
  }

  /** Repeats nothing any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Repeats a command until it is applied or refused; gives up after a while. `make` looks at the newest map each time. */
  order(make: (map: ClusterMap) => MapCommand | undefined, done?: (outcome: MetaOutcome) => void, attempt = 1): void {
    const { world, map } = this.#sim;
    const command = make(map);
    if (command === undefined) {
      done?.({ refused: "nothing to ask for" });
      return;
    }
    this.attempt(command, undefined, undefined, (outcome) => {
      const isLost = "lost" in outcome;
      const text = isLost ? `lost: ${outcome.lost}` : "refused" in outcome ? `refused: ${outcome.refused}` : "done";
      world.timeline.note(undefined, `operator: ${JSON.stringify(command)}: ${text}`);
      if (isLost && attempt < ATTEMPTS_MAX && !this.#stopped)
        world.after(RETRY_MS, undefined, () => {
          this.order(make, done, attempt + 1);
        });
      else done?.(outcome);
    });
  }

  /** One request from a host, if it is somewhere, and its answer; both may get lost. The answer comes inside `owner`. */
  attempt(
    command: MapCommand,
    from: SimHost | undefined,
    owner: SimProcess | undefined,
    answer: (outcome: MetaOutcome) => void,
  ): void {
    const { world, fabric } = this.#sim;
    const progress = { answered: false };
    const reply = (delayMs: number, outcome: MetaOutcome): void => {
      world.after(delayMs, owner, () => {
        if (progress.answered) return;
        progress.answered = true;
        answer(outcome);
      });
    };
    reply(ANSWER_MS, unknown);
    const leaders = this.#sim.nodes.filter((node) => !node.paused && node.storage?.meta.leads === true);
    const leader = leaders[world.rng("operator").between(0, Math.max(1, leaders.length))];
    if (leader === undefined) {
      reply(fabric.latencyMs(), { lost: "not-leader" });
      return;
    }
    const reaches = (one: SimHost | undefined, other: SimHost | undefined): boolean =>
      one === undefined || other === undefined || !fabric.isBlocked(one, other);
    if (!reaches(from, leader.host)) return;
    leader.inside(fabric.latencyMs(), () => {
      this.#perform(leader, command, (outcome) => {
        if (reaches(leader.host, from)) reply(fabric.latencyMs(), outcome);
      });
    });
  }

  #perform(leader: SimNode, command: MapCommand, done: (outcome: MetaOutcome) => void): void {
    const { storage } = leader;
    if (storage?.meta.leads !== true) {
      done({ lost: "not-leader" });
      return;
    }
    if (command.op === "add-node") {
      // As the service says: a node that runs has not lost its disk.
      const present = storage.view.node(command.id);
      const other = present !== undefined && present.incarnation !== "" && present.incarnation !== command.incarnation;
      if (other && storage.member.alive().has(present.seat)) {
        done({ lost: "not-leader" });
        return;
      }
    }
    storage.meta.change(command).then(done, (error: unknown) => {
      this.#sim.world.threw(undefined, error);
    });
  }
}

/**
 * The map that a process starts with, as `enterCluster` finds it; never resolves when the process dies before. Undefined for a
 * machine that is no member any more and must not start.
 */
export async function enter(sim: SimWorld, node: SimNode, process: SimProcess): Promise<ClusterMap | undefined> {
  const { storedMap, incarnation } = node;
  if (storedMap !== undefined) {
    const row = storedMap.nodes.find((former) => former.incarnation === incarnation);
    return row?.state === "gone" || row?.state === "lost" ? undefined : storedMap;
  }
  if (node.isFounder) return sim.founding;
  for (;;) {
    const outcome = await new Promise<MetaOutcome>((resolve) => {
      const command: MapCommand = { op: "add-node", id: node.name, incarnation, address: node.name };
      sim.operator.attempt(command, node.host, process, resolve);
    });
    if ("map" in outcome) {
      sim.world.coverage.add("nodesJoined");
      return outcome.map;
    }
    if ("refused" in outcome) {
      sim.world.timeline.note(undefined, `${node.name} is not taken in: ${outcome.refused}`);
      // All other reasons pass: whoever looks after the node starts it again.
      if (outcome.refused.includes("was removed")) return undefined;
    }
    await new Promise<void>((resolve) => {
      process.after(RETRY_MS, resolve);
    });
  }
}
