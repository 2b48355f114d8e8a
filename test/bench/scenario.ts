/** One row of the benchmark. */
export interface Scenario {
  readonly kind: "post" | "cycle";
  readonly bodyBytes: number;
  readonly connections: number;
  readonly perRequest: number;
  /** Queues that share the load; 1 puts all of it on one leader. */
  readonly queues: number;
}

export interface Choice {
  readonly kinds: readonly Scenario["kind"][];
  readonly bodies: readonly number[];
  readonly connections: readonly number[];
  readonly perRequest: readonly number[];
  readonly queues: readonly number[];
  /** Part of a name; all rows when empty. */
  readonly only: string;
}

export const fullChoice: Choice = {
  kinds: ["post", "cycle"],
  bodies: [100, 1_024],
  connections: [1, 16, 64, 256],
  perRequest: [1, 10, 100],
  queues: [16],
  only: "",
};

/** The rows that the project's targets speak of, and their likes. */
export const quickChoice: Choice = {
  ...fullChoice,
  bodies: [100],
  connections: [16, 64],
};

export function nameOf({ kind, bodyBytes, connections, perRequest, queues }: Scenario): string {
  return `${kind}/${bodyBytes}B/c${connections}/x${perRequest}/q${queues}`;
}

export function scenariosOf(choice: Choice): Scenario[] {
  const found: Scenario[] = [];
  for (const kind of choice.kinds)
    for (const bodyBytes of choice.bodies)
      for (const perRequest of choice.perRequest)
        for (const connections of choice.connections)
          for (const queues of choice.queues) found.push({ kind, bodyBytes, connections, perRequest, queues });
  return found.filter((scenario) => nameOf(scenario).includes(choice.only));
}
