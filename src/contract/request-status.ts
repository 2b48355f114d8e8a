/** How a storage node answers one request of a frame. Numbers are the wire: never reuse one. */
export const RequestStatus = {
  /** The payload is an encoded result. */
  ok: 1,
  /** Nothing was done; ask the leader. */
  notLeader: 2,
  /** Nothing was done; a bound is reached, come back later. */
  overloaded: 3,
  /** Leadership was lost before the outcome was known: a retry under the same request id is safe. */
  unknownOutcome: 4,
  /** Nothing was done; the request does not follow the format. */
  malformed: 5,
  /** Nothing was done; the disk is too full for new messages. */
  storageFull: 6,
  /** The request repeats one that was answered and forgotten. */
  forgotten: 7,
} as const;
export type RequestStatus = (typeof RequestStatus)[keyof typeof RequestStatus];
