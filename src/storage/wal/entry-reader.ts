import type { Entry, EntryKind, Index } from "../../raft/index.js";
import { CorruptionError, REPLACE_NODE_ADVICE } from "../errors.js";
import { READ_GAP_BYTES_MAX, READ_SPAN_BYTES_MAX, READS_IN_FLIGHT_MAX } from "../limits.js";
import { entryIsWhole } from "./frame.js";
import type { GroupLog } from "./group-log.js";
import { readU64, RECORD_HEADER_BYTES, RecordType } from "./layout.js";
import type { Segment, SegmentList } from "./segment.js";

/** Neighbouring entries that one disk read fetches. */
interface Span {
  readonly segment: Segment;
  readonly start: number;
  end: number;
  readonly firstIndex: Index;
  /** Offsets in the segment of the entries' records. */
  readonly offsets: number[];
}

/** Reads entries back, at most a few disk reads at a time, and verifies each. */
export class EntryReader {
  readonly #segments: SegmentList;
  #inFlight = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(segments: SegmentList) {
    this.#segments = segments;
  }

  /** Entries [low, high), which the table must hold, up to `bytesMax` payload bytes but at least one. */
  async read(log: GroupLog, low: Index, high: Index, bytesMax: number): Promise<Entry[]> {
    // Positions are taken, and segments held, before anything is awaited: the table may move on meanwhile.
    const spans = this.#plan(log, low, high, bytesMax);
    const entries: Entry[] = [];
    try {
      // All of them come to an end before the segments are let go.
      for (const part of await Promise.allSettled(spans.map((span) => this.#readSpan(log, span)))) {
        if (part.status === "rejected") throw part.reason;
        entries.push(...part.value);
      }
    } finally {
      for (const span of spans) this.#segments.endRead(span.segment);
    }
    return entries;
  }

  #plan(log: GroupLog, low: Index, high: Index, bytesMax: number): Span[] {
    const { table } = log;
    const spans: Span[] = [];
    let bytes = 0;
    for (let index = low; index < high; index++) {
      bytes += table.bytesAt(index);
      if (index > low && bytes > bytesMax) break;
      const offset = table.offsetAt(index);
      const end = offset + RECORD_HEADER_BYTES + table.bytesAt(index);
      const span = spans.at(-1);
      if (span !== undefined && continues(span, table.segmentAt(index), offset, end)) {
        span.offsets.push(offset);
        span.end = end;
      } else {
        spans.push(this.#openSpan(log, table.segmentAt(index), index, offset, end));
      }
    }
    return spans;
  }

  #openSpan(log: GroupLog, segmentId: number, firstIndex: Index, start: number, end: number): Span {
    const segment = this.#segments.find(segmentId);
    if (segment === undefined) throw new Error(`segment ${String(segmentId)} of group ${String(log.group)} is gone`);
    this.#segments.beginRead(segment);
    return { segment, start, end, firstIndex, offsets: [start] };
  }

  async #readSpan(log: GroupLog, span: Span): Promise<Entry[]> {
    const entries: Entry[] = [];
    await this.#enter();
    let bytes: Buffer;
    try {
      bytes = await span.segment.handle.read(span.end - span.start, span.start);
    } finally {
      this.#leave();
    }
    for (let i = 0; i < span.offsets.length; i++) {
      entries.push(decodeEntry(log, span, bytes, span.offsets[i] as number, span.firstIndex + i));
    }
    return entries;
  }

  async #enter(): Promise<void> {
    if (this.#inFlight < READS_IN_FLIGHT_MAX) {
      this.#inFlight++;
      return;
    }
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#inFlight--;
    else next();
  }
}

function continues(span: Span, segmentId: number, offset: number, end: number): boolean {
  const sameSegment = span.segment.id >>> 0 === segmentId;
  return sameSegment && offset - span.end <= READ_GAP_BYTES_MAX && end - span.start <= READ_SPAN_BYTES_MAX;
}

function decodeEntry(log: GroupLog, span: Span, bytes: Buffer, offset: number, index: Index): Entry {
  const at = offset - span.start;
  const refuse = (problem: string): never => {
    const name = `entry ${String(index)} of group ${String(log.group)}`;
    throw new CorruptionError(span.segment.path, offset, `${name} ${problem}`, REPLACE_NODE_ADVICE);
  };
  if (bytes.length < at + RECORD_HEADER_BYTES) return refuse("lies beyond the end of the file");
  const length = bytes.readUInt32LE(at);
  if (length < RECORD_HEADER_BYTES || bytes.length < at + length) return refuse("has an impossible length");
  const isOurs =
    bytes[at + 4] === RecordType.entry &&
    bytes.readUInt32LE(at + 8) === log.group &&
    readU64(bytes, at + 16) === index &&
    bytes.readUInt32LE(at + 32) === log.incarnationHigh &&
    bytes.readUInt32LE(at + 36) === log.incarnationLow;
  if (!isOurs) return refuse("is not where the log says");
  if (!entryIsWhole(bytes, at, at + length)) return refuse("does not match its sum");
  return {
    index,
    term: readU64(bytes, at + 24),
    kind: bytes[at + 5] as EntryKind,
    data: bytes.subarray(at + RECORD_HEADER_BYTES, at + length),
  };
}
