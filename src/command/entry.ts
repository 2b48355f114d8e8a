import { assert, ByteReader, ByteWriter, DecodeError } from "../base/index.js";

/**
 * A log entry: `version u8 | timestamp u64 ms | count u32 |` and per command `length u32 | command`. Whatever commands
 * arrived while the last flush was under way share one entry, one flush and one timestamp.
 */
const ENTRY_VERSION = 1;

const TIMESTAMP_AT = 1;
const COUNT_AT = 9;
const HEADER_BYTES = 13;
/** Joins commands into the data of one log entry. Reusable: `begin`, `add`*, `finish`. */
export class EntryBuilder {
  readonly #out: ByteWriter;
  #count = 0;
  #open = false;

  constructor(initialBytes = 4_096) {
    this.#out = new ByteWriter(initialBytes);
  }

  /** `timestampMs`: the leader's clock, not before the last entry's. */
  begin(timestampMs: number): void {
    this.#out.reset();
    this.#out.u8(ENTRY_VERSION);
    this.#out.u64(timestampMs);
    this.#out.u32(0);
    this.#count = 0;
    this.#open = true;
  }

  /** Copies a command that `validateCommand` has passed. Its ordinal in the entry is the count before. */
  add(command: Uint8Array): void {
    assert(this.#open, "no entry was begun");
    this.#out.bytes32(command);
    this.#count++;
  }

  get count(): number {
    return this.#count;
  }

  /** Size of the entry so far; 0 when none was begun. */
  get bytes(): number {
    return this.#open ? this.#out.length : 0;
  }

  /** The entry's data, owned by the caller. An entry without commands is a tick: it only moves log time. */
  finish(): Buffer {
    assert(this.#open, "no entry was begun");
    this.#open = false;
    this.#out.patchU32(COUNT_AT, this.#count);
    return this.#out.take();
  }
}

/** Log time of an entry, milliseconds since 1970. Throws DecodeError for what is not an entry. */
export function entryTimestamp(data: Uint8Array): number {
  const reader = new ByteReader(data);
  checkVersion(reader.u8());
  assert(reader.position === TIMESTAMP_AT, "timestamp follows the version");
  return reader.u64();
}

/** Walks the commands of an entry in place. Throws DecodeError for what EntryBuilder does not write. */
export class EntryReader {
  readonly timestampMs: number;
  readonly count: number;
  /** The entry's bytes; positions of `reader` are offsets into it. */
  readonly bytes: Buffer;
  /** Stands inside the current command. */
  readonly reader: ByteReader;
  #commandEnd = HEADER_BYTES;

  constructor(data: Uint8Array) {
    this.bytes = Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    this.reader = new ByteReader(this.bytes);
    checkVersion(this.reader.u8());
    this.timestampMs = this.reader.u64();
    this.count = this.reader.u32();
  }

  /** Moves to the first byte of the next command; it must be called `count` times at most. */
  beginCommand(): void {
    const bytes = this.reader.u32();
    if (bytes > this.reader.remaining) throw new DecodeError("a command reaches beyond its entry");
    this.#commandEnd = this.reader.position + bytes;
  }

  /** Passes over what is left of the command, which was not wanted. */
  skipCommand(): void {
    this.reader.skip(this.#commandEnd - this.reader.position);
  }

  /** The command must have been read to its last byte. */
  endCommand(): void {
    if (this.reader.position !== this.#commandEnd) throw new DecodeError("a command's length and content disagree");
  }

  /** A view of the current command; to be called right after `beginCommand`. */
  commandView(): Buffer {
    return this.bytes.subarray(this.reader.position, this.#commandEnd);
  }

  finish(): void {
    this.reader.finish();
  }
}

function checkVersion(version: number): void {
  if (version !== ENTRY_VERSION)
    throw new DecodeError(`entry of version ${String(version)}, known is ${String(ENTRY_VERSION)}`);
}
