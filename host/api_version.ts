/**
 * The version of an application's own API: takes what `openHost` was given and a plugin's range, tells whether they fit.
 * @module
 */
// Each by itself: all of semver takes a tenth of a second to load with what it needs, these a fraction of it.
import satisfies from "semver/functions/satisfies.js";
import valid from "semver/functions/valid.js";
import validRange from "semver/ranges/valid.js";
import { PluginError } from "../protocol/errors.ts";
import type { PluginSpec } from "./discover.ts";

/** Whether a text is a semver range as npm has it, for example `^2.1.0` or `>=2 <4`. */
export function isApiRange(text: string): boolean {
  return validRange(text) !== null;
}

/**
 * Refuses what the application passed as its version when it is none.
 * @throws {TypeError} when it is no semver version.
 */
export function requireApiVersion(version: string | undefined): void {
  if (version === undefined || (typeof version === "string" && valid(version) !== null)) return;
  throw new TypeError(`api must be a semver version such as "2.3.0", not ${JSON.stringify(version)}`);
}

/**
 * Lets a plugin through whose range has the application's version in it; without a range, or without a version, every plugin.
 * As with npm, a range has a pre-release in it only when it names one of the same version.
 *
 * @throws {PluginError} "discover.incompatible_api" naming both.
 */
export function requireCompatibleApi(spec: PluginSpec, version: string | undefined): void {
  if (version === undefined || spec.api === undefined || satisfies(version, spec.api)) return;
  const message = `Plugin "${spec.name}" works with version ${spec.api} of the application's API, host "${spec.host}" has ${version}`;
  throw new PluginError("discover.incompatible_api", message, {
    plugin: spec.name,
    hint: `Install a version of the plugin that works with ${version}, or correct api in its configuration`,
  });
}
