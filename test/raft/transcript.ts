import {
  type Configuration,
  decodeConfiguration,
  type Entry,
  EntryKind,
  type Message,
  type PersistOrder,
  type Ready,
} from "../../src/raft/index.js";
import { Cluster } from "./harness.js";

const decoder = new TextDecoder();

const span = (entries: readonly Entry[]): string => `[${entries.map(printEntry).join(" ")}]`;

function printConfiguration({ voters, outgoing, learners }: Configuration): string {
  const joint = outgoing.length === 0 ? "" : ` leaving ${outgoing.join(",")}`;
  return `voters ${voters.join(",")}${joint}${learners.length === 0 ? "" : ` learners ${learners.join(",")}`}`;
}

function printEntry({ index, term, kind, data }: Entry): string {
  const at = `${String(index)}/${String(term)}`;
  if (kind === EntryKind.empty) return at;
  return kind === EntryKind.config
    ? `${at}=(${printConfiguration(decodeConfiguration(data))})`
    : `${at}=${decoder.decode(data)}`;
}

function printBody(message: Message): string {
  switch (message.type) {
    case "vote-request":
      return `${message.pre ? "pre-" : ""}vote? last ${String(message.lastIndex)}/${String(message.lastTerm)}${message.transfer ? " by transfer" : ""}`;
    case "vote-reply":
      return `${message.pre ? "pre-" : ""}vote ${message.granted ? "granted" : "refused"}`;
    case "append-request":
      return `append after ${String(message.prevIndex)}/${String(message.prevTerm)} ${span(message.entries)} commit ${String(message.commit)}`;
    case "append-reply":
      return message.refused
        ? `refused after ${String(message.index)}, try ${String(message.hintIndex)}/${String(message.hintTerm)}`
        : `has ${String(message.index)}`;
    case "heartbeat":
      return `heartbeat commit ${String(message.commit)}${message.context === 0 ? "" : ` round ${String(message.context)}`}`;
    case "heartbeat-reply":
      return `alive${message.context === 0 ? "" : ` round ${String(message.context)}`}`;
    case "snapshot-request":
      return `snapshot ${String(message.snapshot.index)}/${String(message.snapshot.term)} ${printConfiguration(message.snapshot.configuration)}`;
    case "timeout-now":
      return "campaign now";
  }
}

const printMessage = (message: Message): string =>
  `  ${String(message.from)} -> ${String(message.to)} t${String(message.term)} ${printBody(message)}`;

function printOrder({ sequence, hard, truncateFrom, entries }: PersistOrder): string {
  const parts = [`writes #${String(sequence)}`];
  if (hard !== undefined)
    parts.push(`term ${String(hard.term)} vote ${String(hard.vote)} commit ${String(hard.commit)}`);
  if (truncateFrom !== undefined) parts.push(`drops from ${String(truncateFrom)}`);
  if (entries.length > 0) parts.push(span(entries));
  return parts.join(" ");
}

/** What a Ready asks for besides messages, a line each. */
function printReady({
  persist,
  commitTo,
  reads,
  fetches,
  snapshots,
  install,
  leadership,
  configuration,
}: Ready): string[] {
  const lines: string[] = [];
  if (leadership !== undefined) {
    const leader = leadership.role === "follower" && leadership.leader !== 0 ? ` of ${String(leadership.leader)}` : "";
    lines.push(`is ${leadership.role}${leader} in term ${String(leadership.term)}`);
  }
  if (configuration !== undefined) lines.push(`has ${printConfiguration(configuration)}`);
  if (persist !== undefined) lines.push(printOrder(persist));
  if (commitTo !== undefined) lines.push(`may apply ${String(commitTo)}`);
  for (const { context, index } of reads)
    lines.push(index === 0 ? `refuses read ${String(context)}` : `reads ${String(context)} at ${String(index)}`);
  for (const { to, low, high } of fetches) lines.push(`fetches [${String(low)}, ${String(high)}) for ${String(to)}`);
  for (const { to, minimumIndex } of snapshots)
    lines.push(`wants a snapshot from ${String(minimumIndex)} on for ${String(to)}`);
  if (install !== undefined) lines.push(`installs ${String(install.index)}/${String(install.term)}`);
  return lines;
}

/**
 * Executes the commands of a transcript on a cluster and prints what happens. Commands:
 *
 *     cluster 1 2 3 [learners 4] [also 5 6] [option=value ...]
 *     tick ID [COUNT]            campaign ID (ticks until it does)      elect ID (and settle)
 *     propose ID TEXT ...        read ID        transfer ID TO          change ID voters A B [learners C]
 *     flush ID|all               apply ID|all   fetch ID                snapshot ID (carries out its order)
 *     install ID                 checkpoint ID  crash ID                restart ID
 *     deliver FROM TO [COUNT]    deliver all    lose FROM TO [COUNT]    lose all    settle
 *     drop KIND FROM (such messages get lost from now on)               keep (none do)
 *     isolate ID                 heal           down ID LEADER          status ID ...
 *
 * `quietly COMMAND` prints nothing.
 */
export class Transcript {
  #cluster = new Cluster({ configuration: { voters: [1], outgoing: [], learners: [] } });
  #lines: string[] = [];

  run(command: string): string[] {
    const words = command.split(" ");
    const quietly = words[0] === "quietly";
    if (quietly) words.shift();
    this.#lines = [];
    this.#execute(words[0] ?? "", words.slice(1));
    return quietly ? [] : this.#lines;
  }

  #each(word: string | undefined): number[] {
    return word === "all" ? this.#cluster.live().map(({ id }) => id) : [Number(word)];
  }

  #execute(name: string, words: string[]): void {
    const cluster = this.#cluster;
    const [id, second = 1] = words.map(Number) as [number, number?];
    const commands: Record<string, () => void> = {
      cluster: () => this.#found(words),
      tick: () => cluster.tick(id, second),
      campaign: () => {
        const { role } = cluster.core(id).status();
        for (let i = 0; i < 20 && cluster.core(id).status().role === role; i++) cluster.tick(id);
      },
      elect: () => cluster.elect(id),
      propose: () => {
        // All in one turn.
        cluster.with(id, ({ core }) => {
          for (const text of words.slice(1)) core.propose(new TextEncoder().encode(text), core.status().term);
        });
      },
      read: () => void cluster.read(id),
      transfer: () => {
        const accepted = cluster.with(id, ({ core }) => core.transferLeadership(second));
        if (!accepted) this.#lines.push(`  ${String(id)} refuses the transfer`);
      },
      change: () => this.#change(id, words.slice(1)),
      flush: () => this.#each(words[0]).forEach((each) => cluster.flush(each)),
      apply: () => this.#each(words[0]).forEach((each) => cluster.apply(each)),
      fetch: () => cluster.with(id, (replica) => replica.answerFetch()),
      snapshot: () => cluster.sendSnapshot(id),
      install: () => cluster.with(id, (replica) => replica.install()),
      checkpoint: () => cluster.with(id, (replica) => replica.checkpoint()),
      crash: () => cluster.crash(id),
      restart: () => cluster.restart(id),
      deliver: () => this.#deliver(words),
      lose: () => {
        if (words[0] === "all") cluster.flights = [];
        else this.#lose(id, second, Number(words[2] ?? Infinity));
      },
      drop: () => {
        const [kind, from] = words;
        cluster.lose = (message) => message.type === kind && message.from === Number(from);
      },
      keep: () => {
        cluster.lose = () => false;
      },
      settle: () => cluster.settle(),
      isolate: () => cluster.isolate(id),
      heal: () => cluster.heal(),
      down: () => cluster.with(id, ({ core }) => core.peerDown(second)),
      status: () => words.map(Number).forEach((each) => this.#status(each)),
    };
    const execute = commands[name];
    if (execute === undefined) throw new Error(`unknown command ${name}`);
    execute();
  }

  #found(words: string[]): void {
    const lists = { voters: [] as number[], learners: [] as number[], also: [] as number[] };
    const options: Record<string, number> = {};
    let list = lists.voters;
    for (const word of words) {
      const [key, value] = word.split("=");
      if (word === "learners" || word === "also") list = lists[word];
      else if (value === undefined) list.push(Number(word));
      else options[key ?? ""] = Number(value);
    }
    const { voters, learners, also } = lists;
    const ids = [...voters, ...learners, ...also];
    this.#cluster = new Cluster({
      configuration: { voters, outgoing: [], learners },
      ids,
      options: options,
    });
    this.#cluster.watch = {
      sent: (message) => this.#lines.push(printMessage(message)),
      drained: (id, ready) => {
        for (const line of printReady(ready)) this.#lines.push(`  ${String(id)} ${line}`);
      },
    };
  }

  #change(id: number, words: string[]): void {
    const learnersAt = words.indexOf("learners");
    const end = learnersAt < 0 ? words.length : learnersAt;
    const voters = words.slice(1, end).map(Number);
    const learners = words.slice(end + 1).map(Number);
    const proposal = this.#cluster.with(id, ({ core }) =>
      core.proposeConfiguration({ voters, learners, expectedConfigurationIndex: core.status().configurationIndex }),
    );
    if (proposal.refused !== undefined) this.#lines.push(`  ${String(id)} refuses: ${proposal.refused}`);
  }

  #lose(from: number, to: number, count: number): void {
    let lost = 0;
    this.#cluster.flights = this.#cluster.flights.filter(({ message }) => {
      if (message.from !== from || message.to !== to || lost >= count) return true;
      lost++;
      return false;
    });
  }

  #deliver([first, to, count = "1"]: string[]): void {
    const cluster = this.#cluster;
    if (first === "all") {
      cluster.deliverAll();
      return;
    }
    for (let i = 0; i < Number(count); i++)
      cluster.deliver(
        cluster.flights.findIndex(({ message }) => message.from === Number(first) && message.to === Number(to)),
      );
  }

  #status(id: number): void {
    const replica = this.#cluster.replica(id);
    const { role, term, vote, leader, firstIndex, lastIndex, commit, durable, peers } = replica.core.status();
    const log: string[] = [];
    for (let index = firstIndex; index <= lastIndex; index++)
      log.push(`${String(index)}/${String(replica.core.term(index))}`);
    const who = `${role} in term ${String(term)} vote ${String(vote)} leader ${String(leader)}`;
    this.#lines.push(
      `  ${String(id)} ${who} commit ${String(commit)} durable ${String(durable)} log [${log.join(" ")}]`,
    );
    for (const peer of peers) this.#lines.push(`    peer ${String(peer.id)} ${peer.state} match ${String(peer.match)}`);
  }
}

/** Runs a whole transcript; what it prints takes the place of what is written after each command. */
export function replay(text: string): string {
  const transcript = new Transcript();
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("> ")) {
      lines.push(line);
      lines.push(...transcript.run(line.slice(2)));
    } else if (line.startsWith("#") || line === "") lines.push(line);
  }
  return lines.join("\n");
}
