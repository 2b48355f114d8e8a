import { MarconiError } from "../../contract/index.js";

/** The errors that the router answers with; the words are shown to clients. */
export const failures = {
  noLeader: () => new MarconiError("no-leader", "No node serves this queue at the moment. Try again."),
  overloaded: () => new MarconiError("overloaded", "Too many requests are under way. Try again."),
  storageFull: () => new MarconiError("storage-full", "The storage is full; deleting messages still works."),
  shuttingDown: () => new MarconiError("shutting-down", "This gateway is about to stop. Try again."),
  unknownOutcome: () =>
    new MarconiError(
      "unknown-outcome",
      "The storage did not answer in time; the request may or may not have been done.",
    ),
  internal: (message: string, cause?: unknown) => new MarconiError("internal", message, { cause }),
} as const;
