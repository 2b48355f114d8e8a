// As nodes are configured: 1 to 63 lower-case letters, digits and inner dashes.
const NODE_ID = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
// Whoever dials it knows more about its form. A host name has at most 253 characters, a port 5.
const ADDRESS = /^[\x21-\x7e]{1,260}$/;
const INCARNATION = /^[0-9a-f]{16}$/;

export function isNodeId(text: string): boolean {
  return NODE_ID.test(text);
}

export function isAddress(text: string): boolean {
  return ADDRESS.test(text);
}

/** Of a node that was met. */
export function isIncarnation(text: string): boolean {
  return INCARNATION.test(text);
}
