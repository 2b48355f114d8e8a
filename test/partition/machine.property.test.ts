import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { type CommandHeader, decodeResult, type Operation } from "../../src/command/index.js";
import type { ClaimId, MessageId } from "../../src/contract/index.js";
import { checkInvariants, type MachineLimits, QueueMachine } from "../../src/partition/index.js";
import { type Action, actions, type CommandDraw, type Picker, type QueryDraw } from "./actions.js";
import { ask, CaughtReplies, encodeEntry, RowStore, type Sent, Taking } from "./harness.js";
import { Model } from "./model.js";

const runs = Number(process.env["MARCONI_PROPERTY_RUNS"] ?? 100);
const seed = Number(process.env["MARCONI_PROPERTY_SEED"] ?? Date.now() & 0x7fff_ffff);

/** Small chunks, so that few messages meet their bounds; sessions that are never idle, since the model knows no bounds. */
const smallLimits: Partial<MachineLimits> = {
  chunkMessagesMax: 5,
  chunkBodyBytesMax: 60,
  sweptChunksMax: 2,
  sessionIdleMs: 1e12,
};
/** Chunks that are squeezed all the time. */
const squeezedLimits: Partial<MachineLimits> = {
  chunkMessagesMax: 24,
  squeezeSlotsMin: 3,
  squeezeFactor: 2,
  sessionIdleMs: 1e12,
};
const ordinaryLimits: Partial<MachineLimits> = { sessionIdleMs: 1e12 };

/** One run: a model, a machine that is checkpointed and restarted, and one that is left alone. */
class Run {
  readonly limits: Partial<MachineLimits>;
  readonly model = new Model();
  readonly undisturbed: QueueMachine;
  machine: QueueMachine;
  readonly entries: Buffer[] = [];
  store = new RowStore();
  storeIndex = 0;
  taking: Taking | undefined;
  nowMs = 1_700_000_000_000;
  readonly sent: Sent[][] = [[], [], []];

  constructor(limits: Partial<MachineLimits>) {
    this.limits = limits;
    this.machine = new QueueMachine(limits);
    this.undisturbed = new QueueMachine(limits);
  }

  step(action: Action): void {
    switch (action.kind) {
      case "entry":
        this.nowMs += action.waitMs;
        this.entry(action.commands);
        break;
      case "query":
        this.query(action.query, action.aheadMs);
        break;
      case "checkpoint-slice":
        this.taking ??= new Taking(this.machine.beginCheckpoint());
        if (!this.taking.slice(action.bytesMax)) this.endCheckpoint("no");
        break;
      case "checkpoint-whole":
        this.taking ??= new Taking(this.machine.beginCheckpoint());
        while (this.taking.slice(200));
        this.endCheckpoint(action.abandon);
        break;
      case "restart":
        this.restart();
        break;
    }
    checkInvariants(this.machine);
  }

  entry(draws: readonly CommandDraw[]): void {
    const commands = draws.map((draw) => this.send(draw));
    const data = encodeEntry(this.nowMs, commands);
    this.entries.push(data);
    const index = this.entries.length;
    const replies = new CaughtReplies();
    this.machine.apply(index, data, replies);
    this.undisturbed.apply(index, data, undefined);
    this.model.advance(this.nowMs);
    commands.forEach(({ header, command }, ordinal) => {
      const expected = this.model.apply(header, command, { index, ordinal });
      const bytes = replies.results.get(ordinal);
      const result = bytes === undefined ? "dropped" : decodeResult<Operation>(command.op, bytes);
      expect({ [command.op]: result }).toEqual({ [command.op]: expected });
    });
    expect(this.machine.timeMs).toBe(this.model.nowMs);
  }

  query({ make }: QueryDraw, aheadMs: number): void {
    const query = make(this.picker());
    const nowMs = this.nowMs + aheadMs;
    const model = this.model.at(nowMs);
    const expected = model.query(query);
    const result = ask(this.machine, query, nowMs);
    if (query.op === "queue-stats" && expected !== undefined && this.machine.nextDeadlineMs <= model.nowMs) {
      // The counters may lag behind what is due; the ends may not.
      expect({ ...(result as object), total: 0, claimed: 0 }).toEqual({
        ...(expected as object),
        total: 0,
        claimed: 0,
      });
      return;
    }
    expect({ [query.op]: result }).toEqual({ [query.op]: expected });
  }

  endCheckpoint(abandon: "no" | "unwritten" | "written"): void {
    const taking = this.taking;
    if (taking === undefined) return;
    this.taking = undefined;
    if (abandon === "no") {
      taking.commit(this.store);
      this.storeIndex = taking.cursor.index;
      return;
    }
    if (abandon === "written") {
      this.store.write(taking.puts, taking.deletes);
      this.storeIndex = taking.cursor.index;
    }
    taking.cursor.abandoned();
  }

  restart(): void {
    if (this.storeIndex === 0) return;
    this.taking = undefined;
    this.machine = this.store.load(this.storeIndex, this.limits);
    checkInvariants(this.machine);
    for (let index = this.storeIndex + 1; index <= this.entries.length; index++) {
      this.machine.apply(index, this.entries[index - 1] as Buffer, undefined);
    }
    this.compare();
  }

  compare(): void {
    checkInvariants(this.machine);
    expect(this.machine.stateHash()).toBe(this.undisturbed.stateHash());
  }

  finish(): void {
    this.compare();
    // Sweeps until nothing is due: then the counters must be exact.
    const swept = (): boolean => this.machine.nextDeadlineMs > this.machine.timeMs;
    for (let ticks = 0; !swept() && ticks < 1_000; ticks++) this.entry([]);
    expect(swept()).toBe(true);
    const messages = this.model.queues.flatMap((queue) => queue.messages);
    const claims = new Set(messages.flatMap(({ claim }) => (claim === undefined ? [] : [claim])));
    expect(this.machine.stats()).toMatchObject({
      queues: this.model.queues.length,
      messages: messages.length,
      claimedMessages: messages.filter(({ claim }) => claim !== undefined).length,
      claims: claims.size,
      bodyBytes: messages.reduce((sum, { body }) => sum + body.length, 0),
    });
    new RowStoreCheck(this).run();
  }

  picker(): Picker {
    const { messages, claims } = this.model.ids();
    const madeUp = (draw: number): MessageId => ({ incarnation: draw % 5, sequence: draw % 40 });
    const noClaim = (draw: number): ClaimId => ({ index: draw % 50, ordinal: draw % 3 });
    return {
      message: (draw) => (draw % 8 === 0 ? madeUp(draw) : (messages[draw % messages.length] ?? madeUp(draw))),
      claim: (draw) => (draw % 8 === 0 ? noClaim(draw) : (claims[draw % claims.length] ?? noClaim(draw))),
    };
  }

  send(draw: CommandDraw): Sent {
    const sent = this.sent[draw.session] as Sent[];
    const repeated = draw.repeat === undefined ? undefined : sent[sent.length - 1 - draw.repeat];
    if (repeated !== undefined) return repeated;
    const sequence = sent.length + 1;
    const header: CommandHeader = {
      session: draw.session * 2 ** 40 + 1,
      sequence,
      lowWater: Math.max(1, sequence - draw.unanswered),
    };
    const made = { header, command: draw.make(this.picker()) };
    sent.push(made);
    return made;
  }
}

/** At the end of a run: a last checkpoint holds everything, and nothing but what is there. */
class RowStoreCheck {
  readonly #run: Run;

  constructor(run: Run) {
    this.#run = run;
  }

  run(): void {
    const { machine } = this.#run;
    this.#run.taking?.cursor.abandoned();
    this.#run.store.take(machine);
    const { store } = this.#run;
    const restored = store.load(machine.appliedIndex, this.#run.limits);
    expect(restored.stateHash()).toBe(machine.stateHash());
    // An unchanged machine rewrites its root only.
    expect(store.take(machine)).toBe(1);
    const live = new Set(machine.stats().queues === 0 ? [] : [...machine.state.queues.all()].map((q) => q.incarnation));
    for (const row of store.rows.values()) {
      if (row.key[0] === 2) expect(live.has(Buffer.from(row.key).readUIntBE(3, 6))).toBe(true);
    }
    let chunks = 0;
    for (const queue of machine.state.queues.all()) chunks += queue.chunks?.length ?? 0;
    const { queues, claims, sessions } = machine.stats();
    expect(store.rows.size).toBe(1 + queues + 2 * chunks + claims + sessions);
  }
}

test.each([
  ["small chunks", smallLimits],
  ["squeezed chunks", squeezedLimits],
  ["ordinary chunks", ordinaryLimits],
])("answers as the model does, through checkpoints and restarts (%s)", (_name, limits) => {
  const repeat = `repeat with MARCONI_PROPERTY_SEED=${String(seed)} MARCONI_PROPERTY_RUNS=${String(runs)}`;
  try {
    fc.assert(
      fc.property(actions, (list) => {
        const run = new Run(limits);
        for (const action of list) run.step(action);
        run.finish();
      }),
      { numRuns: runs, seed },
    );
  } catch (error) {
    throw new Error(repeat, { cause: error });
  }
});
