/**
 * `polyplug types`: takes a plugin or an address, gives the TypeScript contract of its commands. What it starts it stops.
 * @module
 */
import { readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { messageOf, PluginError } from "../../protocol/errors.ts";
import { INFO } from "../../protocol/reserved.ts";
import { type ContractFile, contractFile, MADE_BY } from "../contract/contract_file.ts";
import { visible } from "../visible.ts";
import { type AtOptions, forbidWithoutAt, identify, withCaller } from "./at.ts";
import { answer, type CliContext, EXIT, say, usageError } from "./context.ts";
import { withHost } from "./session.ts";

/** The options of `types`. */
export interface TypesOptions extends AtOptions {
  /** The file to write; default: stdout. */
  readonly out?: string;
}

/** Writes the contract, and says which commands are not in it. */
export async function types(context: CliContext, name: string | undefined, options: TypesOptions): Promise<number> {
  const { at, out } = options;
  if ((name === undefined) === (at === undefined)) {
    throw usageError(at === undefined ? "types needs NAME, or --at ADDRESS" : "types takes a plugin or --at, not both");
  }
  forbidWithoutAt(options);
  if (out !== undefined) await requireOurs(out);
  const info = name === undefined ? await infoAt(context, options) : await withHost(context, (host) => host.get(name).info());
  const file = contractFile(info, [name ?? `--at ${at}`, ...(out === undefined ? [] : ["--out", basename(out)])]);
  if (out !== undefined) await write(out, file.text);
  tell(context, file, out);
  return EXIT.done;
}

async function infoAt(context: CliContext, options: TypesOptions): Promise<unknown> {
  return await withCaller(context, options, async (reached) => {
    const { features } = await identify(reached);
    if (!features.includes("info")) {
      throw new PluginError("caller.unsupported", 'The program does not say what it can do: it lacks the feature "info"');
    }
    const bytes = await reached.driver.exec(INFO, new Uint8Array(0), reached.options);
    try {
      return JSON.parse(new TextDecoder().decode(bytes));
    } catch (error) {
      throw new PluginError("caller.bad_response", "The program answered polyplug.info with something that is not JSON", { cause: error });
    }
  });
}

/** A mistyped name must not cost anybody a file. */
async function requireOurs(path: string): Promise<void> {
  const text = await readFile(path, "utf8").catch(() => MADE_BY); // It is not there, or writing will say why not.
  if (text.startsWith(MADE_BY) || text === "") return;
  throw new PluginError("cli.not_writable", `"${path}" is there and was not made by polyplug types`, {
    hint: "Remove it, or name another file with --out",
  });
}

async function write(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    throw new PluginError("cli.not_writable", `Cannot write --out "${path}": ${messageOf(error)}`, { cause: error });
  }
}

function tell(context: CliContext, { text, commands, leftOut }: ContractFile, out: string | undefined): void {
  if (context.options.json === true) {
    return answer(context, { commands, leftOut, ...(out === undefined ? { text } : { file: out }) }, () => []);
  }
  if (out === undefined) context.io.stdout.write(text);
  else say(context, `Wrote ${visible(out)}: ${commands.length} command${commands.length === 1 ? "" : "s"}`);
  for (const { command, reason } of leftOut) say(context, `Left out ${visible(command)}: ${visible(reason)}`);
}
