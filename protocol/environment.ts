/**
 * The environment variables through which a host tells a plugin who it is.
 * @module
 */

/** Names of the variables that a host sets for a plugin; `serve()` removes them once read. */
export const VARIABLES = {
  /** Versions of the contract that the host speaks, comma-separated. */
  protocol: "POLYPLUG_PROTOCOL",
  /** The host's name. */
  host: "POLYPLUG_HOST",
  /** The plugin's name in the config. */
  plugin: "POLYPLUG_PLUGIN",
  /** The wire that the host will speak. */
  commType: "POLYPLUG_COMM_TYPE",
  /** The launch's secret, 64 hex digits. */
  token: "POLYPLUG_TOKEN",
  /** A folder of the plugin's own that stays between launches. */
  dataDir: "POLYPLUG_DATA_DIR",
  /** The host's payload limit in bytes. */
  maxPayload: "POLYPLUG_MAX_PAYLOAD",
} as const;

const INHERITED: readonly string[] = ["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "TZ", "TMPDIR"];
const INHERITED_ON_WINDOWS: readonly string[] = [
  "APPDATA",
  "HOMEDRIVE",
  "HOMEPATH",
  "LOCALAPPDATA",
  "PATH",
  "PATHEXT",
  "PROCESSOR_ARCHITECTURE",
  "PROGRAMFILES",
  "SYSTEMDRIVE",
  "SYSTEMROOT",
  "TEMP",
  "TMP",
  "USERNAME",
  "USERPROFILE",
];

/**
 * Whether a plugin gets this variable of the host's own environment without being granted it.
 * An allow-list, since hosts carry secrets in their environment.
 */
export function isInherited(name: string, platform: string): boolean {
  if (platform === "win32") return INHERITED_ON_WINDOWS.includes(name.toUpperCase());
  return INHERITED.includes(name) || name.startsWith("LC_");
}
