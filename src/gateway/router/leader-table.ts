/** What a node says of a partition's leader (proto: LeaderUpdate). */
export interface LeaderNews {
  readonly term: number;
  /** Empty: the sender leads no longer and knows no successor. */
  readonly leader: string;
  readonly serving: boolean;
}

interface Place {
  term: number;
  leader: string | undefined;
  serving: boolean;
  /** The leader turned a request away, or an election began, since it last named itself. */
  doubted: boolean;
}

/**
 * Who leads which partition. The greatest term is right, and Raft elects at most one leader in a term, so news may arrive
 * from any node in any order. News of a term without a leader ends only the leadership of its sender. From others it says
 * that an election is on: the leader known is in doubt, but it may be the sender that is cut off, so it is not forgotten.
 */
export class LeaderTable {
  readonly #places: Place[];

  constructor(partitionCount: number) {
    this.#places = Array.from({ length: partitionCount }, () => ({
      term: 0,
      leader: undefined,
      serving: false,
      doubted: false,
    }));
  }

  get partitionCount(): number {
    return this.#places.length;
  }

  /** The node to ask: leads, serves, and was not found wanting. */
  leaderOf(partition: number): string | undefined {
    const place = this.#place(partition);
    return place.serving && !place.doubted ? place.leader : undefined;
  }

  /** The node that says it leads and serves, in doubt or not. */
  namedLeaderOf(partition: number): string | undefined {
    const place = this.#place(partition);
    return place.serving ? place.leader : undefined;
  }

  /** Takes in news from `sender`. True when the node to ask may have changed. */
  update(sender: string, partition: number, news: LeaderNews): boolean {
    const place = this.#place(partition);
    if (news.term < place.term) return false;
    if (news.leader === "") {
      if (sender !== place.leader) {
        if (news.term > place.term) place.doubted = true;
        return false;
      }
      place.term = news.term;
      this.#clear(place);
      return true;
    }
    const ofItself = sender === news.leader;
    if (news.term > place.term || (place.leader !== news.leader && (ofItself || place.leader === undefined))) {
      place.term = news.term;
      place.leader = news.leader;
      place.serving = news.serving;
      place.doubted = false;
      return true;
    }
    if (place.leader !== news.leader) return false;
    // The leader alone knows whether it serves; others may have heard earlier that it did not.
    const serving = ofItself ? news.serving : place.serving || news.serving;
    const changed = serving !== place.serving || (ofItself && place.doubted);
    place.serving = serving;
    if (ofItself) place.doubted = false;
    return changed;
  }

  /** `node` turned a request away, or lost its leadership while it held one. */
  doubt(partition: number, node: string): void {
    const place = this.#place(partition);
    if (place.leader === node) place.doubted = true;
  }

  /** A doubted leader has answered after all. */
  trust(partition: number, node: string): boolean {
    const place = this.#place(partition);
    if (place.leader !== node || !place.doubted) return false;
    place.doubted = false;
    return true;
  }

  /** The stream to `node` is gone: whatever it leads, it must say again. Returns the partitions that lost their leader. */
  forget(node: string): number[] {
    const partitions: number[] = [];
    for (const [partition, place] of this.#places.entries()) {
      if (place.leader !== node) continue;
      this.#clear(place);
      partitions.push(partition);
    }
    return partitions;
  }

  #clear(place: Place): void {
    place.leader = undefined;
    place.serving = false;
    place.doubted = false;
  }

  #place(partition: number): Place {
    const place = this.#places[partition];
    if (place === undefined) throw new RangeError(`no partition ${String(partition)}`);
    return place;
  }
}
