/**
 * What a plugin may call, what it hears of, and who may call it, as `polyplug check` shows it: takes a `PluginSpec`, gives it as data and as a line.
 * @module
 */
import type { PluginSpec } from "../discover.ts";

/** Whether there is anything to show. */
export function hasAccess(spec: PluginSpec): boolean {
  return partsOf(spec).length > 0;
}

/** As data, by the keys of the configuration. */
export function accessOf({ grants, subscribes, role, expose }: PluginSpec): Readonly<Record<string, unknown>> {
  const { services, publish, plugins } = grants;
  return {
    services,
    publish,
    plugins: Object.fromEntries(plugins),
    subscribes,
    ...(role === undefined ? {} : { role }),
    ...(expose.length > 0 ? { expose } : {}),
  };
}

/** As one line. */
export function describeAccess(spec: PluginSpec): string {
  return `${spec.name} may ${partsOf(spec).join("; ")}`;
}

function partsOf({ grants: { services, publish, plugins }, subscribes, role, expose }: PluginSpec): readonly string[] {
  return [
    ...(services.length > 0 ? [`call the services ${services.join(", ")}`] : []),
    ...[...plugins].filter(([, commands]) => commands.length > 0).map(([name, commands]) => `call ${commands.join(", ")} of ${name}`),
    ...(publish.length > 0 ? [`publish on ${publish.join(", ")}`] : []),
    ...(role === undefined ? [] : [`play the role ${role}`]),
    ...(expose.length > 0 ? [`be called from outside with ${expose.join(", ")}`] : []),
    ...(subscribes.length > 0 ? [`get events of ${subscribes.join(", ")}`] : []),
  ];
}
