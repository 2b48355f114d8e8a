import { randomBytes } from "node:crypto";

const high21Bits = 0x1f_ffff;

/** 53 random bits, never 0: two gateways that drew the same would take each other's answers. */
export function randomSession(): number {
  for (;;) {
    const bytes = randomBytes(8);
    const session = (bytes.readUInt32LE(4) & high21Bits) * 0x1_0000_0000 + bytes.readUInt32LE(0);
    if (session > 0) return session;
  }
}
