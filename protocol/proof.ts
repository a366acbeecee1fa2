/**
 * Proof that both sides hold the launch's token without sending it: HMAC-SHA256 over a nonce.
 * @module
 */
import { encodeHex } from "./hex.ts";

const encoder = new TextEncoder();

/** A new secret for one launch: 32 random bytes as 64 hex digits. */
export function createToken(): string {
  return encodeHex(crypto.getRandomValues(new Uint8Array(32)));
}

/** A new nonce for one ping: 16 random bytes as 32 hex digits. */
export function createNonce(): string {
  return encodeHex(crypto.getRandomValues(new Uint8Array(16)));
}

/** The proof for a nonce; key and message are the ASCII characters as sent, the proof is lower-case hex. */
export async function proofFromToken(token: string, nonce: string): Promise<string> {
  const key = await crypto.subtle.importKey("raw", encoder.encode(token), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return encodeHex(new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(nonce))));
}

/** Compares two secrets in a time that does not depend on where they differ. */
export function equalsSecret(given: string, expected: string): boolean {
  let difference = given.length ^ expected.length;
  for (let i = 0; i < expected.length; i++) difference |= given.charCodeAt(i) ^ expected.charCodeAt(i);
  return difference === 0;
}
