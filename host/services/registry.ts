/**
 * Capabilities: which plugin provides what, by name and version, and the service `registry` that plugins ask.
 * @module
 */
import * as semver from "semver";
import * as v from "valibot";
import { command } from "../../protocol/command.ts";
import { PluginError, refusal } from "../../protocol/errors.ts";
import type { Commands } from "../../protocol/plugin.ts";
import { isBuiltin } from "../builtins/builtin.ts";
import type { PluginSpec } from "../discover.ts";
import type { PluginState } from "../states.ts";

/** A plugin as the registry sees it. */
export interface Provider {
  readonly name: string;
  /** "name@1.2.3" each. */
  readonly provides: readonly string[];
  /** What no other plugin may have at the same time, in words: what it provides, and the role that it plays. */
  readonly claims: readonly string[];
  /** Whether it was stopped, has crashed for good, or is inactive. */
  readonly isGone: boolean;
}

/** A plugin as the registry sees it; a role may have one built-in and one other. */
export function providerFrom(spec: PluginSpec, state?: PluginState): Provider {
  const { name, provides, role } = spec;
  const isGone = state !== undefined && ["stopping", "stopped", "crashed", "inactive"].includes(state.kind);
  const played = role === undefined ? [] : [isBuiltin(spec) ? `default of role ${role}` : `role ${role}`];
  return { name, provides, claims: [...provides, ...played], isGone };
}

interface Capability {
  readonly name: string;
  readonly version: string;
}

/**
 * Makes sure that no capability is provided, and no role played, twice.
 * @throws {PluginError} "config.invalid" naming both plugins.
 */
export function requireUnique(providers: readonly Provider[]): void {
  const owners = new Map<string, string>();
  for (const { name, claims, isGone } of providers) {
    if (isGone) continue;
    for (const claim of claims) {
      const owner = owners.get(claim);
      if (owner !== undefined) {
        const hint = "Take it out of the configuration of one of them, or stop that plugin";
        throw new PluginError("config.invalid", `Plugins "${owner}" and "${name}" both provide "${claim}"`, { plugin: name, hint });
      }
      owners.set(claim, name);
    }
  }
}

/** Makes the service. */
export function registryCommands(providers: () => readonly Provider[]): Commands {
  const FOUND = v.object({ plugin: v.string(), version: v.string() });
  return {
    find: command(
      { input: v.object({ capability: v.pipe(v.string(), v.nonEmpty()), range: v.optional(v.string()) }), output: FOUND },
      ({ capability, range }) => {
        const wanted = parse(capability);
        if (range !== undefined && semver.validRange(range) === null) {
          throw refusal("exec.invalid_input", `range: "${range}" is no semver range`);
        }
        const found = find(providers(), wanted, range);
        if (found !== undefined) return found;
        throw refusal("exec.not_found", `No plugin provides "${capability}"${range === undefined ? "" : ` in the range ${range}`}`);
      },
    ),
    list: command(
      {
        input: v.optional(v.object({})),
        output: v.object({ capabilities: v.array(v.object({ capability: v.string(), plugin: v.string() })) }),
      },
      () => ({
        capabilities: present(providers()).flatMap(({ name, provides }) => provides.map((capability) => ({ capability, plugin: name }))),
      }),
    ),
  };
}

function present(providers: readonly Provider[]): readonly Provider[] {
  return providers.filter(({ isGone }) => !isGone);
}

function find(
  providers: readonly Provider[],
  wanted: Partial<Capability>,
  range: string | undefined,
): { plugin: string; version: string } | undefined {
  const offers = present(providers).flatMap(({ name: plugin, provides }) =>
    provides.map(parse).flatMap(({ name, version }) => name === wanted.name && version !== undefined ? [{ plugin, version }] : [])
  );
  const fits = ({ version }: Capability | { version: string }) => {
    if (range !== undefined && !semver.satisfies(version, range)) return false;
    return wanted.version === undefined ? range !== undefined || semver.prerelease(version) === null : isFrom(version, wanted.version);
  };
  return offers.filter(fits).sort((a, b) => semver.compare(a.version, b.version))[0];
}

/** The same version, or a higher one of the same major; a pre-release only where one is asked for. */
function isFrom(version: string, wanted: string): boolean {
  if (version === wanted) return true;
  if (semver.prerelease(version) !== null && semver.prerelease(wanted) === null) return false;
  return semver.major(version) === semver.major(wanted) && semver.gte(version, wanted);
}

function parse(capability: string): Partial<Capability> & { readonly name: string } {
  const at = capability.indexOf("@");
  if (at < 0) return { name: capability };
  const version = semver.valid(capability.slice(at + 1));
  if (version === null) throw refusal("exec.invalid_input", `capability: "${capability}" has no semver version behind its @`);
  return { name: capability.slice(0, at), version };
}
