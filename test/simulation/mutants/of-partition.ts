import { EntryBuilder, EntryReader } from "../../../src/command/index.js";
import type { Machine } from "../../../src/partition/index.js";
import { hooked, type Mutant } from "./mutant.js";

/** Changes the machines of all nodes, or of one. */
function machines(
  name: string,
  mix: Mutant["mix"],
  change: (machine: Machine, strikes: () => boolean, node: string) => void,
  every = 1,
): Mutant {
  return hooked(name, mix, every, (hooks, strikes) => {
    hooks.machine = (machine, node) => {
      change(machine, strikes, node);
    };
  });
}

/** The entry with another log time, and its commands as `keep` says. */
function rebuilt(data: Uint8Array, timestampMs: number, change: (command: Buffer) => Buffer | undefined): Buffer {
  const reader = new EntryReader(data);
  const builder = new EntryBuilder();
  builder.begin(timestampMs);
  for (let i = 0; i < reader.count; i++) {
    reader.beginCommand();
    const command = change(Buffer.from(reader.commandView()));
    if (command !== undefined) builder.add(command);
    reader.skipCommand();
  }
  return builder.finish();
}

const SEQUENCE_AT = 9;
const LOW_WATER_AT = 17;

export const mutantsOfPartition: readonly Mutant[] = [
  {
    name: "log time is each replica's own clock",
    mix: "clocks",
    plant: (sim) => {
      sim.hooks.machine = (machine, node) => {
        const apply = machine.apply.bind(machine);
        machine.apply = (index, data, replies) => {
          const { timestampMs } = new EntryReader(data);
          const ownMs = timestampMs + Math.floor(sim.node(node).host.skew.offsetMs);
          apply(
            index,
            rebuilt(data, Math.max(machine.timeMs, ownMs), (command) => command),
            replies,
          );
        };
      };
    },
  },
  machines("log time stands still", "calm", (machine) => {
    const apply = machine.apply.bind(machine);
    machine.apply = (index, data, replies) => {
      const timeMs = machine.timeMs === 0 ? new EntryReader(data).timestampMs : machine.timeMs;
      apply(
        index,
        rebuilt(data, timeMs, (command) => command),
        replies,
      );
    };
  }),
  machines("log time leaps ahead now and then", "calm", (machine) => {
    const apply = machine.apply.bind(machine);
    machine.apply = (index, data, replies) => {
      const leapMs = index % 50 === 0 ? 3_000 : 0;
      const timestampMs = Math.max(machine.timeMs, new EntryReader(data).timestampMs + leapMs);
      apply(
        index,
        rebuilt(data, timestampMs, (command) => command),
        replies,
      );
    };
  }),
  machines("repeated commands are executed again", "crashes", (machine) => {
    const apply = machine.apply.bind(machine);
    machine.apply = (index, data, replies) => {
      let next = index * 64;
      const fresh = rebuilt(data, new EntryReader(data).timestampMs, (command) => {
        // Under a sequence that was never used, the command is taken for a new one.
        command.writeUInt32LE(next++, SEQUENCE_AT);
        command.writeUInt32LE(1, LOW_WATER_AT);
        return command;
      });
      apply(index, fresh, replies);
    };
  }),
  machines(
    "one replica loses an entry",
    "calm",
    (machine, strikes, node) => {
      if (node !== "n2") return;
      const apply = machine.apply.bind(machine);
      machine.apply = (index, data, replies) => {
        if (strikes()) machine.skip(index);
        else apply(index, data, replies);
      };
    },
    30,
  ),
  machines("followers lose an entry that their leader answers", "calm", (machine) => {
    const apply = machine.apply.bind(machine);
    machine.apply = (index, data, replies) => {
      if (replies === undefined && index % 40 === 0 && new EntryReader(data).count > 0) machine.skip(index);
      else apply(index, data, replies);
    };
  }),
  machines("one replica applies the commands of an entry backwards", "calm", (machine, _strikes, node) => {
    if (node !== "n2") return;
    const apply = machine.apply.bind(machine);
    machine.apply = (index, data, replies) => {
      const commands: Buffer[] = [];
      rebuilt(data, 0, (command) => {
        commands.push(command);
        return undefined;
      });
      apply(
        index,
        rebuilt(data, new EntryReader(data).timestampMs, () => commands.pop()),
        replies,
      );
    };
  }),
  machines(
    "rows of a checkpoint count as written when they are not",
    "crashes",
    (machine, strikes) => {
      const begin = machine.beginCheckpoint.bind(machine);
      machine.beginCheckpoint = () => {
        const cursor = begin();
        const drop = strikes();
        return {
          index: cursor.index,
          next: (bytesMax) => {
            const slice = cursor.next(bytesMax);
            return slice === undefined || !drop ? slice : { puts: [], deletes: slice.deletes };
          },
          committed: () => {
            cursor.committed();
          },
          abandoned: () => {
            cursor.abandoned();
          },
        };
      };
    },
    3,
  ),
  machines("results go to the neighbour", "calm", (machine) => {
    const apply = machine.apply.bind(machine);
    machine.apply = (index, data, replies) => {
      const { count } = new EntryReader(data);
      apply(
        index,
        data,
        replies === undefined
          ? undefined
          : {
              begin: (ordinal) => replies.begin((ordinal + 1) % count),
              end: (ordinal) => {
                replies.end((ordinal + 1) % count);
              },
            },
      );
    };
  }),
];
