import type { Move } from "./plan-balance.js";
import { goalOf } from "./holding.js";
import { seatOf } from "./replica-id.js";
import { at, isIdle, isUsable, type Survey } from "./survey.js";
import type { Seat } from "./types.js";

/** By node, who could lead one of the partitions that it should lead now: that partition. */
type Heirs = ReadonlyMap<Seat, ReadonlyMap<Seat, number>>;

/**
 * Lets another replica of a partition lead it, so that no node leads two more than one that could have one of them; undefined
 * when that is so. Where no partition of the one is held by the other, leaderships are passed on along a chain of nodes: the
 * shortest there is, and the first link of it. All nodes of it but the ends lead one more than the last, so that after the
 * link the chain is one shorter, and at its end the leaderships are more even: this comes to an end.
 */
export function leaderToBalance(of: Survey): Move | undefined {
  const heirs = heirsOf(of);
  let shortest: readonly Seat[] | undefined;
  for (const from of heirs.keys()) {
    const chain = chainFrom(of, heirs, from);
    if (chain !== undefined && chain.length < (shortest?.length ?? Infinity)) shortest = chain;
  }
  const [from, to] = shortest ?? [];
  if (from === undefined || to === undefined) return undefined;
  const group = heirs.get(from)?.get(to) as number;
  const seats = (of.map.partitions[group]?.replicas ?? []).map(seatOf);
  return { group, seats: [to, ...seats.filter((seat) => seat !== to)] };
}

/** Nodes that are away keep their leaderships: they are expected back. */
function heirsOf(of: Survey): Heirs {
  const heirs = new Map<Seat, Map<Seat, number>>();
  for (const [group, placement] of of.map.partitions.entries()) {
    const [leader, ...others] = goalOf(placement).map(seatOf);
    if (leader === undefined || !isIdle(placement) || !isUsable(of, leader)) continue;
    const known = heirs.get(leader) ?? new Map<Seat, number>();
    heirs.set(leader, known);
    for (const other of others) if (isUsable(of, other) && !known.has(other)) known.set(other, group);
  }
  return heirs;
}

/** The shortest chain to a node that leads at least two fewer. */
function chainFrom({ leads }: Survey, heirs: Heirs, from: Seat): Seat[] | undefined {
  const seen = new Set([from]);
  let chains: Seat[][] = [[from]];
  while (chains.length > 0) {
    const longer: Seat[][] = [];
    for (const chain of chains) {
      for (const heir of heirs.get(chain[chain.length - 1] as Seat)?.keys() ?? []) {
        if (seen.has(heir)) continue;
        seen.add(heir);
        if (at(leads, from) - at(leads, heir) >= 2) return [...chain, heir];
        longer.push([...chain, heir]);
      }
    }
    chains = longer;
  }
  return undefined;
}
