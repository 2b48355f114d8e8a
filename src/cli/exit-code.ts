/** What a process of Marconi ends with. */
export const ExitCode = {
  /** It did what it was asked to, or stopped as asked. */
  ok: 0,
  /** It broke, or an orderly stop took too long. Starting it again may help. */
  failed: 1,
  /** The command line or the environment is wrong. Starting it again does not help. */
  usage: 2,
  /** It refuses what it found: a data folder of another cluster, a port that is taken. Starting it again does not help. */
  refused: 3,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
