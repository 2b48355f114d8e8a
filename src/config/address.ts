import { type Described, FormError, type Setting, text } from "./setting.js";

export interface Member {
  readonly id: string;
  /** host:port of the node's gRPC listener. */
  readonly address: string;
}

// A name or an IPv4 address, or an IPv6 address in brackets; a port that can be dialled.
const HOST_PORT = /^([A-Za-z0-9]([A-Za-z0-9.-]{0,253})|\[[0-9a-fA-F:.]{2,45}\]):(\d{1,5})$/;
const NODE_ID = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
export const nodeIdForm = "1..63 lower-case letters, digits and inner dashes";

/** Throws FormError. */
export function parseAddress(value: string): { readonly host: string; readonly port: number } {
  const match = HOST_PORT.exec(value);
  const port = Number(match?.[3]);
  if (match?.[1] === undefined || !(port >= 1 && port <= 65_535))
    throw new FormError(`must be host:port with a port in 1..65535, not "${value}"`);
  return { host: match[1].replace(/^\[|\]$/g, ""), port };
}

export const addressShape = {
  form: "host:port",
  format: (value: string): string => value,
  parse: (value: string): string => {
    parseAddress(value);
    return value;
  },
};

export const memberShape = {
  form: "id=host:port",
  format: (member: Member): string => `${member.id}=${member.address}`,
  parse: (value: string): Member => {
    const at = value.indexOf("=");
    const id = value.slice(0, Math.max(at, 0));
    if (!NODE_ID.test(id))
      throw new FormError(`must name members as id=host:port, not "${value}" (an id: ${nodeIdForm})`);
    return { id, address: addressShape.parse(value.slice(at + 1)) };
  },
};

export function address(options: Described & { readonly fallback?: string }): Setting<string> {
  return { ...text({ ...options, form: addressShape.form, pattern: /^/ }), parse: addressShape.parse };
}

/** An address that is worked out from other settings when it is not given; then it is an empty text. */
export function optionalAddress(options: Described): Setting<string> {
  const form = `${addressShape.form}, or nothing`;
  return {
    ...text({ ...options, fallback: "", form, pattern: /^/ }),
    parse: (value) => (value === "" ? value : addressShape.parse(value)),
  };
}

export function nodeId(options: Described): Setting<string> {
  return text({ ...options, form: nodeIdForm, pattern: NODE_ID });
}
