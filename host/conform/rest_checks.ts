/**
 * Every check of REST, in the order in which they are made: first what others need, last what may do harm.
 * @module
 */
import { EXEC_CHECKS, FIRST_CHECKS, LAST_CHECKS, PAYLOAD_CHECKS } from "./call_checks.ts";
import type { Check } from "./check.ts";
import { CONNECTION_CHECKS } from "./rest_connections.ts";
import { BAD_REQUEST_CHECKS } from "./rest_bad.ts";
import { EXEC_FORM_CHECKS, PING_CHECKS, REQUEST_CHECKS } from "./rest_core.ts";
import { FEATURE_CHECKS, SHUTDOWN_CHECKS } from "./rest_features.ts";
import { ERROR_CHECKS } from "./rest_errors.ts";
import { IDENTITY_CHECKS, TOKEN_CHECKS } from "./rest_identity.ts";
import { RAW_CHECKS } from "./rest_raw.ts";
import type { RestPeer } from "./rest_peer.ts";

/** All of them; the runner leaves out what is not asked for. */
export const REST_CHECKS: readonly Check<RestPeer>[] = [
  ...FIRST_CHECKS,
  ...PING_CHECKS,
  ...IDENTITY_CHECKS,
  ...EXEC_CHECKS,
  ...EXEC_FORM_CHECKS,
  ...PAYLOAD_CHECKS,
  ...REQUEST_CHECKS,
  ...BAD_REQUEST_CHECKS,
  ...TOKEN_CHECKS,
  ...ERROR_CHECKS,
  ...RAW_CHECKS,
  ...CONNECTION_CHECKS,
  ...FEATURE_CHECKS,
  ...LAST_CHECKS,
  ...SHUTDOWN_CHECKS,
];
