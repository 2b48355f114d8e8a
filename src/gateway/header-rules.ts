export type Need = "ignored" | "optional" | "required";

/** What an API wants of the headers (section 1.2). */
export interface HeaderRules {
  readonly clientId: Need;
  readonly project: Need;
}
