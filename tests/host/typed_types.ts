/**
 * D19 by the compiler: what `typed()` infers, held by assertions that `deno task check` reads; nothing of it runs.
 * @module
 */
import { type as ark } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import { type Bytes, type Caller, type CallOptions, typed } from "../../host/mod.ts";
import { command, definePlugin } from "../../plugin/mod.ts";

/** Whether two types are the same, and not only assignable to one another. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** The function's own input, answer and options. */
type Takes<F> = F extends (input: infer I, options?: CallOptions) => unknown ? I : never;
type Gives<F> = F extends (...args: never[]) => Promise<infer R> ? R : never;

/** Compiles for `true` alone. */
function holds<_T extends true>(): void {}

const size = v.pipe(v.object({ size: v.string() }), v.transform(({ size }) => Number(size)));
const plugin = definePlugin({
  name: "types",
  version: "1.0.0",
  commands: {
    "valibot.size": command({ input: v.pipe(v.string(), v.transform(Number)), output: size }, (count) => ({ size: count.toFixed() })),
    "zod.parts.sum": command(
      { description: "Adds", input: z.object({ a: z.number(), b: z.number().default(1) }), output: z.string().transform(BigInt) },
      ({ a, b }) => `${a + b}`,
    ),
    "zod.parts.list": command({ input: z.array(z.string()), output: z.array(z.coerce.number()) }, (names) => names),
    "ark.join": command(
      { input: ark({ words: "string[]", "glue?": "string" }), output: ark("string.numeric.parse") },
      ({ words, glue }) => words.join(glue),
    ),
    "raw": (payload) => payload,
  },
});

/** By the plugin's type: what goes in as it is sent, what comes as it is sent. */
export async function byType(caller: Caller): Promise<void> {
  const api = typed<typeof plugin>(caller);
  holds<Equal<Takes<typeof api.valibot.size>, string>>();
  holds<Equal<Gives<typeof api.valibot.size>, { size: string }>>();
  holds<Equal<Takes<typeof api.zod.parts.sum>, { a: number; b?: number | undefined }>>();
  holds<Equal<Gives<typeof api.zod.parts.sum>, string>>();
  holds<Equal<Takes<typeof api.zod.parts.list>, string[]>>();
  holds<Equal<Gives<typeof api.zod.parts.list>, unknown[]>>();
  holds<Equal<Takes<typeof api.ark.join>, { words: string[]; glue?: string }>>();
  holds<Equal<Gives<typeof api.ark.join>, string>>();
  holds<Equal<Takes<typeof api.raw>, Uint8Array | undefined>>();
  holds<Equal<Gives<typeof api.raw>, Bytes>>();
  await api.raw();
  await api.valibot.size("7", { timeoutMs: 1, retry: "never" });
  // @ts-expect-error a number where the command takes a string
  await api.valibot.size(7);
  // @ts-expect-error the input is missing
  await api.valibot.size();
  // @ts-expect-error a field is missing
  await api.zod.parts.sum({ b: 1 });
  // @ts-expect-error a field too many
  await api.ark.join({ words: [], sep: "" });
  // @ts-expect-error text is no bytes
  await api.raw("text");
  // @ts-expect-error there is no such command
  await api.valibot.length("7");
  // @ts-expect-error an inner word is no command
  await api.zod.parts({ a: 1 });
  // @ts-expect-error an option that there is not
  await api.valibot.size("7", { timeout: 1 });
}

/** By a contract: what comes has been transformed. */
export async function byContract(caller: Caller): Promise<void> {
  const api = typed(caller, {
    "valibot.size": { input: v.pipe(v.string(), v.transform(Number)), output: size },
    "zod.parts.sum": {
      input: z.object({ a: z.number(), b: z.number().default(1) }),
      output: z.string().transform((text) => BigInt(text)),
    },
    "ark.join": { input: ark({ words: "string[]" }), output: ark("string.numeric.parse") },
  });
  holds<Equal<Takes<typeof api.valibot.size>, string>>();
  holds<Equal<Gives<typeof api.valibot.size>, number>>();
  holds<Equal<Takes<typeof api.zod.parts.sum>, { a: number; b?: number | undefined }>>();
  holds<Equal<Gives<typeof api.zod.parts.sum>, bigint>>();
  holds<Equal<Takes<typeof api.ark.join>, { words: string[] }>>();
  holds<Equal<Gives<typeof api.ark.join>, number>>();
  // @ts-expect-error a number where the contract takes a string
  await api.valibot.size(7);
  // @ts-expect-error there is no such command
  await api.raw();
  // @ts-expect-error a contract needs both schemas
  typed(caller, { "half.done": { input: v.string() } });
}

/** A handler gets what its input schema gives, and gives what its output schema takes. */
export const handlers = [
  command({ input: v.pipe(v.string(), v.transform(Number)), output: v.null() }, (count, ctx) => {
    holds<Equal<typeof count, number>>();
    holds<Equal<typeof ctx.signal, AbortSignal>>();
    return null;
  }),
  // @ts-expect-error the handler must give what the output schema takes
  command({ input: v.string(), output: size }, () => 7),
  // @ts-expect-error the handler's input is not what the schema gives
  command({ input: z.string(), output: z.string() }, (count: number) => `${count}`),
];
