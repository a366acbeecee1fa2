/**
 * The code blocks and tables of the two READMEs, and folders to write the blocks into.
 * @module
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathOf } from "../support.ts";

/** One code block: its file, its language as the fence names it, its text. */
export interface Block {
  readonly file: string;
  readonly language: string;
  readonly text: string;
}

/** The documents whose every block is run. */
export const DOCUMENTS = ["README.md", "protocol/README.md"] as const;

/** Every code block of a document. */
export async function blocksOf(file: string): Promise<readonly Block[]> {
  const document = await readFile(pathOf(file), "utf8");
  return [...document.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = "", text = ""]) => ({ file, language, text }));
}

/** The one code block of a document that begins with this text. */
export async function blockOf(file: string, start: string): Promise<string> {
  const found = (await blocksOf(file)).filter(({ text }) => text.startsWith(start));
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${file} shows ${found.length} blocks that begin with "${start}"`);
  return found[0].text;
}

/** Hands a folder inside the repository to `use`, where the package finds itself by its name. */
export async function withInnerFolder(use: (folder: string) => Promise<void>): Promise<void> {
  await mkdir(pathOf("tmp"), { recursive: true });
  const folder = await mkdtemp(join(pathOf("tmp"), "readme-"));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes README's plugin.ts, with this after it, and the config.toml that registers it, with its sum. */
export async function writePluginAndConfig(folder: string, more = ""): Promise<void> {
  const plugin = await blockOf("README.md", "// plugin.ts") + more;
  const sum = createHash("sha256").update(plugin).digest("hex");
  await writeFile(join(folder, "plugin.ts"), plugin);
  await writeFile(join(folder, "config.toml"), (await blockOf("README.md", "# config.toml")).replace('"SUM"', `"${sum}"`));
}
