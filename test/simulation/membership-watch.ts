import { type ClusterMap, goalOf, mapDigest, metaGroup, placementOf, seatOf } from "../../src/cluster/index.js";
import { type Configuration, decodeConfiguration, type Entry, type Index, type Term } from "../../src/raft/index.js";
import type { GroupId } from "../../src/storage/index.js";
import type { World } from "./world.js";

interface Made {
  readonly index: Index;
  readonly term: Term;
  readonly configuration: Configuration;
}

const keyOf = ({ index, term }: { readonly index: Index; readonly term: Term }): string =>
  `${String(index)}/${String(term)}`;

/**
 * Sees every map and every configuration: of one version there is one map, and generations never fall along a log, or a leader
 * with an old map could take a newer decision back (raft.md section 5).
 */
export class MembershipWatch {
  readonly #world: World;
  readonly #maps = new Map<number, { readonly map: ClusterMap; readonly digest: unknown }>();
  readonly #seen = new WeakSet<ClusterMap>();
  readonly #configurations = new Map<GroupId, Map<string, Configuration>>();
  readonly #committed = new Map<GroupId, Made>();
  /** By node and group: the configurations that are in its log. */
  readonly #inLog = new Map<string, Made[]>();

  constructor(world: World) {
    this.#world = world;
  }

  // --- maps

  /** A node acts on this map. */
  acts(node: string, map: ClusterMap): void {
    if (this.#seen.has(map)) return;
    this.#seen.add(map);
    const digest = mapDigest(map);
    const known = this.#maps.get(map.version);
    if (known === undefined) {
      this.#maps.set(map.version, { map, digest });
      const previous = this.#maps.get(map.version - 1);
      if (previous !== undefined) this.#compare(previous.map, map);
      const next = this.#maps.get(map.version + 1);
      if (next !== undefined) this.#compare(map, next.map);
      return;
    }
    if (known.digest !== digest) this.#world.fail(`${node} acts on another map of version ${String(map.version)}`);
  }

  /** What one command made of a map. */
  #compare(before: ClusterMap, after: ClusterMap): void {
    const { coverage } = this.#world;
    for (const node of after.nodes)
      if (node.state === "gone" && before.nodes[node.seat - 1]?.state !== "gone") coverage.add("nodesLeft");
    for (const group of [metaGroup, ...after.partitions.keys()]) {
      const [was, is] = [placementOf(before, group), placementOf(after, group)];
      if (was === undefined || is === undefined || was.generation === is.generation) continue;
      if (was.target.length > 0) coverage.add("placementsRetargeted");
      const again = goalOf(is).filter((id) => goalOf(was).some((old) => old !== id && seatOf(old) === seatOf(id)));
      coverage.add("replicasLost", again.length);
    }
  }

  /** True while any group is on its way to another set of replicas, by the newest map. */
  get isMoving(): boolean {
    const newest = this.#maps.get(Math.max(...this.#maps.keys()))?.map;
    return newest !== undefined && [newest.meta, ...newest.partitions].some(({ target }) => target.length > 0);
  }

  // --- configurations

  /** An entry of kind config is in the log of a replica on `node`. */
  appended(node: string, group: GroupId, { index, term, data }: Entry): void {
    const configuration = decodeConfiguration(data);
    const made = { index, term, configuration };
    const log = this.#logOf(node, group);
    while ((log.at(-1)?.index ?? 0) >= index) log.pop();
    const previous = log.at(-1);
    log.push(made);
    if ((previous?.configuration.generation ?? 0) > (configuration.generation ?? 0))
      this.#world.fail(
        `generations fall in partition ${String(group)}: ${node} has ${String(previous?.configuration.generation)} at ` +
          `${String(previous?.index)} and ${String(configuration.generation ?? 0)} at ${String(index)}`,
      );
    this.#of(group).set(keyOf(made), configuration);
  }

  truncated(node: string, group: GroupId, from: Index): void {
    const log = this.#logOf(node, group);
    while ((log.at(-1)?.index ?? 0) >= from) {
      log.pop();
      this.#world.coverage.add("configurationsTruncated");
    }
  }

  /** What a replica on `node` has in its log is not known any more. */
  forget(node: string, group: GroupId): void {
    this.#inLog.delete(`${node}/${String(group)}`);
  }

  committed(group: GroupId, index: Index, term: Term): void {
    const configuration = this.#configurations.get(group)?.get(keyOf({ index, term }));
    const previous = this.#committed.get(group);
    if (configuration === undefined || (previous?.index ?? 0) >= index) return;
    this.#committed.set(group, { index, term, configuration });
    const { coverage } = this.#world;
    if (configuration.outgoing.length > 0) coverage.add("jointChanges");
    const learners = previous?.configuration.learners ?? [];
    coverage.add("learnersPromoted", configuration.voters.filter((id) => learners.includes(id)).length);
  }

  /** The last committed one; undefined while that is the founding one. */
  committedOf(group: GroupId): Configuration | undefined {
    return this.#committed.get(group)?.configuration;
  }

  #of(group: GroupId): Map<string, Configuration> {
    let known = this.#configurations.get(group);
    if (known === undefined) this.#configurations.set(group, (known = new Map<string, Configuration>()));
    return known;
  }

  #logOf(node: string, group: GroupId): Made[] {
    const key = `${node}/${String(group)}`;
    let log = this.#inLog.get(key);
    if (log === undefined) this.#inLog.set(key, (log = []));
    return log;
  }
}
