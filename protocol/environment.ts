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
  /** Where the host's services are, as REST; only where the plugin is granted something. */
  hostUrl: "POLYPLUG_HOST_URL",
  /** The same on the framed socket, `unix:/path`. */
  hostSocket: "POLYPLUG_HOST_SOCKET",
  /** The launch's secret for them. */
  hostToken: "POLYPLUG_HOST_TOKEN",
  /** The host's payload limit in bytes. */
  maxPayload: "POLYPLUG_MAX_PAYLOAD",
} as const;

/** The categories of a locale by name: to list what begins with LC_ a host would have to be allowed to read its whole environment. */
const LOCALE: readonly string[] = [
  "LANG",
  "LC_ADDRESS",
  "LC_ALL",
  "LC_COLLATE",
  "LC_CTYPE",
  "LC_IDENTIFICATION",
  "LC_MEASUREMENT",
  "LC_MESSAGES",
  "LC_MONETARY",
  "LC_NAME",
  "LC_NUMERIC",
  "LC_PAPER",
  "LC_TELEPHONE",
  "LC_TIME",
];
const INHERITED: readonly string[] = ["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "TZ", "TMPDIR", ...LOCALE];
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
 * Names of the variables of a host's own environment that a plugin gets without being granted them.
 * An allow-list, since hosts carry secrets in their environment.
 */
export function inheritedNames(platform: string): readonly string[] {
  return platform === "win32" ? INHERITED_ON_WINDOWS : INHERITED;
}
