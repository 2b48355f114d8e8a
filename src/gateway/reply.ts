/** What goes back to a client. Handlers make one; only the dispatcher writes to a socket. */
export interface Reply {
  readonly status: number;
  /** Name, value, name, value; without Content-Length and Connection. */
  readonly headers: readonly string[];
  /** Undefined: none, which is not the same as an empty one for 204. */
  readonly body: string | Buffer | undefined;
}

const jsonHeaders: readonly string[] = ["Content-Type", "application/json"];
const errorHeaders: readonly string[] = ["Content-Type", "application/json", "Vary", "Accept"];
const none: readonly string[] = [];

export const noContent: Reply = { status: 204, headers: none, body: undefined };

/** `headers` come after the content type. */
export function json(status: number, body: string | Buffer, headers: readonly string[] = none): Reply {
  return { status, headers: headers.length === 0 ? jsonHeaders : [...jsonHeaders, ...headers], body };
}

export function empty(status: number, headers: readonly string[]): Reply {
  return { status, headers, body: undefined };
}

/** `title` and `description` are plain text. */
export function errorReply(
  status: number,
  title: string,
  description: string,
  headers: readonly string[] = none,
): Reply {
  const body = `{"title": ${JSON.stringify(title)}, "description": ${JSON.stringify(description)}}`;
  return { status, headers: headers.length === 0 ? errorHeaders : [...errorHeaders, ...headers], body };
}
