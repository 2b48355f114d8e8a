/** All bounds of this room, each with its reason. Sizes in bytes. */

/** The unit of alignment of frames: a page, so that a page which was synced once is never written again. */
export const PAGE_BYTES = 4096;

/** Larger segments roll less often but return space later. */
export const SEGMENT_BYTES_DEFAULT = 64 * 1024 * 1024;

/** Below this the two header pages and the group index at the head of each segment would leave no room for frames. */
export const SEGMENT_BYTES_MIN = 32 * 1024;

/** Offsets in a segment are u32 in memory; this also bounds what one bad length field can make recovery read. */
export const SEGMENT_BYTES_MAX = 1024 * 1024 * 1024;

/** Most order bytes that one flush writes; what is left waits for the next. Bounds the latency of one flush and recovery's memory. */
export const FRAME_BYTES_MAX = 16 * 1024 * 1024;

/** Largest payload of one entry: the entry with its headers must fit in one frame. Raft's own bound (about 1 MiB) is far below. */
export const ENTRY_BYTES_MAX = 8 * 1024 * 1024;

/** Orders that nobody waits for are flushed by themselves once so much of them has gathered. */
export const LAZY_BYTES_MAX = 1024 * 1024;

/** Payloads below this are copied next to their headers, larger ones referenced: one more buffer in a writev costs about 0.45 us, a copy of 4 KiB about 0.4 us. */
export const COPY_BYTES_MAX = 4096;

/** Prepared segments kept ready, so that rolling over never waits for an allocation. */
export const SPARES_DEFAULT = 2;

/** Zeros are written to a new segment in steps of this size, each synced, so that flushes in between stay short. */
export const ALLOCATE_STEP_BYTES = 1024 * 1024;

/** How long to wait before a failed allocation of a spare segment is tried again. */
export const ALLOCATE_RETRY_MS = 5000;

/**
 * Disk reads of a shard that run at the same time: half of the pool's threads, the others are for the flush. The entries of one of
 * many busy groups are far apart in the log; read one after the other, a follower would never be caught up with.
 */
export const READS_IN_FLIGHT_MAX = 8;

/** One disk read of entries spans at most this much, and skips at most READ_GAP_BYTES_MAX of other groups' bytes between two entries. */
export const READ_SPAN_BYTES_MAX = 1024 * 1024;
export const READ_GAP_BYTES_MAX = 16 * 1024;

/** What recovery reads at once. */
export const SCAN_BYTES = 4 * 1024 * 1024;

/** Files of given-back segments kept beside the prepared ones: checkpoints give back several at once, roll-overs take one at a time. */
export const BLANK_KEPT_MAX = 4;
