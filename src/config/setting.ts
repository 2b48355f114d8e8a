/** One key of a process's configuration: how it is written, what it may be, and what it costs to change it. */
export interface Setting<T> {
  /** Undefined: it must be given. */
  readonly fallback: T | undefined;
  /** What a value looks like, for messages and help: `1..4096`, `host:port`. */
  readonly form: string;
  /** What it is or bounds, and what a smaller and a larger value costs. */
  readonly doc: string;
  /** Masked wherever a configuration is shown. */
  readonly secret: boolean;
  /** A switch: the flag takes no value. */
  readonly isSwitch: boolean;
  /** The flag may be given more than once: each adds to the list. */
  readonly isList: boolean;
  /** Throws FormError for a text that is not a value. */
  readonly parse: (text: string) => T;
  readonly format: (value: T) => string;
}

/** A text that is not of a setting's form; the message completes the sentence "<key> ...". */
export class FormError extends Error {
  override readonly name = "FormError";
}

export interface Described {
  readonly doc: string;
  readonly secret?: boolean;
}

interface Shape<T> {
  readonly form: string;
  readonly isSwitch?: boolean;
  readonly isList?: boolean;
  readonly parse: (text: string) => T;
  readonly format: (value: T) => string;
}

function setting<T>(described: Described & { readonly fallback?: T }, shape: Shape<T>): Setting<T> {
  return {
    fallback: described.fallback,
    form: shape.form,
    doc: described.doc,
    secret: described.secret ?? false,
    isSwitch: shape.isSwitch ?? false,
    isList: shape.isList ?? false,
    parse: shape.parse,
    format: shape.format,
  };
}

/** A whole number, bounds included. */
export function integer(
  options: Described & { readonly fallback?: number; readonly min: number; readonly max: number },
): Setting<number> {
  const form = `${options.min}..${options.max}`;
  return setting<number>(options, {
    form,
    format: String,
    parse: (text) => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
      if (value >= options.min && value <= options.max) return value;
      throw new FormError(`must be a whole number in ${form}, not "${text}"`);
    },
  });
}

/** A text that matches `pattern` as a whole; `form` says the pattern in words. */
export function text(
  options: Described & { readonly fallback?: string; readonly form: string; readonly pattern: RegExp },
): Setting<string> {
  return setting<string>(options, {
    form: options.form,
    format: (value) => value,
    parse: (value) => {
      if (options.pattern.test(value)) return value;
      throw new FormError(`must be ${options.form}, not "${value}"`);
    },
  });
}

export function choice<const T extends string>(
  options: Described & { readonly fallback?: T; readonly among: readonly T[] },
): Setting<T> {
  const form = options.among.join(" | ");
  return setting<T>(options, {
    form,
    format: (value) => value,
    parse: (value) => {
      const found = options.among.find((one) => one === value);
      if (found !== undefined) return found;
      throw new FormError(`must be one of ${form}, not "${value}"`);
    },
  });
}

/** Off unless given. */
export function flag(options: Described): Setting<boolean> {
  return setting<boolean>(
    { ...options, fallback: false },
    {
      form: "true | false",
      isSwitch: true,
      format: String,
      parse: (value) => {
        if (value === "true" || value === "1") return true;
        if (value === "false" || value === "0") return false;
        throw new FormError(`must be true or false, not "${value}"`);
      },
    },
  );
}

/** Comma-separated; blanks around items do not count, an empty text is no value. */
export function list<T>(
  options: Described & { readonly fallback?: readonly T[]; readonly of: Shape<T> },
): Setting<readonly T[]> {
  return setting<readonly T[]>(options, {
    form: `${options.of.form}, ...`,
    isList: true,
    format: (values) => values.map((value) => options.of.format(value)).join(","),
    parse: (value) => {
      if (value.trim() === "") throw new FormError(`must name at least one ${options.of.form}`);
      return value.split(",").map((item) => options.of.parse(item.trim()));
    },
  });
}
