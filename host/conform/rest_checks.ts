/**
 * Every check of REST, in the order in which they are made: first what others need, last what may do harm.
 * @module
 */
import { EXEC_CHECKS, FIRST_CHECKS, LAST_CHECKS, PAYLOAD_CHECKS } from "./call_checks.ts";
import type { Check } from "./check.ts";
import { CONNECTION_CHECKS } from "./connection_checks.ts";
import { CANCEL_CHECKS, INFO_CHECKS, RAW_CHECKS, SHUTDOWN_CHECKS } from "./feature_checks.ts";
import { IDENTITY_CHECKS, RAW_TOKEN_CHECKS, TOKEN_CHECKS } from "./identity_checks.ts";
import { LIMIT_CHECKS, WEB_PAGE_CHECKS } from "./refusal_checks.ts";
import { BAD_REQUEST_CHECKS } from "./rest_bad.ts";
import { EXEC_FORM_CHECKS, PING_CHECKS, REQUEST_CHECKS } from "./rest_core.ts";
import { ERROR_CHECKS } from "./rest_errors.ts";
import { RAW_ERROR_CHECKS } from "./rest_raw.ts";
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
  ...RAW_TOKEN_CHECKS,
  ...ERROR_CHECKS,
  ...WEB_PAGE_CHECKS,
  ...LIMIT_CHECKS,
  ...RAW_CHECKS,
  ...RAW_ERROR_CHECKS,
  ...CONNECTION_CHECKS,
  ...CANCEL_CHECKS,
  ...INFO_CHECKS,
  ...LAST_CHECKS,
  ...SHUTDOWN_CHECKS,
];
