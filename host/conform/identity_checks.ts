/**
 * The checks of level `full` about section 2, on every wire: what a plugin says of itself, its proof, and what it does with its token.
 * @module
 */
import { createNonce, createToken, proofFromToken } from "../../protocol/proof.ts";
import { HEADERS } from "../../protocol/headers.ts";
import type { Check } from "./check.ts";
import { eachRefused, hasHeader, isRefused } from "./expect.ts";
import type { HeaderChanges } from "./peer.ts";

const FULL = { level: "full", section: 2 } as const;
const TOKEN = { ...FULL, needsToken: true, needs: ["identity", "exec"] } as const;
const UNAUTHENTICATED = "exec.unauthenticated";
const OK: Uint8Array = new TextEncoder().encode("OK");
/** The features that the contract knows, those of later parts included. */
export const KNOWN_FEATURES: readonly string[] = ["cancel", "event", "health", "info", "init", "raw", "shutdown", "socket", "stream"];

const IDENTITY = /^1\s*;\s*features=[^;]*$/;

/** What it says of itself, and how it proves it. */
export const IDENTITY_CHECKS: readonly Check[] = [
  {
    ...FULL,
    id: "identity",
    title: "ping says which contract the plugin knows",
    needs: ["ping"],
    advice:
      "Answer ping with the header `x-polyplug: 1; features=…`, its features joined by commas, or with `features=` when there are none",
    run: async ({ peer }) =>
      hasHeader(await peer.ping(), HEADERS.polyplug, { text: "1; features=…", holds: (value) => IDENTITY.test(value) }),
  },
  {
    ...FULL,
    id: "identity.features",
    title: "the features that it lists are known",
    needs: ["identity"],
    advice: `Write features as the contract does, in small letters; it knows ${KNOWN_FEATURES.join(", ")}`,
    run: async ({ peer }) => {
      const holds = (value: string) => listed(value).every((feature) => KNOWN_FEATURES.includes(feature));
      return hasHeader(await peer.ping(), HEADERS.polyplug, { text: `1; features=… of ${KNOWN_FEATURES.join(", ")}`, holds });
    },
  },
  {
    ...TOKEN,
    needs: ["identity"],
    id: "proof",
    title: "ping proves that it holds the token",
    advice:
      "Answer a ping that has x-polyplug-nonce with x-polyplug-proof: HMAC-SHA256 in lower-case hex, its key the 64 characters of POLYPLUG_TOKEN as text (not decoded from hex), its message the characters of the nonce",
    run: async ({ peer, token = "" }) => {
      for (const nonce of [createNonce(), createNonce()]) {
        const proof = await proofFromToken(token, nonce);
        const finding = hasHeader(await peer.ping({ [HEADERS.nonce]: nonce }), HEADERS.proof, {
          text: proof,
          holds: (value) => value === proof,
        });
        if (finding !== undefined) return finding;
      }
      return undefined;
    },
  },
];

/** What it does with calls while a token is in force. */
export const TOKEN_CHECKS: readonly Check[] = [
  {
    ...TOKEN,
    id: "token.missing",
    title: "a call without the token is refused",
    advice: "While POLYPLUG_TOKEN is set, answer each call without `authorization: Bearer <token>` with the status 401 and do not run it",
    run: async ({ peer, echo }) => isRefused(peer, await peer.exec(echo, OK, { headers: authorized(undefined) }), UNAUTHENTICATED),
  },
  {
    ...TOKEN,
    id: "token.wrong",
    title: "a call with another token is refused",
    needs: ["token.missing"],
    advice: "Compare the whole header with `Bearer <token>`, in constant time: one that is only present, or begins alike, is not enough",
    run: (context) => {
      const { peer, echo, token = "" } = context;
      const wrong = [createToken(), token.slice(0, -1), `${token}0`, ""];
      const calls = wrong.map((each) => () => peer.exec(echo, OK, { headers: authorized(`Bearer ${each}`) }));
      return eachRefused(context, calls, UNAUTHENTICATED);
    },
  },
];

/** The same where a call can be raw. */
export const RAW_TOKEN_CHECKS: readonly Check[] = [
  {
    ...TOKEN,
    id: "token.raw",
    title: "a raw call without the token is refused",
    feature: "raw",
    needs: ["token.missing"],
    advice: "Ask for the token before you look at the content type: a raw call without it is a 401 as well",
    run: async ({ peer, echo }) =>
      isRefused(peer, await peer.exec(echo, OK, { raw: true, headers: authorized(undefined) }), UNAUTHENTICATED),
  },
];

function authorized(value: string | undefined): HeaderChanges {
  return { [HEADERS.authorization]: value };
}

function listed(value: string): readonly string[] {
  return value.slice(value.indexOf("features=") + "features=".length).split(",").map((each) => each.trim()).filter((each) => each !== "");
}
