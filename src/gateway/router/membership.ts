import type { Membership as MembershipFrame } from "../../gen/marconi/v1/partitions_pb.js";

/** Which nodes the cluster has, as of the greatest version of its map that any node has told of. */
export class Membership {
  #version = -1;
  #addresses = new Map<string, string>();
  #nodes = new Map<string, string>();

  /** Takes what a node says. True when it is newer than what was known; a list of nobody is no news. */
  take({ version, members }: Pick<MembershipFrame, "version" | "members">): boolean {
    if (members.length === 0 || Number(version) <= this.#version) return false;
    this.#version = Number(version);
    this.#addresses = new Map(members.map(({ nodeId, address }) => [nodeId, address]));
    this.#nodes = new Map(members.map(({ nodeId, address }) => [address, nodeId]));
    return true;
  }

  /** Before anything is known, whoever belongs to the cluster may be a member. */
  has(nodeId: string): boolean {
    return this.#addresses.size === 0 || this.#addresses.has(nodeId);
  }

  /** Where members are reached, by node id. */
  get addresses(): ReadonlyMap<string, string> {
    return this.#addresses;
  }

  addressOf(nodeId: string): string | undefined {
    return this.#addresses.get(nodeId);
  }

  /** The member that is reached at an address. */
  nodeAt(address: string): string | undefined {
    return this.#nodes.get(address);
  }
}
