/** Something that has rows in checkpoints. Both fields belong to the ChangeSet. */
export interface Tracked {
  /** Bits of `track`. */
  tracking: number;
  /** Place in the list of changed items; -1 while unchanged. */
  changePosition: number;
}

export const track = {
  /** Changed since the last checkpoint began. */
  dirty: 1,
  /** And so have its bodies, which have a row of their own. */
  dirtyBodies: 2,
  /** Belongs to the checkpoint being built and is not written out yet: it must not change before it is. */
  pending: 4,
  pendingBodies: 8,
  /** The store may hold rows of it. */
  stored: 16,
  /** Gone from the state. */
  dropped: 32,
} as const;
