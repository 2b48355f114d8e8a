/**
 * What became of a question that was not answered as hoped.
 *
 * * `refused`: the cluster says no, and the sentence says why. Nothing was changed, and asking again ends the same way.
 * * `unreachable`: nobody who could answer was found in time. Nothing was changed.
 * * `unknown-outcome`: it was asked and may have been done: look at the status of the cluster, then ask again.
 */
export type AdminErrorKind = "refused" | "unreachable" | "unknown-outcome";

/** The message is a sentence for whoever asked. */
export class AdminError extends Error {
  override readonly name = "AdminError";
  readonly kind: AdminErrorKind;

  constructor(kind: AdminErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
