/**
 * A plugin as somebody writes it who has installed the package.
 * @module
 */
import {
  command,
  definePlugin,
  isPluginError,
  type Plugin,
  type PluginContext,
  PluginError,
  serve,
  type Served,
} from "@polyplug/core/plugin";
import * as v from "valibot";

export const reverse: Plugin = definePlugin({
  name: "reverse",
  version: "1.0.0",
  commands: {
    "bytes.length": command({ description: "How many there are", input: v.string(), output: v.number() }, ({ length }) => length),
    "bytes.reverse": (payload) => payload.toReversed(),
    "bytes.refuse": (_payload, ctx: PluginContext) => {
      throw new PluginError("Refused", `Not for ${ctx.from}`);
    },
  },
});

if (import.meta.main) {
  const served: Served = await serve(reverse).catch((error) => {
    throw isPluginError(error) ? error : new Error("It does not listen", { cause: error });
  });
  await served.finished;
}
