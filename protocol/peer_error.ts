/**
 * What the other side answers in place of a result: takes a code and a message, gives a `PluginError` with a code that it may have.
 * @module
 */
import { PluginError } from "./errors.ts";

const HOST_STAGES = ["config", "discover", "verify", "spawn", "ready", "caller", "host", "package", "registry", "install"];
const OWN_CODE = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

/**
 * A plugin's own error code as it may reach the caller: `exec.failed` when it has another form or claims to be one of the host's stages.
 * Both sides apply it, since a plugin in any language may forge a code.
 */
export function codeFromPlugin(code: unknown): string {
  return typeof code !== "string" || !OWN_CODE.test(code) || isHostCode(code) ? "exec.failed" : code;
}

/** Whether a code is one of the host's own stages. */
export function isHostCode(code: string): boolean {
  return HOST_STAGES.some((stage) => code.startsWith(`${stage}.`));
}

/** Who has answered. */
export interface Peer {
  /** Its name, for messages. */
  readonly plugin: string;
  /** Whether it is a host, whose own codes are believed. */
  readonly isHost?: boolean;
}

/** The error that it answered with. */
export function errorFromPeer(code: unknown, message: string, { plugin, isHost = false }: Peer): PluginError {
  const believed = isHost && typeof code === "string" && OWN_CODE.test(code) && isHostCode(code);
  return new PluginError(believed ? code : codeFromPlugin(code), message, { origin: believed ? "host" : "plugin", plugin });
}
