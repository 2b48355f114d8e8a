import { rules, type Rule, type Verdict } from "../check/verdict.js";
import type { Fault } from "./fault.js";
import type { ChangeResult } from "./membership-scenario.js";
import type { Outage } from "./outage.js";
import type { Tally } from "./tally.js";

export interface Check {
  readonly name: string;
  readonly passed: boolean;
  /** What was found, where it did not pass. */
  readonly details: readonly string[];
}

export interface RunFacts {
  readonly verdict: Verdict;
  readonly faults: readonly Fault[];
  readonly faultsWanted: number;
  readonly outages: readonly Outage[];
  readonly tally: Tally;
  /** Claims were waited for at the end, so some must have lapsed. */
  readonly patient: boolean;
  /** "n1 ended by itself: exit code 1". */
  readonly deaths: readonly string[];
}

const check = (name: string, details: readonly string[]): Check => ({ name, passed: details.length === 0, details });

/** Every rule, and that the run did what it is for: a test that injected nothing proves nothing. */
export function checksOf(facts: RunFacts): Check[] {
  const { verdict, faults, faultsWanted, outages, tally, deaths, patient } = facts;
  return [
    ...checksOfRules(verdict),
    check(
      "faults were injected, and leaders were among their victims",
      faults.length >= faultsWanted && outages.length > 0
        ? []
        : [`${faults.length} of ${faultsWanted} faults; ${outages.length} partitions lost their leader`],
    ),
    checkWorkload(verdict, patient ? [...parts, "lapses"] : parts),
    check("no process ended by itself", deaths),
    checkAnswers(tally),
    check(
      "every partition came back",
      outages.filter(({ ms }) => ms === Infinity).map(({ partition }) => `partition ${partition} never did`),
    ),
  ];
}

/** The same for a cluster that was changed, not harmed: then clients that honour `Retry-After` hear of no error at all. */
export function checksOfChanges(result: ChangeResult, patient: boolean): Check[] {
  const { verdict, tally, deaths, changes, changesWanted } = result;
  return [
    ...checksOfRules(verdict),
    check(
      "all changes were made, and the cluster settled after each",
      changes.length === changesWanted ? [] : [`${changes.length} of ${changesWanted}: ${changes.join(", ")}`],
    ),
    checkWorkload(verdict, patient ? [...parts, "lapses"] : partsOfShortRuns),
    check("no process ended by itself", deaths),
    checkAnswers(tally),
    check(
      "no error reached a client that honours Retry-After",
      [...tally.answers]
        .filter(([what]) => / (0|5\d\d)$/.test(what))
        .map(([what, times]) => `${times} × ${what} (0: no answer)`),
    ),
  ];
}

const partsOfShortRuns = ["acknowledged", "claims", "deleted", "pagings", "reads"] as const;
const parts = [...partsOfShortRuns, "redelivered", "renewals", "releases"] as const;

function checksOfRules(verdict: Verdict): Check[] {
  return (Object.keys(rules) as Rule[]).map((rule) => checkRule(rule, verdict));
}

function checkWorkload({ counts }: Verdict, wanted: readonly (keyof Verdict["counts"])[]): Check {
  const idle = wanted.filter((what) => counts[what] === 0);
  return check(
    "the workload did everything that it is made of",
    idle.map((what) => `${what}: none`),
  );
}

function checkAnswers({ surprises }: Tally): Check {
  return check(
    "every answer was one that the contract knows",
    [...surprises].map(([what, times]) => `${times} × ${what}`),
  );
}

function checkRule(rule: Rule, verdict: Verdict): Check {
  const count = verdict.countByRule.get(rule) ?? 0;
  const kept = verdict.violations.filter((violation) => violation.rule === rule);
  const details = kept.map(({ queue, what }) => `${queue}: ${what}`);
  if (count > kept.length) details.push(`and ${count - kept.length} more`);
  return check(`${rule} ${rules[rule]}`, details);
}
