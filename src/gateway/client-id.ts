const UUID = /^(?:[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/i;

/** The 16 bytes of a UUID, with or without dashes, in either case; undefined for anything else. */
export function parseClientId(text: string): Uint8Array | undefined {
  if (!UUID.test(text)) return undefined;
  return Buffer.from(text.length === 32 ? text : text.replaceAll("-", ""), "hex");
}
