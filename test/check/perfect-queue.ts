import { type Rng, Xoshiro128 } from "../../src/base/index.js";
import { MinHeap } from "./heap.js";
import type { ClaimRecord, HistoryRecord, ListRecord, QueueRecord, Timed } from "./history.js";

interface Stored {
  readonly id: string;
  readonly body: string;
  expiresAt: number;
  claim: Lease | undefined;
}

interface Lease {
  readonly id: string;
  until: number;
}

interface Effect {
  readonly at: number;
  readonly run: (at: number) => void;
}

/** What a client knows and can act upon. */
interface Client {
  readonly name: string;
  claim: { readonly id: string; readonly ids: string[] } | undefined;
  paging: { readonly session: string; readonly includeClaimed: boolean; after: number } | undefined;
  readonly known: string[];
}

type Body<T> = T extends QueueRecord ? Omit<T, keyof Timed> : never;

/** An operation that is decided upon; called at the moment of its effect, it tells the rest of its record. */
type Act = (now: number, happens: boolean, told: boolean) => Body<QueueRecord>;

const QUEUE = "q";
const CLIENTS = 4;
/** Every operation looks at all of them. */
const WAITING_MAX = 200;
const LEASE_MS = 60_000;
const GRACE_MS = 60_000;
const terms = { ttlSec: LEASE_MS / 1_000, graceSec: GRACE_MS / 1_000 };

/**
 * A queue that does everything right, and clients that are served in virtual time: every operation takes effect at one moment
 * between its invoke and its completion; some are refused, of some the answer is lost, and of those some take effect later or
 * never. What it writes is a history without faults.
 */
export class PerfectQueue {
  readonly #rng: Rng;
  readonly #effects = new MinHeap<Effect>((effect) => effect.at);
  readonly #records: HistoryRecord[] = [];
  #messages: Stored[] = [];
  #made = 0;
  #left = 0;
  #now = 0;

  constructor(seed: number) {
    this.#rng = new Xoshiro128(seed);
  }

  run(operations: number): HistoryRecord[] {
    this.#left = operations;
    for (let i = 0; i < CLIENTS; i++) this.#next({ name: `c${i}`, claim: undefined, paging: undefined, known: [] }, 0);
    for (let effect = this.#effects.pop(); effect !== undefined; effect = this.#effects.pop()) {
      this.#now = Math.max(this.#now, effect.at);
      effect.run(effect.at);
    }
    this.#drain();
    return this.#records;
  }

  #next(client: Client, afterMs: number): void {
    if (this.#left === 0) return;
    this.#left -= 1;
    const invoke = afterMs + this.#rng.between(1, 2_000);
    const at = invoke + this.#rng.between(1, 300);
    const complete = at + this.#rng.between(1, 300);
    const fate = this.#rng.fraction();
    const outcome = fate < 0.03 ? "fail" : fate < 0.08 ? "unknown" : "ok";
    const timed: Timed = { process: client.name, queue: QUEUE, invoke, complete, outcome };
    const act = this.#choose(client);
    const happens = outcome === "ok" || (outcome === "unknown" && this.#rng.fraction() < 0.6);
    // An answer that was lost may belong to an operation that is still to come.
    const late = outcome === "unknown" ? this.#rng.between(0, 20_000) : 0;
    if (outcome !== "ok") {
      client.claim = undefined;
      client.paging = undefined;
    }
    this.#effects.push({
      at: at + late,
      run: (now) => {
        const body = act(now, happens, outcome === "ok");
        this.#records.push({ ...timed, ...body });
        this.#now = Math.max(this.#now, complete);
        if (late === 0) this.#next(client, complete);
      },
    });
    if (late > 0) this.#effects.push({ at: complete, run: () => this.#next(client, complete) });
  }

  #choose(client: Client): Act {
    const choice = this.#rng.fraction();
    if (client.paging !== undefined) return this.#page(client, client.paging);
    if (client.claim !== undefined && choice < 0.7) return this.#useClaim(client, client.claim, choice);
    if (choice < 0.35 && this.#messages.length < WAITING_MAX) return this.#post(client);
    if (choice < 0.7) return this.#claim(client);
    if (choice < 0.78) return this.#deleteKnown(client);
    if (choice < 0.86) return this.#get(client);
    if (choice < 0.9) return this.#stats();
    if (choice < 0.99) {
      client.paging = { session: `l${++this.#made}`, includeClaimed: choice < 0.96, after: 0 };
      return this.#page(client, client.paging);
    }
    return (_now, happens) => {
      if (happens) this.#messages = [];
      return { op: "delete-queue" };
    };
  }

  #post(client: Client): Act {
    const bodies = Array.from({ length: this.#rng.between(1, 6) }, () => `b${++this.#made}`);
    const ttlSec = this.#rng.fraction() < 0.2 ? 60 : 3_600;
    return (now, happens, told) => {
      const expiresAt = now + ttlSec * 1_000;
      const stored = bodies.map((body): Stored => ({ id: `m${++this.#made}`, body, expiresAt, claim: undefined }));
      if (happens) this.#messages.push(...stored);
      const ids = stored.map((message) => message.id);
      if (told) client.known.push(...ids);
      return { op: "post", bodies, ttlSec, ...(told ? { ids } : {}) };
    };
  }

  #claim(client: Client): Act {
    const limit = this.#rng.between(1, 11);
    return (now, happens, told) => {
      const taken = happens ? this.#take(now, limit) : [];
      const id = `k${++this.#made}`;
      const lease: Lease = { id, until: now + LEASE_MS };
      for (const message of taken) this.#lease(message, lease, now);
      if (!told || taken.length === 0) return { op: "claim", limit, ...terms };
      const ids = taken.map((message) => message.id);
      client.claim = { id, ids };
      return { op: "claim", limit, ...terms, claimId: id, ids, bodies: taken.map((message) => message.body) };
    };
  }

  #lease(message: Stored, lease: Lease, now: number): void {
    message.claim = lease;
    if (message.expiresAt < now + LEASE_MS) message.expiresAt = now + LEASE_MS + GRACE_MS;
  }

  #useClaim(client: Client, claim: NonNullable<Client["claim"]>, choice: number): Act {
    const held = (now: number): Stored[] => this.#alive(now).filter((message) => message.claim?.id === claim.id);
    if (choice < 0.1)
      return (now, happens) => {
        for (const message of happens ? held(now) : []) {
          (message.claim as Lease).until = now + LEASE_MS;
          this.#lease(message, message.claim as Lease, now);
        }
        return { op: "renew", claimId: claim.id, ...terms };
      };
    client.claim = choice < 0.4 && claim.ids.length > 1 ? { id: claim.id, ids: claim.ids.slice(1) } : undefined;
    if (choice < 0.2)
      return (now, happens) => {
        for (const message of happens ? held(now) : []) message.claim = undefined;
        return { op: "release", claimId: claim.id };
      };
    const ids = choice < 0.4 ? claim.ids.slice(0, 1) : claim.ids;
    return this.#delete(ids);
  }

  #delete(ids: readonly string[]): Act {
    return (_now, happens) => {
      if (happens) this.#messages = this.#messages.filter((message) => !ids.includes(message.id));
      return { op: "delete", ids };
    };
  }

  #deleteKnown(client: Client): Act {
    const at = this.#rng.between(0, client.known.length + 1);
    return this.#delete(client.known.splice(at, 1));
  }

  #get(client: Client): Act {
    const asked = client.known.slice(-10);
    return (now, happens) => {
      const found = happens ? this.#alive(now).filter((message) => asked.includes(message.id)) : [];
      return { op: "get", asked, ids: found.map((one) => one.id), bodies: found.map((one) => one.body) };
    };
  }

  #stats(): Act {
    return (now) => {
      const alive = this.#alive(now);
      const claimed = alive.filter((message) => message.claim !== undefined).length;
      return { op: "stats", total: alive.length, claimed, free: alive.length - claimed };
    };
  }

  #page(client: Client, paging: NonNullable<Client["paging"]>): Act {
    const { session, includeClaimed } = paging;
    return (now) => {
      const shown = this.#alive(now)
        .filter((message) => Number(message.id.slice(1)) > paging.after)
        .filter((message) => includeClaimed || message.claim === undefined)
        .slice(0, 20);
      paging.after = Math.max(paging.after, ...shown.map((message) => Number(message.id.slice(1))));
      const end = shown.length === 0;
      if (end && client.paging === paging) client.paging = undefined;
      const ids = shown.map((message) => message.id);
      return { op: "list", session, end, includeClaimed, ids, bodies: shown.map((message) => message.body) };
    };
  }

  /** What is there at a time: expired messages are gone and lapsed claims are over. */
  #alive(now: number): Stored[] {
    this.#messages = this.#messages.filter((message) => message.expiresAt > now);
    for (const message of this.#messages)
      if (message.claim !== undefined && message.claim.until <= now) message.claim = undefined;
    return this.#messages;
  }

  #take(now: number, limit: number): Stored[] {
    return this.#alive(now)
      .filter((message) => message.claim === undefined)
      .slice(0, limit);
  }

  #drain(): void {
    const client: Client = { name: "drain", claim: undefined, paging: undefined, known: [] };
    this.#records.push({ op: "drain", invoke: (this.#now += 1) });
    const step = (act: Act): Body<QueueRecord> => {
      const invoke = (this.#now += 2);
      const timed = { process: client.name, queue: QUEUE, invoke, complete: invoke + 1, outcome: "ok" } as const;
      const body = act(invoke + 0.5, true, true);
      this.#records.push({ ...timed, ...body });
      return body;
    };
    const paging = { session: "drain", includeClaimed: true, after: 0 };
    while (!(step(this.#page(client, paging)) as Body<ListRecord>).end);
    this.#now += LEASE_MS;
    for (;;) {
      const { ids } = step(this.#claim(client)) as Body<ClaimRecord>;
      if (ids === undefined) break;
      step(this.#delete(ids));
    }
    step(this.#stats());
  }
}
