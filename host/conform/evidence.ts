/**
 * What was sent and what came, cut to a length that people read: takes text or bytes of unknown origin, gives one line that a terminal
 * shows and does not obey.
 * @module
 */
import { visible as escaped } from "../visible.ts";

/** How much of a body a report shows, in characters: enough to see what kind of answer it was. */
const MOST_CHARS = 160;

/** The text with control characters made visible; when it is cut, with its whole length. */
export function visible(text: string, most: number = MOST_CHARS): string {
  const head = Array.from(text.slice(0, 2 * most)).slice(0, most).join("");
  return head.length === text.length ? escaped(text) : `${escaped(head)}… (${text.length} characters in all)`;
}

/** The same for bytes; what is not UTF-8 is shown as replacement characters. */
export function visibleBytes(bytes: Uint8Array, most: number = MOST_CHARS): string {
  const text = new TextDecoder().decode(bytes.subarray(0, 4 * most));
  const head = Array.from(text).slice(0, most).join("");
  const whole = bytes.length <= 4 * most && head.length === text.length;
  return whole ? escaped(text) : `${escaped(head)}… (${bytes.length} bytes in all)`;
}

/** The headers of a request that are not as usual, as the end of its description. */
export function unusual(headers: Readonly<Record<string, string>>, usual: Readonly<Record<string, string | undefined>>): string {
  const others = Object.entries(headers).filter(([name, value]) => usual[name] !== value).map(([name, value]) => `${name}: ${value}`);
  return others.length === 0 ? "" : ` with ${others.join(", ")}`;
}

/** Takes the token out; a check sends a part of it, too. */
export function withoutToken(text: string, token: string | undefined): string {
  return token === undefined ? text : text.replaceAll(token, "<token>").replaceAll(token.slice(0, -1), "<token without its end>");
}
