/**
 * Ping and Exec as messages, for the wires that carry the service of plugin.proto: takes what to send, gives bytes, and reads what came.
 * @module
 */
import type { Bytes } from "../../protocol/caller.ts";
import { type AnswerMessage, decodeAnswer, encodeRequest } from "../../protocol/grpc/message.ts";
import { decodePayload, ERROR_CODE, type PayloadForm, STATUSES } from "../../protocol/grpc/wire.ts";
import { visible, visibleBytes } from "./evidence.ts";
import type { Outcome, Reply } from "./peer.ts";
import type { WireLine } from "./peer_line.ts";

/** One call of the service, right or wrong. */
export interface RpcCall {
  /** `Ping`, `Exec`, or one that is not there. */
  readonly method: string;
  /** The message. */
  readonly body: Bytes;
  /** Whether the message is JSON, which Connect alone has. */
  readonly json?: boolean;
  /** Metadata. */
  readonly headers: Readonly<Record<string, string>>;
  /** All of it, in one line. */
  readonly shown: string;
}

/** An answer as it came, whatever the wire. */
export interface RpcAnswer {
  /** `OK` or the name of an error's status. */
  readonly status: string;
  /** What an error says; `undefined` for an error that is not in the wire's form. */
  readonly message: string | undefined;
  /** The message of an answer that is no error. */
  readonly body: Bytes;
  /** Metadata, leading and trailing. */
  readonly headers: ReadonlyMap<string, string>;
  /** Whether the connection ends with this answer. */
  readonly last: boolean;
  /** What came when it is not of the wire, for evidence. */
  readonly instead?: string;
}

/** One exchange with its evidence. */
export interface RpcExchange {
  readonly sent: string;
  readonly came: string;
  /** `undefined` when nothing came that belongs to the wire. */
  readonly answer: RpcAnswer | undefined;
}

/** A connection that carries calls of the service. */
export interface RpcLine extends WireLine<RpcCall, RpcExchange> {
  /** Waits until the plugin closes the connection, for at most the time of one exchange. */
  closed(): Promise<void>;
}

/** The most bytes of a field that evidence shows. */
const SHOWN_BYTES = 60;

/** The message of an Exec, its payload as it shall stand there. */
export function execMessage(command: string, field: Uint8Array): Bytes {
  return encodeRequest({ command, payload: field });
}

/** What an answer's message says; `undefined` when it cannot be read. Ping's has the same numbers and types on the wire. */
export function readMessage({ body }: RpcAnswer): AnswerMessage | undefined {
  return decodeAnswer(body);
}

/** Whether a reply's Status lets its data count. */
export function isSuccess(status: string): boolean {
  return status === "" || status === "success";
}

/** The status that a number or Connect's name in small letters stands for; `undefined` when it is none. */
export function statusFrom(code: string | number | undefined): string | undefined {
  if (typeof code === "number") return STATUSES[code];
  const name = (code ?? "").split("_").map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
  return STATUSES.find((status) => status === name && status !== "OK");
}

/** The status that a caller makes of an HTTP status when the wire's own is missing. */
export function statusFromHttp(status: number): string {
  const known: Readonly<Record<number, string>> = {
    400: "Internal",
    401: "Unauthenticated",
    403: "PermissionDenied",
    404: "Unimplemented",
  };
  return known[status] ?? ([429, 502, 503, 504].includes(status) ? "Unavailable" : "Unknown");
}

/** An answer in one line. */
export function describeAnswer(answer: RpcAnswer): string {
  const { status, message, headers, body, instead } = answer;
  if (instead !== undefined) return instead;
  const code = headers.get(ERROR_CODE);
  const own = code === undefined ? "" : `, ${ERROR_CODE} ${visible(code)}`;
  if (status !== "OK") return `status ${status}, message "${visible(message ?? "")}"${own}`;
  const read = readMessage(answer);
  if (read === undefined) return `status OK, a message that cannot be read: ${visibleBytes(body)}`;
  return `status OK, Status "${visible(read.status)}", Response "${visibleBytes(read.response, SHOWN_BYTES)}"`;
}

/** The answer to a ping. */
export function pingReply(exchange: RpcExchange): Reply {
  return replyFrom(exchange, (response) => response);
}

/** The answer to a call whose payload was written in this form. */
export function execReply(exchange: RpcExchange, form: PayloadForm): Reply {
  return replyFrom(exchange, (response) => decodePayload(response, form));
}

function replyFrom({ sent, came, answer }: RpcExchange, read: (response: Bytes) => Bytes | undefined): Reply {
  if (answer === undefined) return { sent, came, outcome: { kind: "lost" }, headers: new Map(), last: true };
  return { sent, came, outcome: outcomeOf(answer, read), headers: answer.headers, last: answer.last };
}

/** An answer without data whose Status is no success is an error in the older manner; one that has data says neither. */
function outcomeOf(answer: RpcAnswer, read: (response: Bytes) => Bytes | undefined): Outcome {
  const { status, headers } = answer;
  if (status !== "OK") return { kind: "refused", code: headers.get(ERROR_CODE), status };
  const message = readMessage(answer);
  if (message === undefined) return { kind: "unreadable" };
  if (!isSuccess(message.status)) {
    return message.response.length > 0 ? { kind: "unreadable" } : { kind: "refused", code: headers.get(ERROR_CODE), status };
  }
  const bytes = read(message.response);
  return bytes === undefined ? { kind: "unreadable" } : { kind: "answered", bytes };
}
