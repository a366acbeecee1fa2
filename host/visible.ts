/**
 * Takes text or bytes that somebody else wrote, gives text that a terminal shows and does not obey: control characters are written out.
 * @module
 */

/** C0, DEL and C1 controls, line separators, marks that turn the direction of text or hide, lone surrogates. */
const UNSAFE =
  // deno-lint-ignore no-control-regex -- finding control characters is the purpose
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udfff]/g;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** The text on one line, with control characters and escapes made visible. */
export function visible(text: string): string {
  return text.replace(UNSAFE, (found) => SHORT[found] ?? written(found));
}

/** As `visible`, but the line breaks stay; each further line is indented, so that it cannot pass for a line of ours. */
export function visibleLines(text: string, indent = "  "): string {
  return text.split("\n").map((line, index) => index === 0 || line.startsWith(indent) ? visible(line) : indent + visible(line)).join("\n");
}

/** Bytes as a terminal may have them: line breaks and tabs stay, what is not UTF-8 is written as `\xNN`. */
export function visibleBytes(bytes: Uint8Array): string {
  return textFrom(bytes).split("\n").map((line) => line.split("\t").map(visible).join("\t")).join("\n");
}

/** JSON text with the same meaning in which no control character is left; those that JSON allows raw stand in strings alone. */
export function visibleJson(json: string): string {
  return json.replace(UNSAFE, (found) => {
    // Between the tokens a line break or tab is layout.
    if (found === "\n" || found === "\t" || found === "\r") return found === "\r" ? "" : found;
    return Array.from({ length: found.length }, (_, at) => `\\u${found.charCodeAt(at).toString(16).padStart(4, "0")}`).join("");
  });
}

function written(found: string): string {
  const code = found.codePointAt(0) ?? 0;
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}

/** UTF-8, with each byte that is none as `\xNN`. */
function textFrom(bytes: Uint8Array): string {
  const whole = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  if (!whole.includes("\ufffd")) return whole;
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = characterAt(bytes, at, strict);
    text += length === 0 ? `\\x${bytes[at]?.toString(16).padStart(2, "0")}` : strict.decode(bytes.subarray(at, at + length));
    at += Math.max(1, length);
  }
  return text;
}

/** The length of the character that begins here; 0 when none does. */
function characterAt(bytes: Uint8Array, at: number, strict: TextDecoder): number {
  const first = bytes[at] ?? 0;
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  try {
    strict.decode(bytes.subarray(at, at + length));
    return at + length <= bytes.length ? length : 0;
  } catch {
    return 0;
  }
}
