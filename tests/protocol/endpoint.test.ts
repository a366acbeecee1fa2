/**
 * Addresses as the config and ready lines write them, which of them stay on this machine, and the proof of a token.
 * @module
 */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { addressFromEndpoint, endpointFromAddress, isLocal, isLoopbackName } from "../../protocol/endpoint.ts";
import { createNonce, createToken, equalsSecret, proofFromToken } from "../../protocol/proof.ts";

test("A15: isLoopbackName() takes localhost, 127.0.0.0/8 and ::1 alone", () => {
  for (const name of ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1", "[::1]"]) assert.ok(isLoopbackName(name), name);
  const others = [
    "",
    "0.0.0.0",
    "::",
    "10.0.0.1",
    "128.0.0.1",
    "localhost.evil.com",
    "127.0.0.1.evil.com",
    "evil-127.0.0.1",
    "127.0.0",
    "127.1",
  ];
  for (const name of [...others, "[::2]", "xlocalhost", "localhost\n.evil.com"]) assert.ok(!isLoopbackName(name), JSON.stringify(name));
});

test("A15: endpointFromAddress() reads http URLs and unix:/path, and nothing else", () => {
  for (const address of ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:1", "unix:/tmp/a.sock"]) {
    const endpoint = endpointFromAddress(address);
    assert.ok(endpoint !== undefined && isLocal(endpoint), address);
    assert.equal(addressFromEndpoint(endpoint), address);
  }
  const remote = endpointFromAddress("http://10.0.0.1:8080");
  assert.ok(remote !== undefined && !isLocal(remote));
  const wrong = [
    "",
    "127.0.0.1:80",
    "https://127.0.0.1",
    "ftp://127.0.0.1",
    "unix:",
    "unix:relative",
    "http://a@127.0.0.1",
    "http://127.0.0.1:0",
    "http://",
  ];
  for (const address of wrong) assert.equal(endpointFromAddress(address), undefined, address);
});

test("A15: proofFromToken() is the hex HMAC-SHA256 of the nonce's characters under the token's characters", async () => {
  const [token, nonce] = [createToken(), createNonce()];
  assert.match(token, /^[0-9a-f]{64}$/);
  assert.match(nonce, /^[0-9a-f]{32}$/);
  assert.notEqual(token, createToken());
  assert.equal(await proofFromToken(token, nonce), createHmac("sha256", token).update(nonce).digest("hex"));
});

test("A15: equalsSecret() takes the same text alone", () => {
  assert.ok(equalsSecret("abc", "abc"));
  assert.ok(equalsSecret("", ""));
  for (const given of ["", "ab", "abcd", "abd", "Abc", "abc\u0000", "\u0161bc"]) assert.ok(!equalsSecret(given, "abc"), given);
  assert.ok(!equalsSecret("abc", ""));
});
