/**
 * The rules for names of plugins, hosts and commands.
 * @module
 */

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const WINDOWS_DEVICE = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])$/i;

/** Whether a plugin or host may be called so. The names become folder names, hence no Windows device names. */
export function isName(name: string): boolean {
  return NAME.test(name) && !WINDOWS_DEVICE.test(name);
}

/** Why a command cannot be sent, or `undefined` when it can: 1 to 255 bytes of UTF-8 without control characters. */
export function commandProblem(command: string): string | undefined {
  if (isDottedName(command)) return undefined; // As nearly all are, and this is asked at every call.
  if (command === "") return "is empty";
  // deno-lint-ignore no-control-regex -- finding control characters is the purpose
  if (/[\u0000-\u001f\u007f-\u009f]/.test(command)) return "has a control character in it";
  if (!command.isWellFormed()) return "is not well-formed Unicode";
  const bytes = new TextEncoder().encode(command).length;
  return bytes > 255 ? `has ${bytes} bytes, the limit is 255` : undefined;
}

/** Whether every wire can carry this text in a header as it is: 1 to 255 visible ASCII characters, spaces between them. */
export function isHeaderValue(text: string): boolean {
  return text.length <= 255 && /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text);
}

/** Whether `definePlugin` takes this as a command's name: dot-separated words, so that every wire and tool can write it. */
export function isDottedName(command: string): boolean {
  return command.length <= 255 && /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(command);
}
