/**
 * Writes results of `conform()` for people: takes a result or a report, gives text of at most so many columns.
 * @module
 */
import type { ConformReport } from "./conform.ts";
import { visible } from "./evidence.ts";
import type { CheckResult } from "./run_checks.ts";

/** How it looks. */
export interface ReportOptions {
  /** Whether escapes for colours are put in. Default false. */
  readonly color?: boolean;
  /** The longest line, in characters. Default 80. */
  readonly columns?: number;
}

const COLORS = { passed: 32, failed: 31, skipped: 33, dim: 2 } as const;
const MARKS = { passed: "ok", failed: "FAIL", skipped: "skip" } as const;
const MARK_WIDTH = 6;
const ID_WIDTH = 25;
const LABEL_WIDTH = 10;

/** One result: a line, and for a fault its evidence and what to do. */
export function formatResult(result: CheckResult, options: ReportOptions = {}): string {
  const mark = paint(MARKS[result.kind].padEnd(MARK_WIDTH), result.kind, options);
  const head = `${String(result.section).padEnd(3)}${result.id.padEnd(ID_WIDTH)}`;
  const indent = MARK_WIDTH + head.length;
  const title = result.kind === "skipped" ? `not checked: ${result.reason}` : result.title;
  const first = `${mark}${head}${wrap(title, indent, options).join(`\n${" ".repeat(indent)}`)}`;
  return result.kind === "failed" ? [first, ...evidence(result.finding, options)].join("\n") : first;
}

/** The last lines: how many, and what that means. */
export function formatSummary(report: ConformReport, options: ReportOptions = {}): string {
  const counts = `${report.passed} passed, ${report.failed} failed, ${report.skipped} not checked`;
  const verdict = report.failed === 0 ? `It conforms to level "${report.level}".` : `It does not conform to level "${report.level}".`;
  const where = report.failed === 0 ? "" : " The numbers are the sections of protocol/README.md.";
  return `${paint(counts, report.failed === 0 ? "passed" : "failed", options)}\n${wrap(`${verdict}${where}`, 0, options).join("\n")}`;
}

/** What was checked, over what. */
export function formatTitle({ address, commType, level }: ConformReport, options: ReportOptions = {}): string {
  return wrap(`${visible(address)} over ${commType}, level "${level}"`, 0, options).join("\n");
}

/** The whole report. */
export function formatReport(report: ConformReport, options: ReportOptions = {}): string {
  return [
    formatTitle(report, options),
    "",
    ...report.results.map((result) => formatResult(result, options)),
    "",
    formatSummary(report, options),
  ].join("\n");
}

function evidence(finding: Extract<CheckResult, { kind: "failed" }>["finding"], options: ReportOptions): readonly string[] {
  const indent = MARK_WIDTH + 3 + LABEL_WIDTH;
  const lines = [["sent", finding.sent], ["expected", finding.expected], ["came", finding.came], ["to do", finding.advice]] as const;
  return lines.map(([label, text]) => {
    const name = paint(label.padEnd(LABEL_WIDTH), "dim", options);
    return `${" ".repeat(MARK_WIDTH + 3)}${name}${wrap(text, indent, options).join(`\n${" ".repeat(indent)}`)}`;
  });
}

/** Breaks between words, and within a word that is longer than a line. */
function wrap(text: string, indent: number, { columns = 80 }: ReportOptions): readonly string[] {
  const width = Math.max(20, columns - indent);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const joined = line === "" ? word : `${line} ${word}`;
    if (Array.from(joined).length <= width) {
      line = joined;
      continue;
    }
    if (line !== "") lines.push(line);
    const pieces = chunks(word, width);
    lines.push(...pieces.slice(0, -1));
    line = pieces.at(-1) ?? "";
  }
  return [...lines, line];
}

function chunks(word: string, width: number): readonly string[] {
  const characters = Array.from(word);
  const count = Math.max(1, Math.ceil(characters.length / width));
  return Array.from({ length: count }, (_, index) => characters.slice(index * width, (index + 1) * width).join(""));
}

function paint(text: string, color: keyof typeof COLORS, { color: colored = false }: ReportOptions): string {
  return colored ? `\x1b[${COLORS[color]}m${text}\x1b[0m` : text;
}
