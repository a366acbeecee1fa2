/**
 * What a plugin is initialised with: takes `config` of its `PluginSpec`, gives the bytes, read anew at each start.
 * @module
 */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";
import type { Bytes } from "../../protocol/caller.ts";
import { messageOf, PluginError } from "../../protocol/errors.ts";
import type { PluginSpec } from "../discover.ts";

const FILE = "file://";
const VARIABLE = "env://";
const AS_FILE = "?type=file";

/**
 * Reads the source: a table becomes JSON, a text its UTF-8; `file://PATH` (relative to the configuration), `env://NAME` and
 * `env://NAME?type=file` (the variable holds a path) are followed. Without `config` there are no bytes. The signal gives it up.
 *
 * @throws {PluginError} "config.invalid" when the variable is not set, the file cannot be read, or there are more bytes than a call may have.
 */
export async function readPluginConfig(spec: PluginSpec, signal?: AbortSignal): Promise<Bytes> {
  const bytes = await readConfig(spec, signal);
  if (bytes.length <= spec.maxPayloadBytes) return bytes;
  throw invalid(spec, `has ${bytes.length} bytes, and max_payload is ${spec.maxPayloadBytes}`, {
    hint: "Raise max_payload, or give the plugin the path of a file that it reads itself",
  });
}

async function readConfig(spec: PluginSpec, signal: AbortSignal | undefined): Promise<Bytes> {
  const { config } = spec;
  if (config === undefined) return new Uint8Array(0);
  if (typeof config !== "string") return encode(toJson(spec, config));
  if (config.startsWith(FILE)) return await readSource(spec, config.slice(FILE.length), signal);
  if (!config.startsWith(VARIABLE)) return encode(config);
  const source = config.slice(VARIABLE.length);
  const isFile = source.endsWith(AS_FILE);
  const value = readVariable(spec, isFile ? source.slice(0, -AS_FILE.length) : source);
  return isFile ? await readSource(spec, value, signal) : encode(value);
}

/** An application's own object may hold what JSON has no form for. */
function toJson(spec: PluginSpec, config: object): string {
  try {
    return JSON.stringify(config);
  } catch (error) {
    throw invalid(spec, `cannot be written as JSON: ${messageOf(error)}`, { hint: "Use what a TOML file could hold", cause: error });
  }
}

function encode(text: string): Bytes {
  return new TextEncoder().encode(text);
}

function readVariable(spec: PluginSpec, name: string): string {
  const value: unknown = process.env[name]; // "constructor" gives on Node what every object has.
  if (typeof value === "string") return value;
  throw invalid(spec, `refers to the environment variable "${name}", which is not set`, {
    hint: `Set ${name} before the host starts, or write the value itself`,
  });
}

async function readSource(spec: PluginSpec, file: string, signal: AbortSignal | undefined): Promise<Bytes> {
  const path = resolve(spec.folder, file);
  try {
    return new Uint8Array(await readFile(path, { signal }));
  } catch (error) {
    throw invalid(spec, `refers to the file "${path}": ${messageOf(error)}`, {
      hint: "Correct the path; relative ones start at the configuration's folder",
      cause: error,
    });
  }
}

function invalid({ name }: PluginSpec, what: string, options: { readonly hint: string; readonly cause?: unknown }): PluginError {
  return new PluginError("config.invalid", `plugins.${name}.config ${what}`, { plugin: name, ...options });
}
