import { assert } from "../base/index.js";
import type { Exchange } from "./exchange.js";
import type { HeaderRules } from "./header-rules.js";
import type { Reply } from "./reply.js";

export type Handler = (exchange: Exchange) => Promise<Reply> | Reply;

export interface RouteDefinition {
  /** Below the prefix of its API: "/queues/{queue}/messages". A segment in braces takes any text, also none. */
  readonly path: string;
  readonly methods: Readonly<Partial<Record<"GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE", Handler>>>;
  /** Media types besides JSON that it answers with. */
  readonly mediaTypes?: readonly string[];
}

/** One version of the API: later versions stand beside it under prefixes of their own. */
export interface Api {
  /** "/v1", or "" for what belongs to no version. */
  readonly prefix: string;
  readonly rules: HeaderRules;
  readonly routes: readonly RouteDefinition[];
}

export interface Route {
  /** Ascends from 0 in the order of definition. */
  readonly index: number;
  /** With its prefix; the name under which metrics know it. */
  readonly template: string;
  readonly handlers: ReadonlyMap<string, Handler>;
  /** Value of the Allow header. */
  readonly allow: string;
  readonly rules: HeaderRules;
  readonly mediaTypes: readonly string[];
  /** Whether the first captured segment names a queue. */
  readonly ofQueue: boolean;
}

interface Node {
  readonly literals: Map<string, Node>;
  parameter: Node | undefined;
  route: Route | undefined;
}

const newNode = (): Node => ({ literals: new Map(), parameter: undefined, route: undefined });

/** Finds the route of a path, whatever the method: whether a route exists is the first question of section 1.3. */
export class RouteTable {
  readonly #root = newNode();
  readonly #routes: Route[] = [];

  constructor(apis: readonly Api[]) {
    for (const api of apis) for (const definition of api.routes) this.#add(api, definition);
  }

  get routes(): readonly Route[] {
    return this.#routes;
  }

  /** `path` is decoded. Segments in the place of parameters go to `captures`. */
  find(path: string, captures: string[]): Route | undefined {
    if (!path.startsWith("/")) return undefined;
    let node: Node | undefined = this.#root;
    let start = 1;
    while (node !== undefined) {
      const slash = path.indexOf("/", start);
      const segment = slash < 0 ? path.slice(start) : path.slice(start, slash);
      const literal: Node | undefined = node.literals.get(segment);
      if (literal === undefined && node.parameter !== undefined) captures.push(segment);
      node = literal ?? node.parameter;
      if (slash < 0) return node?.route;
      start = slash + 1;
    }
    return undefined;
  }

  #add(api: Api, definition: RouteDefinition): void {
    const template = api.prefix + definition.path;
    let node = this.#root;
    for (const segment of template.slice(1).split("/")) {
      if (/^\{.*\}$/.test(segment)) node = node.parameter ??= newNode();
      else {
        let next = node.literals.get(segment);
        if (next === undefined) node.literals.set(segment, (next = newNode()));
        node = next;
      }
    }
    assert(node.route === undefined, `two routes for ${template}`);
    const handlers = new Map<string, Handler>(Object.entries(definition.methods));
    node.route = {
      index: this.#routes.length,
      template,
      handlers,
      allow: [...handlers.keys(), "OPTIONS"].join(", "),
      rules: api.rules,
      mediaTypes: definition.mediaTypes ?? [],
      ofQueue: definition.path.includes("{queue}"),
    };
    this.#routes.push(node.route);
  }
}
