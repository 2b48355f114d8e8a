const mebibyte = 1024 * 1024;

/** The bounds of the HTTP side, each with its reason. What clients may rely on is in `contract/limits.ts`. */
export const gatewayLimits = {
  /** Requests in work at once; beyond it new ones are answered with 503. About 10 KiB each. */
  inflightRequestsMax: 20_000,
  /** Bytes of request bodies that are kept and of answers that clients have not taken; beyond it, 503. */
  inflightBytesMax: 128 * mebibyte,
  /** Sockets; more are closed as they come. An idle one costs about 10 KiB. */
  connectionsMax: 20_000,
  /** Request line and headers of one request: 20 ids and a project of 256 characters take 2 KiB. */
  headerBytesMax: 16 * 1024,
  /** From a connection's first byte to the end of the headers: longer is a slow loris. */
  headersTimeoutMs: 10_000,
  /** From the first byte to the last of a request: 256 KiB over a bad phone line. */
  requestTimeoutMs: 30_000,
  /** From handing over an answer until the client has taken all of it, when it does not fit the socket's buffers. */
  answerTimeoutMs: 30_000,
  /** Idle time between two requests: above the 60 s after which load balancers usually hang up, so that they do it first. */
  keepAliveTimeoutMs: 65_000,
  /** How often the three timeouts above are looked at: a client is cut off late by this at most. */
  timeoutCheckMs: 1_000,
  /** While closing: how often it is looked whether all requests have ended, after which connections without one are cut. */
  closeCheckMs: 100,
  /** First probe of a silent connection, to find clients that vanished. */
  tcpKeepAliveMs: 30_000,
  /** Of a body that is too large this much is read and dropped, so that the client sees its answer: most look only when they have sent all. */
  discardBytesMax: 8 * mebibyte,
  /** A claim's terms: two numbers, and room for members that are ignored. */
  claimBodyBytesMax: 65_536,
  /** Arrays and objects inside each other: Python's decoder, in many a client, gives up a little below 1,000. */
  jsonDepthMax: 512,
  /** A `Location` of more ids than this leaves them out: clients give up on header lines between 8 and 64 KiB. */
  locationIdsMax: 250,
  /** The rest between a 503 and the next try of a client that was refused here, in seconds. */
  retryAfterSec: 1,
} as const;

export type GatewayLimits = { readonly [name in keyof typeof gatewayLimits]: number };
