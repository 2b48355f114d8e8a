/** What an operator asks of a cluster. Groups are numbers of partitions, or metaGroup; nodes go by their names. */
export type OperatorRequest =
  | { readonly do: "status"; readonly partitions: boolean }
  | { readonly do: "list" }
  | { readonly do: "set-replication-factor"; readonly copies: number; readonly wait: boolean }
  | { readonly do: "drain" | "undrain" | "remove"; readonly id: string; readonly wait: boolean }
  | { readonly do: "replace"; readonly id: string; readonly by: string; readonly wait: boolean }
  | { readonly do: "move"; readonly group: number; readonly to: readonly string[]; readonly wait: boolean }
  /** `to` undefined: whoever is up to date. */
  | { readonly do: "transfer"; readonly group: number; readonly to: string | undefined };
