/**
 * Makes checks one after the other: takes a list and a peer of the same wire, gives a result for each. A check that cannot be made is
 * skipped with the reason; one after which the plugin no longer answers has failed, and nothing follows it.
 * @module
 */
import type { Check, CheckContext, Finding, Level } from "./check.ts";
import type { Peer, PeerIdentity, Reply } from "./peer.ts";

/** What became of one check. */
export type CheckResult = Omit<Check, "run" | "needs" | "ends" | "needsToken" | "advice"> & Outcome;

type Outcome =
  | { readonly kind: "passed" }
  | { readonly kind: "failed"; readonly finding: Required<Finding> }
  | { readonly kind: "skipped"; readonly reason: string };

/** How a run is made. */
export interface RunOptions<P extends Peer> {
  readonly level: Level;
  readonly context: CheckContext<P>;
  /** Whether the last check may end the plugin. */
  readonly mayEnd: boolean;
  /** Gets each result as it comes. */
  readonly onResult: (result: CheckResult) => void;
}

/** Makes the checks of the level. */
export async function runChecks<P extends Peer>(checks: readonly Check<P>[], options: RunOptions<P>): Promise<readonly CheckResult[]> {
  const { level, context, onResult } = options;
  const identity = await context.peer.identify();
  const results = new Map<string, CheckResult>();
  let answers = true;
  for (const check of checks) {
    if (level === "core" && check.level === "full") continue;
    const reason: string | undefined = answers ? whyNot(check, results, identity, options) : "the plugin no longer answers";
    let outcome: Outcome = reason === undefined ? await make(check, context) : skipped(reason);
    if (reason === undefined && check.id !== "ping" && check.ends !== true) {
      const silent = await silence(context, results.get("exec")?.kind === "passed");
      if (silent !== undefined) [outcome, answers] = [silenced(outcome, silent), false];
    }
    const { id, title, section, feature } = check;
    const result = { id, title, level: check.level, section, ...(feature === undefined ? {} : { feature }), ...outcome };
    results.set(id, result);
    onResult(result);
  }
  return [...results.values()];
}

/** Why a check cannot be made; `undefined` when it can. */
function whyNot<P extends Peer>(
  check: Check<P>,
  results: ReadonlyMap<string, CheckResult>,
  identity: PeerIdentity,
  { context, mayEnd }: RunOptions<P>,
): string | undefined {
  const { feature, needs = [], needsToken, ends } = check;
  if (feature !== undefined && !identity.features.includes(feature)) return `the plugin does not list the feature "${feature}"`;
  const missing = needs.map((id) => results.get(id)).find((result) => result !== undefined && result.kind !== "passed");
  if (missing !== undefined) return `needs ${missing.id}, which ${missing.kind === "failed" ? "failed" : "was skipped"}`;
  if (needsToken === true && context.token === undefined) return "the plugin's token is not known here";
  return ends === true && !mayEnd ? "it would end the plugin" : undefined;
}

async function make<P extends Peer>(check: Check<P>, context: CheckContext<P>): Promise<Outcome> {
  const found = await check.run(context);
  if (found === undefined) return { kind: "passed" };
  if ("skip" in found) return skipped(found.skip);
  return { kind: "failed", finding: { advice: check.advice, ...found } };
}

function skipped(reason: string): Outcome {
  return { kind: "skipped", reason };
}

interface Silence {
  /** What the check sent last. */
  readonly after: string;
  readonly probe: Reply;
}

/** Looks whether the plugin still answers, rightly or not, on new connections; gives the question that was not answered. */
async function silence<P extends Peer>({ peer, echo }: CheckContext<P>, hasExec: boolean): Promise<Silence | undefined> {
  const after = peer.lastSent;
  const probes = [() => peer.ping(), ...(hasExec ? [() => peer.exec(echo, new Uint8Array(0))] : [])];
  for (const send of probes) {
    const probe = await send();
    if (probe.outcome.kind === "lost") return { after, probe };
  }
  return undefined;
}

const SILENT_ADVICE = "Go on serving after a request like this one: the plugin ended or hangs, and what it wrote itself may say why";

function silenced(outcome: Outcome, { after, probe }: Silence): Outcome {
  const came = `${probe.came}: the plugin no longer answers`;
  if (outcome.kind === "failed") return { kind: "failed", finding: { ...outcome.finding, came: `${outcome.finding.came}; then ${came}` } };
  const finding = { sent: `${after}; then ${probe.sent}`, expected: "an answer to what follows as well", came, advice: SILENT_ADVICE };
  return { kind: "failed", finding };
}
