/**
 * The service `events`: plugins publish, and ask for more events than their info names.
 * @module
 */
import * as v from "valibot";
import { command } from "../../protocol/command.ts";
import { refusal } from "../../protocol/errors.ts";
import type { Commands } from "../../protocol/plugin.ts";
import { isOwnTopic } from "../../protocol/topics.ts";
import type { Grants } from "../discover.ts";
import type { Bus } from "../events/bus.ts";
import { type Settings, SETTINGS_TOPIC } from "../settings.ts";
import { allowsPublish, notGranted } from "./grants.ts";
import { HEX, NOTHING, PATTERN, TOPIC } from "./schemas.ts";

/** What the service needs. */
export interface EventsServiceOptions {
  readonly bus: Bus;
  readonly grantsOf: (plugin: string) => Grants;
  readonly settings: Settings & { tell(plugin: string): void };
}

/** Makes the service. */
export function eventsCommands({ bus, grantsOf, settings }: EventsServiceOptions): Commands {
  const subscriberOf = (plugin: string) => {
    const subscriber = bus.plugin(plugin);
    if (subscriber === undefined) throw refusal("exec.failed", `"${plugin}" is no plugin of this host`);
    return subscriber;
  };
  return {
    publish: command(
      { input: v.object({ topic: TOPIC, data: v.optional(HEX, "") }), output: v.object({ id: v.string() }) },
      async ({ topic, data }, { from }) => {
        if (isOwnTopic(topic) || !allowsPublish(grantsOf(from), topic)) throw notGranted(from, `to publish on "${topic}"`, "publish");
        return { id: await bus.publishFrom(from, { topic, data }) };
      },
    ),
    subscribe: command({ input: v.object({ pattern: PATTERN }), output: NOTHING }, ({ pattern }, { from }) => {
      const { interest } = subscriberOf(from);
      const heard = interest.wants(SETTINGS_TOPIC, undefined);
      interest.ask(pattern);
      if (!heard) settings.tell(from); // Who begins to listen hears the newest first.
      return {};
    }),
    unsubscribe: command({ input: v.object({ pattern: PATTERN }), output: NOTHING }, ({ pattern }, { from }) => {
      subscriberOf(from).interest.unask(pattern);
      return {};
    }),
  };
}
