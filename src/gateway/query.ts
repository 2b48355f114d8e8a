import { parse, type ParsedUrlQuery } from "node:querystring";
import { ApiError, invalidParameter, invalidRequest } from "./api-error.js";

/** Without a prototype, like what `parse` makes: names come from clients. */
const nothing = Object.create(null) as ParsedUrlQuery;
const yes = new Set(["true", "True", "t", "yes", "y", "1", "on"]);
const no = new Set(["false", "False", "f", "no", "n", "0", "off"]);

/** The query string, by the rules of section 1.5. An empty value counts as absent; of repeats the last is taken. */
export class QueryParameters {
  readonly #values: ParsedUrlQuery;

  /** `text` is what follows the question mark. Never throws: broken percent-encoding is taken as it stands. */
  constructor(text: string) {
    this.#values = text === "" ? nothing : parse(text);
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    const one = typeof value === "string" ? value : value?.at(-1);
    return one === "" ? undefined : one;
  }

  /** Throws ApiError 400 for what is not an integer, or not in [min, max]. */
  integer(name: string, min: number, max: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (!/^[+-]?[0-9]+$/.test(text)) throw invalidParameter(name, "an integer");
    const value = Number(text);
    if (value < min || value > max)
      throw invalidRequest(`The "${name}" parameter must be at least ${min} and no greater than ${max}.`);
    return value;
  }

  /** Throws ApiError 400 for what is neither true nor false. */
  flag(name: string): boolean | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (yes.has(text)) return true;
    if (no.has(text)) return false;
    throw invalidParameter(name, '"true" or "false"');
  }

  /** Comma-separated; empty items are dropped; undefined when nothing remains. */
  list(name: string): string[] | undefined {
    const value = this.#values[name];
    if (value === undefined) return undefined;
    const items = (typeof value === "string" ? value : value.join(",")).split(",").filter((item) => item !== "");
    return items.length === 0 ? undefined : items;
  }
}

export function missingParameter(name: string): ApiError {
  return new ApiError(400, "Missing parameter", `The "${name}" parameter is required.`);
}
