/**
 * `typed()`: takes anything that can be called, gives its commands as functions, nested by the words of their names.
 * @module
 */
import type { Bytes, Caller, CallOptions } from "../protocol/caller.ts";
import {
  type Command,
  describeIssues,
  type InferInput,
  type InferOutput,
  JSON_CODEC,
  type Schema,
  type Schemas,
  type StreamSchemas,
} from "../protocol/command.ts";
import { PluginError } from "../protocol/errors.ts";
import type { Plugin } from "../protocol/plugin.ts";

/** A dotted name as objects within one another. */
export type Nest<K extends string, T> = K extends `${infer Head}.${infer Rest}` ? { readonly [P in Head]: Nest<Rest, T> }
  : { readonly [P in K]: T };
/** All members of a union in one object. */
export type Merge<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void ? I : never;
/** A command of a plugin as a function. */
export type ByType<T> = T extends Command<infer S>
  ? S extends Schemas ? (input: InferInput<S["input"]>, options?: CallOptions) => Promise<InferInput<S["output"]>> : never
  : (payload?: Uint8Array, options?: CallOptions) => Promise<Bytes>;
/** A command of a contract as a function. */
export type ByContract<S> = S extends Schemas ? (input: InferInput<S["input"]>, options?: CallOptions) => Promise<InferOutput<S["output"]>>
  : S extends StreamSchemas ? (input: InferInput<S["input"]>, options?: CallOptions) => AsyncIterable<InferOutput<S["part"]>>
  : never;

/** The commands of a plugin, by its type alone. */
export type Api<P extends Plugin> = P extends Plugin<infer C> ? Merge<{ [K in keyof C & string]: Nest<K, ByType<C[K]>> }[keyof C & string]>
  : never;

/** Schemas by command, shared by both sides. */
export type Contract = Readonly<Record<string, Schemas | StreamSchemas>>;

/** The commands of a contract. */
export type ContractApi<C extends Contract> = Merge<{ [K in keyof C & string]: Nest<K, ByContract<C[K]>> }[keyof C & string]>;

/**
 * Gives a plugin's commands as functions. By its type alone: `input` goes as JSON and nothing is checked on this side, so an answer is what
 * the plugin's output schema takes; bytes, or nothing, give bytes. Streams need a contract.
 *
 * @example
 * ```ts
 * import { openHost, typed } from "@polyplug/core/host";
 * import type { hello } from "./plugin.ts";
 *
 * await using host = await openHost("main", { config: "config.toml" });
 * const greeting = await typed<typeof hello>(host.get("hello")).hello.greet({ name: "Ann" });
 * ```
 */
export function typed<P extends Plugin>(caller: Caller): Api<P>;
/**
 * Gives the commands of a contract as functions that check what goes and what comes; one with a `part` gives a stream of them.
 * @throws {PluginError} "exec.invalid_input" before anything is sent, "caller.bad_response" for an answer that does not fit.
 */
export function typed<const C extends Contract>(caller: Caller, contract: C): ContractApi<C>;
export function typed(caller: Caller, contract?: Contract): unknown {
  return facade(caller, contract === undefined ? undefined : new Map(Object.entries(contract)), []);
}

/** A function for every name that is asked for, and further names below it. */
function facade(caller: Caller, contract: ReadonlyMap<string, Schemas | StreamSchemas> | undefined, words: readonly string[]): unknown {
  const call = (input?: unknown, options?: CallOptions) => {
    const command = words.join(".");
    if (contract === undefined) return callUnchecked(caller, command, input, options);
    const schemas = contract.get(command);
    if (schemas === undefined) return Promise.reject(new TypeError(`The contract has no command "${command}"`));
    if ("part" in schemas) return streamChecked(caller, { command, schemas }, input, options);
    return callChecked(caller, { command, schemas }, input, options);
  };
  return new Proxy(call, {
    // Whoever awaits it, or prints it, must not take it for a promise or something that can be iterated.
    get: (_target, name) => typeof name === "symbol" || name === "then" ? undefined : facade(caller, contract, [...words, name]),
  });
}

async function callUnchecked(caller: Caller, command: string, input: unknown, options: CallOptions | undefined): Promise<unknown> {
  if (input === undefined || input instanceof Uint8Array) return await caller.exec(command, input, options);
  const bad = (issues: string) => new PluginError("caller.bad_response", `The answer of "${command}" does not fit: ${issues}`);
  return decode(await caller.exec(command, JSON_CODEC.encode(input), options), JSON_CODEC.decode, bad);
}

interface Checked<S> {
  readonly command: string;
  readonly schemas: S;
}

async function checkInput({ command, schemas }: Checked<Schemas | StreamSchemas>, input: unknown): Promise<void> {
  await check(schemas.input, input, (issues) => new PluginError("exec.invalid_input", `The input of "${command}" does not fit: ${issues}`));
}

async function* streamChecked(
  caller: Caller,
  { command, schemas }: Checked<StreamSchemas>,
  input: unknown,
  options: CallOptions | undefined,
): AsyncGenerator<unknown, void, void> {
  const { codec = JSON_CODEC } = schemas;
  await checkInput({ command, schemas }, input);
  const bad = (issues: string) => new PluginError("caller.bad_response", `A part of "${command}" does not fit: ${issues}`);
  for await (const part of caller.stream(command, codec.encode(input), options)) {
    yield await check(schemas.part, decode(part, codec.decode, bad), bad);
  }
}

async function callChecked(
  caller: Caller,
  { command, schemas }: Checked<Schemas>,
  input: unknown,
  options: CallOptions | undefined,
): Promise<unknown> {
  const { codec = JSON_CODEC } = schemas;
  await checkInput({ command, schemas }, input);
  const answer = await caller.exec(command, codec.encode(input), options);
  const bad = (issues: string) => new PluginError("caller.bad_response", `The answer of "${command}" does not fit: ${issues}`);
  return await check(schemas.output, decode(answer, codec.decode, bad), bad);
}

async function check(schema: Schema, value: unknown, refuse: (issues: string) => PluginError): Promise<unknown> {
  const checked = await schema["~standard"].validate(value);
  if (checked.issues === undefined) return checked.value;
  throw refuse(describeIssues(checked.issues));
}

function decode(bytes: Bytes, read: (bytes: Uint8Array) => unknown, refuse: (issues: string) => PluginError): unknown {
  try {
    return read(bytes);
  } catch {
    throw refuse("it cannot be decoded");
  }
}
