/** Counts answers by operation and status, and keeps what should not have been answered at all. */
export class Tally {
  readonly answers = new Map<string, number>();
  readonly surprises = new Map<string, number>();
  /** Operations that were done in the end after they had been refused with `Retry-After`. */
  refusedForAWhile = 0;
  /** Messages that are acknowledged and not deleted, about: keeps a workload from piling them up. */
  waiting = 0;

  answered(operation: string, status: number): void {
    const key = `${operation} ${status}`;
    this.answers.set(key, (this.answers.get(key) ?? 0) + 1);
  }

  unexpected(what: string): void {
    this.surprises.set(what, (this.surprises.get(what) ?? 0) + 1);
  }
}
