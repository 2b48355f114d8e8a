/** The part of the process's log that the router uses; a pino logger is one. */
export interface RouterLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
