/**
 * Takes a log and the plugins, sends the lines through filter and store in batches, gives what they found and the report on it.
 * @module
 */
import type { Caller } from "@polyplug/core/host";
import type { Found } from "./compare.ts";
import { type LogFile, readBatches } from "./log_file.ts";
import type { BatchHead, Filtered, ReportRequest, RetentionRequest, RunRequest, StoreRequest, Summary } from "./messages.ts";
import { createProgress } from "./progress.ts";

/** The three plugins; a handle is a `Caller` whatever language is behind it. */
export interface LogPlugins {
  readonly filter: Caller;
  readonly store: Caller;
  readonly report: Caller;
}

/** What to read, and how. */
export interface Job {
  readonly log: LogFile;
  readonly head: BatchHead;
  /** Events before this time are left out. */
  readonly since: string | undefined;
  /** The log's name in the report. */
  readonly title: string;
}

/** A report, and the figures in it. */
export interface Outcome {
  readonly text: string;
  readonly found: Found;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Runs the job. One that fails leaves its database in the store's data folder, for a look at what was stored. */
export async function runPipeline(plugins: LogPlugins, job: Job): Promise<Outcome> {
  const run = crypto.randomUUID();
  const { lines, unread } = await storeEvents(plugins, job, run);
  const older = job.since === undefined ? 0 : await dropOlder(plugins.store, { run, before: job.since });
  const request: RunRequest = { run };
  const summary = await ask(plugins.store, "plugin.log.query", request) as Summary;
  await ask(plugins.store, "plugin.log.drop", request);
  const found: Found = { lines, older, summary };
  return { text: await writeReport(plugins.report, job, { unread, found }), found };
}

/** One batch is in memory at a time. */
async function storeEvents({ filter, store }: LogPlugins, { log, head }: Job, run: string): Promise<{ lines: number; unread: number }> {
  const progress = createProgress("Reading");
  const start = encoder.encode(`${JSON.stringify(head)}\n`);
  let [lines, unread, bytes, batch] = [0, 0, 0, 0];
  try {
    for await (const chunk of readBatches(log.path)) {
      const filtered = jsonFrom(await filter.exec("plugin.log.filter", join(start, chunk))) as Filtered;
      const request: StoreRequest = { run, batch: batch++, events: filtered.events };
      // The store takes a batch once, so to repeat a call whose answer was lost does no harm.
      await ask(store, "plugin.log.store", request, { retry: "idempotent" });
      lines += filtered.lines;
      unread += filtered.unread;
      bytes += chunk.length;
      progress.show(Math.min(1, bytes / log.bytes), `${lines} lines`);
    }
  } finally {
    progress.clear();
  }
  return { lines, unread };
}

async function dropOlder(store: Caller, request: RetentionRequest): Promise<number> {
  const answer = await ask(store, "plugin.log.retention", request) as { readonly deleted: number };
  return answer.deleted;
}

async function writeReport(report: Caller, job: Job, { unread, found }: { unread: number; found: Found }): Promise<string> {
  const { format, year } = job.head;
  const request: ReportRequest = {
    file: job.title,
    format,
    lines: found.lines,
    unread,
    year: format === "sshd" ? year : null,
    since: job.since ?? null,
    deleted: found.older,
    summary: found.summary,
  };
  return decoder.decode(await report.exec("plugin.log.report", encoder.encode(JSON.stringify(request))));
}

/** Calls a command that takes and gives JSON; each plugin checks what it takes. */
async function ask(plugin: Caller, command: string, request: object, options: Parameters<Caller["exec"]>[2] = {}): Promise<unknown> {
  return jsonFrom(await plugin.exec(command, encoder.encode(JSON.stringify(request)), options));
}

function jsonFrom(bytes: Uint8Array): unknown {
  return JSON.parse(decoder.decode(bytes));
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
