import type { Consensus, Message, Ready } from "../../../src/raft/index.js";
import { hooked, type Mutant } from "./mutant.js";

/** Changes every core before anybody watches it. */
function cores(
  name: string,
  mix: Mutant["mix"],
  change: (core: Consensus, strikes: () => boolean) => void,
  every = 1,
): Mutant {
  return hooked(name, mix, every, (hooks, strikes) => {
    hooks.core = (core) => {
      change(core, strikes);
    };
  });
}

function readies(
  name: string,
  mix: Mutant["mix"],
  change: (ready: Ready, core: Consensus) => Ready,
  every = 1,
): Mutant {
  return cores(
    name,
    mix,
    (core, strikes) => {
      const ready = core.ready.bind(core);
      core.ready = () => {
        const next = ready();
        return next === undefined || !strikes() ? next : change(next, core);
      };
    },
    every,
  );
}

/** Changes every message that leaves. */
function messages(
  name: string,
  mix: Mutant["mix"],
  change: (message: Message, core: Consensus) => Message,
  every = 1,
): Mutant {
  return cores(
    name,
    mix,
    (core, strikes) => {
      const all = (list: readonly Message[]): Message[] => list.map((message) => change(message, core));
      const ready = core.ready.bind(core);
      core.ready = () => {
        const next = ready();
        if (next === undefined || !strikes()) return next;
        return { ...next, sendNow: all(next.sendNow), sendAfterPersist: all(next.sendAfterPersist) };
      };
      const take = core.takeMessages.bind(core);
      core.takeMessages = () => {
        const messages = take();
        return messages === undefined || messages.length === 0 || !strikes() ? messages : all(messages);
      };
    },
    every,
  );
}

/** Changes every message that comes in; undefined drops it. */
function inputs(
  name: string,
  mix: Mutant["mix"],
  change: (message: Message, core: Consensus) => Message | undefined,
  every = 1,
): Mutant {
  return cores(
    name,
    mix,
    (core, strikes) => {
      const step = core.step.bind(core);
      core.step = (message) => {
        const changed = strikes() ? change(message, core) : message;
        if (changed !== undefined) step(changed);
      };
    },
    every,
  );
}

export const mutantsOfRaft: readonly Mutant[] = [
  messages("every vote is granted", "crashes", (message) =>
    message.type === "vote-reply" ? { ...message, granted: true } : message,
  ),
  inputs("every vote is counted as granted", "crashes", (message) =>
    message.type === "vote-reply" ? { ...message, granted: true } : message,
  ),
  messages("a candidate says its log is longer than it is", "splits", (message) =>
    message.type === "vote-request"
      ? { ...message, lastIndex: message.lastIndex + 50, lastTerm: message.term }
      : message,
  ),
  inputs("the length of a candidate's log is not looked at", "splits", (message) =>
    message.type === "vote-request" ? { ...message, lastIndex: 1_000_000, lastTerm: message.term } : message,
  ),
  readies("votes and acknowledgements leave before they are durable", "power", (ready) => ({
    ...ready,
    sendNow: [...ready.sendNow, ...ready.sendAfterPersist],
    sendAfterPersist: [],
  })),
  cores("the core is told of durability at once", "power", (core) => {
    const ready = core.ready.bind(core);
    core.ready = () => {
      const next = ready();
      if (next?.persist !== undefined) core.persisted(next.persist.sequence);
      return next;
    };
    const persisted = core.persisted.bind(core);
    let last = 0;
    core.persisted = (sequence) => {
      if (sequence <= last) return;
      last = sequence;
      persisted(sequence);
    };
  }),
  messages("a follower acknowledges more than it has on disk", "power", (message, core) =>
    message.type === "append-reply" && !message.refused ? { ...message, index: core.status().lastIndex } : message,
  ),
  inputs("one follower's acknowledgement counts for another's", "splits", (message, core) => {
    if (message.type !== "append-reply" || message.refused) return message;
    for (const { id } of core.status().peers) if (id !== message.from) return { ...message, from: id };
    return message;
  }),
  inputs("a refusal counts as an acknowledgement", "splits", (message) =>
    message.type === "append-reply" ? { ...message, refused: false } : message,
  ),
  messages("heartbeats carry the leader's commit index to all", "splits", (message, core) =>
    message.type === "heartbeat" ? { ...message, commit: core.status().lastIndex } : message,
  ),
  readies("entries are committed once appended", "splits", (ready, core) => {
    const { lastIndex } = core.status();
    return ready.commitTo === undefined ? ready : { ...ready, commitTo: lastIndex };
  }),
  inputs("the previous entry of an append is not compared", "splits", (message, core) =>
    message.type === "append-request"
      ? { ...message, prevTerm: core.term(message.prevIndex) ?? message.prevTerm }
      : message,
  ),
  inputs("appends of former leaders are taken", "splits", (message, core) =>
    message.type === "append-request" ? { ...message, term: Math.max(message.term, core.status().term) } : message,
  ),
  inputs("a term that is behind is taken for the present one", "splits", (message, core) =>
    message.type === "append-reply" || message.type === "vote-reply"
      ? { ...message, term: Math.max(message.term, core.status().term) }
      : message,
  ),
  cores("reads are answered without asking anybody", "splits", (core) => {
    const ready = core.ready.bind(core);
    const asked: number[] = [];
    core.readIndex = (context) => {
      asked.push(context);
    };
    const hasReady = core.hasReady.bind(core);
    core.hasReady = () => asked.length > 0 || hasReady();
    core.ready = () => {
      const next = ready();
      if (asked.length === 0) return next;
      const { commit: index } = core.status();
      const reads = asked.splice(0).map((context) => ({ context, index: Math.max(1, index) }));
      return { ...(next ?? nothing), reads: [...(next?.reads ?? []), ...reads] };
    };
  }),
  cores("the end of a snapshot is not reported", "snapshots", (core) => {
    core.snapshotSent = () => undefined;
  }),
  messages(
    "an append leaves out its first entry",
    "transfers",
    (message, core) =>
      message.type === "append-request" && core.status().role === "leader"
        ? { ...message, entries: message.entries.slice(1), prevIndex: message.prevIndex }
        : message,
    40,
  ),
  messages("entries of one append change places", "splits", (message) =>
    message.type === "append-request" && message.entries.length > 1
      ? {
          ...message,
          entries: message.entries.map((entry, i) => ({
            ...entry,
            data: message.entries[message.entries.length - 1 - i]?.data ?? entry.data,
          })),
        }
      : message,
  ),
];

const nothing: Ready = {
  persist: undefined,
  sendNow: [],
  sendAfterPersist: [],
  commitTo: undefined,
  reads: [],
  fetches: [],
  snapshots: [],
  install: undefined,
  leadership: undefined,
  configuration: undefined,
};
