/**
 * The checks of level `full` about section 2: what a plugin says of itself, its proof, and what it does with its token.
 * @module
 */
import { createNonce, createToken, proofFromToken } from "../../protocol/proof.ts";
import { HEADERS } from "../../protocol/headers.ts";
import type { Check } from "./check.ts";
import { echoCall, expecting, expectingEach, expectingHeader, refusedWith } from "./rest_expect.ts";
import type { RestPeer } from "./rest_peer.ts";

const FULL = { level: "full", section: 2 } as const;
const TOKEN = { ...FULL, needsToken: true, needs: ["identity", "exec"] } as const;
const UNAUTHENTICATED = refusedWith(401, "exec.unauthenticated");
/** The features that the contract knows, those of later parts included. */
const KNOWN_FEATURES: readonly string[] = ["cancel", "event", "health", "info", "init", "raw", "shutdown", "stream"];

const IDENTITY = /^1\s*;\s*features=[^;]*$/;

/** What it says of itself, and how it proves it. */
export const IDENTITY_CHECKS: readonly Check<RestPeer>[] = [
  {
    ...FULL,
    id: "identity",
    title: "ping says which contract the plugin knows",
    needs: ["ping"],
    advice:
      "Answer ping with the header `x-polyplug: 1; features=…`, its features joined by commas, or with `features=` when there are none",
    run: ({ peer }) =>
      expectingHeader(peer, peer.pingRequest(), HEADERS.polyplug, { text: "1; features=…", holds: (value) => IDENTITY.test(value) }),
  },
  {
    ...FULL,
    id: "identity.features",
    title: "the features that it lists are known",
    needs: ["identity"],
    advice: `Write features as the contract does, in small letters; it knows ${KNOWN_FEATURES.join(", ")}`,
    run: ({ peer }) => {
      const holds = (value: string) => listed(value).every((feature) => KNOWN_FEATURES.includes(feature));
      return expectingHeader(peer, peer.pingRequest(), HEADERS.polyplug, { text: `1; features=… of ${KNOWN_FEATURES.join(", ")}`, holds });
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
        const request = peer.pingRequest({ [HEADERS.nonce]: nonce });
        const finding = await expectingHeader(peer, request, HEADERS.proof, { text: proof, holds: (value) => value === proof });
        if (finding !== undefined) return finding;
      }
      return undefined;
    },
  },
];

/** What it does with calls while a token is in force. */
export const TOKEN_CHECKS: readonly Check<RestPeer>[] = [
  {
    ...TOKEN,
    id: "token.missing",
    title: "a call without the token is refused",
    advice: "While POLYPLUG_TOKEN is set, answer each call without `authorization: Bearer <token>` with the status 401 and do not run it",
    run: (context) => expecting(context.peer, echoCall(context, { [HEADERS.authorization]: undefined }), UNAUTHENTICATED),
  },
  {
    ...TOKEN,
    id: "token.wrong",
    title: "a call with another token is refused",
    needs: ["token.missing"],
    advice: "Compare the whole header with `Bearer <token>`, in constant time: one that is only present, or begins alike, is not enough",
    run: (context) => {
      const { token = "" } = context;
      const wrong = [createToken(), token.slice(0, -1), `${token}0`, ""];
      const calls = wrong.map((each) => echoCall(context, { [HEADERS.authorization]: `Bearer ${each}` }));
      return expectingEach(context.peer, calls, UNAUTHENTICATED);
    },
  },
  {
    ...TOKEN,
    id: "token.raw",
    title: "a raw call without the token is refused",
    feature: "raw",
    needs: ["token.missing"],
    advice: "Ask for the token before you look at the content type: a raw call without it is a 401 as well",
    run: ({ peer, echo }) =>
      expecting(peer, peer.rawRequest(echo, new TextEncoder().encode("OK"), { [HEADERS.authorization]: undefined }), UNAUTHENTICATED),
  },
];

function listed(value: string): readonly string[] {
  return value.slice(value.indexOf("features=") + "features=".length).split(",").map((each) => each.trim()).filter((each) => each !== "");
}
