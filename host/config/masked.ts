/**
 * What may be shown of a plugin's `config`: takes the value as the configuration has it, gives a copy without secrets.
 * @module
 */

/** What stands in the place of a secret. */
const MASK = "***";

/** Words that name a secret wherever they stand in a key. */
const SECRET = /passw|passphrase|secret|token|credential|apikey/;
/** Words that name one only as a part of their own: `api_key`, `privateKey`, but not `keyboard`. */
const SECRET_PART = /^(?:key|pass|pwd|auth|authorization|cookie|dsn|signature)s?$/;
/** A value that stands elsewhere, or an address with a password in it. */
const SECRET_VALUE = /^(?:env|file):\/\/|:\/\/[^/\s@]*:[^/\s@]+@/;

/** A table with its values, but for the secret ones, which are `***`; so is a text, since nobody can say what is in it. */
export function maskedConfig(config: Readonly<Record<string, unknown>> | string): Readonly<Record<string, unknown>> | string {
  return typeof config === "string" ? MASK : maskedTable(config);
}

function maskedTable(table: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(table).map(([key, value]) => [key, namesSecret(key) ? MASK : masked(value)]));
}

function masked(value: unknown): unknown {
  if (typeof value === "string") return SECRET_VALUE.test(value) ? MASK : value;
  if (Array.isArray(value)) return value.map(masked);
  if (value instanceof Date) return value.toISOString(); // As the plugin gets it.
  return typeof value === "object" && value !== null ? maskedTable(value) : value;
}

function namesSecret(key: string): boolean {
  const parts = key.replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/([A-Z])([A-Z][a-z])/g, "$1 $2").toLowerCase().split(/[^a-z0-9]+/);
  return SECRET.test(parts.join("")) || parts.some((part) => SECRET_PART.test(part));
}
