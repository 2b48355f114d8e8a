import { AdminError, type ClusterAdmin, type NodeDescription } from "../../admin/index.js";
import type { Clock, Timers } from "../../base/index.js";
import type { ClusterMap, MapCommand } from "../../cluster/index.js";
import type { OperatorConfig } from "../../config/index.js";
import type { Terminal } from "../terminal.js";
import { isMember } from "./names.js";

export interface OperatorContext {
  readonly admin: Pick<ClusterAdmin, "describe" | "change" | "transferLeadership">;
  readonly config: OperatorConfig;
  readonly terminal: Terminal;
  readonly timers: Timers;
  readonly clock: Pick<Clock, "monotonicMs">;
}

/** A change is decided again on a newer map at most this often: under many moves the map changes several times a second. */
const ATTEMPTS_MAX = 10;

/** What an operator's command knows of the cluster while it lasts: the newest map that it has seen. */
export class Session {
  readonly #context: OperatorContext;
  #map: ClusterMap | undefined;
  #metaLeader: string | undefined;

  constructor(context: OperatorContext) {
    this.#context = context;
  }

  /** The newest map to be had: from the leader of the meta group if it answers, else from whoever does. @throws AdminError */
  async refresh(): Promise<ClusterMap> {
    const answered = await this.#describeAny();
    const leader = this.#addressOf(answered.metaLeader);
    if (leader !== undefined && answered.nodeId !== answered.metaLeader) await this.#tryDescribe(leader);
    return this.#map ?? answered.map;
  }

  /**
   * Has the map changed. What is asked for is decided again when the map turns out to be another: a move is only taken when it
   * was decided on the map as it is, and an unanswered question may have been done.
   *
   * @param decide undefined: it is so already. May throw AdminError `refused`
   * @returns the map in which it is done
   */
  async change(decide: (map: ClusterMap) => MapCommand | undefined): Promise<ClusterMap> {
    let map = await this.refresh();
    for (let attempt = 1; ; attempt++) {
      const command = decide(map);
      if (command === undefined) return map;
      try {
        return this.#take(await this.#context.admin.change(command));
      } catch (error) {
        if (!(error instanceof AdminError) || error.kind === "unreachable" || attempt === ATTEMPTS_MAX) throw error;
        const { version } = map;
        map = await this.refresh();
        if (map.version === version) throw error;
      }
    }
  }

  async #describeAny(): Promise<NodeDescription> {
    const known = await this.#tryDescribe(this.#addressOf(this.#metaLeader));
    if (known !== undefined) return known;
    let failure: unknown;
    try {
      return this.#learn(await this.#context.admin.describe());
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      failure = error;
    }
    // The nodes that were named may be those that leave.
    for (const { address } of this.#map?.nodes.filter(isMember) ?? []) {
      const other = await this.#tryDescribe(address);
      if (other !== undefined) return other;
    }
    throw failure;
  }

  async #tryDescribe(address: string | undefined): Promise<NodeDescription | undefined> {
    if (address === undefined) return undefined;
    try {
      return this.#learn(await this.#context.admin.describe(address));
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      return undefined;
    }
  }

  #learn(description: NodeDescription): NodeDescription {
    this.#take(description.map);
    this.#metaLeader = description.metaLeader ?? this.#metaLeader;
    return description;
  }

  /** Never back to an older map. */
  #take(map: ClusterMap): ClusterMap {
    if (this.#map === undefined || map.version > this.#map.version) this.#map = map;
    return this.#map;
  }

  #addressOf(id: string | undefined): string | undefined {
    return this.#map?.nodes.find((node) => node.id === id && isMember(node))?.address;
  }
}
