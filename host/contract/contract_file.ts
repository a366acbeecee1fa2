/**
 * Takes what a plugin says of its commands, gives the TypeScript file with their types and the contract that `typed()` takes.
 * @module
 */
import { PluginError } from "../../protocol/errors.ts";
import { sendingProblem } from "../../protocol/reserved.ts";
import { type CleanDocument, jsonSchemaFrom, SchemaProblem } from "./clean_document.ts";
import { cleanSchema } from "./clean_schema.ts";
import { typeDeclarations } from "./schema_types.ts";
import { commentText, docComment, indented, keyName, literal, newName, pascal } from "./source_text.ts";

/** The file, and what is in it. */
export interface ContractFile {
  readonly text: string;
  /** The commands of the contract, sorted. */
  readonly commands: readonly string[];
  /** The others, each with the reason. */
  readonly leftOut: readonly LeftOut[];
}

/** A command that the contract does not have. */
export interface LeftOut {
  readonly command: string;
  readonly reason: string;
}

/** How the file's first lines go on; who finds them may write over the file. */
export const MADE_BY = "/**\n * Made by `polyplug types";

/**
 * Writes the file; `args` are those of `polyplug types`, with which it can be made again.
 * @throws {PluginError} "caller.bad_response" when `info` has no list of commands.
 */
export function contractFile(info: unknown, args: readonly string[]): ContractFile {
  const taken = new Set<string>();
  const leftOut: LeftOut[] = [];
  const found = commandsOf(info).flatMap((command, at, all): readonly Written[] => {
    const reason = command.name === all[at - 1]?.name ? "it is listed twice" : reasonAgainst(command);
    if (reason === undefined) return tryWrite(command, { taken, leftOut });
    leftOut.push({ command: command.name, reason });
    return [];
  });
  const text = [header(args, leftOut), ...found.map(({ types }) => types), contract(found)].join("\n");
  return { text, commands: found.map(({ name }) => name), leftOut };
}

interface Listed {
  readonly name: string;
  readonly description?: unknown;
  readonly input?: unknown;
  readonly output?: unknown;
  readonly stream?: unknown;
}

function commandsOf(info: unknown): readonly Listed[] {
  const commands: unknown = typeof info === "object" && info !== null && "commands" in info ? info.commands : undefined;
  if (!Array.isArray(commands) || !commands.every(isListed)) {
    throw new PluginError(
      "caller.bad_response",
      'The plugin\'s answer to polyplug.info has no "commands" that are a list of objects with names',
      {
        hint: 'Its author should write {"commands":[{"name":"…"}]}',
      },
    );
  }
  return commands.toSorted((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

function isListed(value: unknown): value is Listed {
  return typeof value === "object" && value !== null && "name" in value && typeof value.name === "string";
}

function reasonAgainst({ name, input, output, stream }: Listed): string | undefined {
  if (sendingProblem(name) !== undefined) return "a command cannot be called so";
  if (input === undefined && output === undefined) return `it takes and gives ${stream === true ? "a stream of bytes" : "bytes"}`;
  if (input === undefined) return "the plugin has no JSON Schema of its input";
  return output === undefined ? `the plugin has no JSON Schema of its ${stream === true ? "parts" : "output"}` : undefined;
}

/** One command as it stands in the file. */
interface Written {
  readonly name: string;
  readonly types: string;
  readonly entry: string;
}

interface Among {
  readonly taken: Set<string>;
  readonly leftOut: LeftOut[];
}

function tryWrite(command: Listed, { taken, leftOut }: Among): readonly Written[] {
  try {
    return [write(command, taken)];
  } catch (error) {
    if (!(error instanceof SchemaProblem)) throw error;
    leftOut.push({ command: command.name, reason: error.message });
    return [];
  }
}

function write({ name, description, input, output, stream }: Listed, taken: Set<string>): Written {
  // What a plugin tells as the output of a stream is each part of it.
  const sides = [side("input", input), side(stream === true ? "part" : "output", output)];
  const written = sides.map(({ key, document }) => {
    const type = newName(typeName(name) + pascal(key), taken);
    taken.add(type);
    const head = `${key}: jsonSchema<${type}>(`;
    const schema = literal(jsonSchemaFrom(document), { indent: 4, column: 4 + head.length + "),".length });
    return { types: typeDeclarations(document, type, taken), entry: `\n${head}${schema}),` };
  });
  const comment = docComment(typeof description === "string" ? description : undefined);
  const entry = `${comment}${keyName(name)}: {${indented(written.map(({ entry }) => entry).join(""))}\n},`;
  return { name, types: written.map(({ types }) => types).join("\n"), entry };
}

function side(key: "input" | "output" | "part", given: unknown): { readonly key: string; readonly document: CleanDocument } {
  try {
    return { key, document: cleanSchema(given) };
  } catch (error) {
    if (error instanceof SchemaProblem) throw new SchemaProblem(`the JSON Schema of its ${key} ${error.message}`);
    throw error;
  }
}

/** Words of its own for each command, since their names may differ in nothing but dots. */
function typeName(command: string): string {
  const name = pascal(command);
  return /^[A-Z]/.test(name) ? name : `Command${name}`;
}

function header(args: readonly string[], leftOut: readonly LeftOut[]): string {
  const again = commentText(["types", ...args].join(" ")).replaceAll("`", "'");
  const others = leftOut.slice(0, MOST_TOLD).map(({ command, reason }) => ` * - ${commentText(`${command}: ${reason}`)}`);
  const more = leftOut.length > MOST_TOLD ? [` * - and ${leftOut.length - MOST_TOLD} more`] : [];
  const lines = leftOut.length === 0 ? [] : [" *", " * Not in it, to be called by `exec()`:", ...others, ...more];
  const made = ` * Made by \`polyplug ${again}\`. Do not edit it; make it again when the plugin has changed.`;
  return ["/**", made, ...lines, " * @module", " */", 'import { jsonSchema } from "@polyplug/core/host";', ""].join("\n");
}

const MOST_TOLD = 100;

function contract(found: readonly Written[]): string {
  const entries = indented(found.map(({ entry }) => `\n${entry}`).join(""));
  return `/** The commands, for \`typed(handle, contract)\`. */\nexport const contract = {${entries}${entries === "" ? "" : "\n"}};\n`;
}
