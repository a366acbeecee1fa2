/**
 * One Connect connection to the plugin that is being checked: takes calls, gives what came. It is HTTP/1.1, each call a POST.
 * @module
 */
import { isJson, JSON_TYPE, PROTO_TYPE } from "../../protocol/connect/wire.ts";
import { visibleBytes } from "./evidence.ts";
import type { HttpAnswer, HttpEndpoint, HttpRequest } from "./http_line.ts";
import type { PeerOptions } from "./peer.ts";
import { errorBody } from "./rest_peer.ts";
import { type HttpExchange, RestLine } from "./rest_line.ts";
import { describeAnswer, type RpcAnswer, type RpcCall, type RpcExchange, type RpcLine, statusFrom, statusFromHttp } from "./rpc_call.ts";

/** A connection, made at its first use. */
export class ConnectLine implements RpcLine {
  readonly isShared = false;
  readonly #line: RestLine;

  constructor(endpoint: HttpEndpoint, options: PeerOptions, onSend: (sent: string) => void) {
    this.#line = new RestLine(endpoint, options, onSend);
  }

  async open(): Promise<void> {
    await this.#line.open();
  }

  async ask(call: RpcCall): Promise<RpcExchange> {
    return exchangeFrom(await this.#line.ask(requestFrom(call)));
  }

  async begin(call: RpcCall): Promise<RpcExchange> {
    return exchangeFrom(await this.#line.begin(requestFrom(call)));
  }

  async finish(call: RpcCall): Promise<RpcExchange> {
    return exchangeFrom(await this.#line.finish(requestFrom(call)));
  }

  async giveUp(call: RpcCall): Promise<void> {
    await this.#line.giveUp(requestFrom(call));
  }

  async closed(): Promise<void> {
    await this.#line.closed();
  }

  close(): void {
    this.#line.close();
  }
}

function requestFrom({ method, body, json = false, headers, shown }: RpcCall): HttpRequest {
  const usual = { "content-type": json ? JSON_TYPE : PROTO_TYPE, "connect-protocol-version": "1" };
  return { method: "POST", path: `/plugin.Plugin/${method}`, headers: { ...usual, ...headers }, body, shown };
}

function exchangeFrom({ sent, came, answer }: HttpExchange): RpcExchange {
  if (answer === undefined) return { sent, came, answer };
  const read = answerFrom(answer);
  return { sent, came: describeAnswer(read), answer: read };
}

function answerFrom(answer: HttpAnswer): RpcAnswer {
  const { status: http, headers, body, last } = answer;
  if (http === 200) return { status: "OK", message: "", body, headers, last, ...describedWhole(answer) };
  const error = errorBody(answer);
  const [code, message] = [error?.get("code"), error?.get("message")];
  const status = statusFrom(typeof code === "string" ? code : undefined);
  const nothing = new Uint8Array(0);
  if (status !== undefined && typeof message === "string") return { status, message, body: nothing, headers, last };
  const instead = `HTTP status ${http}, body ${visibleBytes(body)}`;
  return { status: statusFromHttp(http), message: undefined, body: nothing, headers, last, instead };
}

/** JSON, and what is no message at all, is shown as it is. */
function describedWhole({ headers, body }: HttpAnswer): { readonly instead?: string } {
  const type = headers.get("content-type") ?? "";
  if (type === PROTO_TYPE) return {};
  return {
    instead: `HTTP status 200, ${isJson(type) ? "" : `content-type "${visibleBytes(new TextEncoder().encode(type))}", `}body ${
      visibleBytes(body)
    }`,
  };
}
