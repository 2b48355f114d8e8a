/**
 * A terminal sends Ctrl-C to every process in its foreground group and npm sends it on once more: what comes within this
 * time, in milliseconds, is the same key press.
 */
export const SAME_SIGNAL_MS = 1_000;
