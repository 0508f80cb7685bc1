/**
 * Connection: one kept connection to a server, for one request at a time.
 *
 * A request is one write, and an answer is usually one read. Of several servers, the next is asked when one
 * cannot be reached or says that it is not available. An idle connection does not keep the process alive.
 */

import { connect, type Socket } from "node:net";
import { DeadlineExceededError, errorOfAnswer, UnavailableError } from "../errors.js";
import { AnswerReader, type Answer } from "./answer.js";
import type { Address } from "./address.js";
import { connectSecurely, handshakeError } from "./tls.js";

export interface ConnectionOptions {
  readonly servers: readonly Address[];
  readonly token: string;
  readonly connectTimeoutMs: number;
  /** Certificates to trust for https. undefined: the system's. */
  readonly ca?: string | undefined;
}

export interface CallOptions {
  timeoutMs: number;
  /** Sent again at once if a kept connection turns out to be closed. Default: true. */
  repeatable?: boolean;
}

interface Pending {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

export class Connection {
  /** Of the last call: whether any of it may have reached a server that has not answered. */
  mayHaveArrived = false;
  private current = 0; // the server that is asked now
  private socket: Socket | undefined;
  private pending: Pending | undefined;
  private isCancelled = false;

  constructor(private readonly options: ConnectionOptions) {}

  /** Asks once. Throws the TreadleError that the server names, or UnavailableError, DeadlineExceededError. */
  async call(method: string, target: string, body: string | undefined, options: CallOptions): Promise<Answer> {
    const deadline = performance.now() + options.timeoutMs;
    this.mayHaveArrived = false;
    const wasOpen = this.isOpen();
    try {
      return this.checked(await this.exchange(method, target, body, deadline));
    } catch (error) {
      const isStale = wasOpen && error instanceof BrokenError && !error.hasBegun && options.repeatable !== false;
      if (!isStale || this.isCancelled) throw error;
      return this.checked(await this.exchange(method, target, body, deadline));
    }
  }

  /** Ends the call under way, and all later ones, with UnavailableError. */
  cancel(): void {
    this.isCancelled = true;
    this.drop(new BrokenError("the call was cancelled", true));
  }

  close(): void {
    this.drop(new BrokenError("the connection was closed", true));
  }

  private isOpen(): boolean {
    return this.socket !== undefined;
  }

  private get server(): Address {
    return this.options.servers[this.current] as Address;
  }

  private checked(answer: Answer): Answer {
    this.mayHaveArrived = false;
    if (answer.status < 400) return answer;
    const error = errorOfAnswer(answer.status, problemOf(answer));
    if (error.code === "UNAVAILABLE") this.turnToNext();
    throw error;
  }

  /** The next call asks the next server, if there are several. */
  private turnToNext(): void {
    if (this.options.servers.length < 2) return;
    this.current = (this.current + 1) % this.options.servers.length;
    this.drop(new BrokenError("the connection was closed", true));
  }

  private async exchange(method: string, target: string, body: string | undefined, deadline: number): Promise<Answer> {
    if (this.isCancelled) throw new UnavailableError("the call was cancelled");
    if (this.socket === undefined) await this.connectToAny(deadline);
    const request = this.requestOf(method, target, body);
    this.mayHaveArrived = true;
    return new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(
        () => this.drop(new DeadlineExceededError(`no answer in time from ${this.server.url}`)),
        Math.max(deadline - performance.now(), 1),
      );
      this.pending = {
        resolve: (answer) => (clearTimeout(timer), resolve(answer)),
        reject: (error) => (clearTimeout(timer), reject(error)),
      };
      const socket = this.socket as Socket;
      socket.ref();
      socket.write(request);
    });
  }

  private requestOf(method: string, target: string, body: string | undefined): string {
    const { authority } = this.server;
    let head = `${method} ${target} HTTP/1.1\r\nHost: ${authority}\r\nUser-Agent: treadle-typescript\r\n`;
    if (this.options.token !== "") head += `Authorization: Bearer ${this.options.token}\r\n`;
    if (body === undefined) return `${head}Content-Length: 0\r\n\r\n`;
    return `${head}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  }

  // ---- the socket ----

  private async connectToAny(deadline: number): Promise<void> {
    for (let tries = 1; ; ++tries) {
      try {
        return await this.connect(deadline);
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        this.current = (this.current + 1) % this.options.servers.length;
        if (tries >= this.options.servers.length || this.isCancelled) throw error;
      }
    }
  }

  private connect(deadline: number): Promise<void> {
    const { server } = this;
    const { host, port, url, isTls } = server;
    const limitMs = Math.max(Math.min(this.options.connectTimeoutMs, deadline - performance.now()), 1);
    const reader = new AnswerReader(url);
    return new Promise<void>((resolve, reject) => {
      const socket = isTls ? connectSecurely(server, this.options.ca) : connect({ host, port });
      socket.setNoDelay(true);
      let isReached = false;
      const end = (error: Error): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(error);
      };
      const fail = (why: string): void =>
        end(new UnavailableError(`cannot reach a Treadle server at ${url}: ${why}`));
      const timer = setTimeout(() => fail("no answer in time"), limitMs);
      socket.once("error", (error) => (isReached ? end(handshakeError(error, url)) : fail(reasonOf(error))));
      socket.once("connect", () => (isReached = true));
      socket.once(isTls ? "secureConnect" : "connect", () => {
        if (this.isCancelled) return fail("the call was cancelled");
        clearTimeout(timer);
        socket.removeAllListeners("error");
        this.adopt(socket, reader);
        resolve();
      });
    });
  }

  private adopt(socket: Socket, reader: AnswerReader): void {
    const { url } = this.server;
    this.socket = socket;
    const isMine = (): boolean => this.socket === socket;
    const broke = (why: string): void => {
      if (isMine()) this.drop(new BrokenError(`the connection to ${url} ${why}`, reader.hasBegun));
    };
    socket.on("data", (bytes: Buffer) => {
      if (isMine()) this.take(() => reader.push(bytes));
    });
    socket.on("end", () => {
      if (isMine()) this.take(() => reader.end());
      broke("was closed");
    });
    socket.on("error", (error) => broke(`broke: ${reasonOf(error)}`));
    socket.on("close", () => broke("was closed"));
  }

  private take(read: () => Answer | undefined): void {
    if (this.pending === undefined) return this.drop(undefined); // nobody asked
    let answer: Answer | undefined;
    try {
      answer = read();
    } catch (error) {
      return this.drop(error as Error);
    }
    if (answer === undefined) return;
    const pending = this.pending;
    this.pending = undefined;
    if (answer.closes) this.drop(undefined);
    else this.socket?.unref();
    pending.resolve(answer);
  }

  /** Gives the socket up; the call under way, if there is one, ends with `error`. */
  private drop(error: Error | undefined): void {
    const { socket, pending } = this;
    this.socket = undefined;
    this.pending = undefined;
    if (socket !== undefined) {
      socket.removeAllListeners();
      socket.on("error", () => undefined);
      socket.destroy();
    }
    pending?.reject(error ?? new BrokenError("the connection was closed", true));
  }
}

/** A connection that broke while a call was under way. `hasBegun`: something of the answer had come. */
class BrokenError extends UnavailableError {
  constructor(
    message: string,
    readonly hasBegun: boolean,
  ) {
    super(message);
    this.name = "UnavailableError";
  }
}

function reasonOf(error: Error & { code?: string; errors?: Error[] }): string {
  if (error.message !== "") return error.message;
  return error.errors?.map(reasonOf).join("; ") ?? error.code ?? "unknown";
}

function problemOf(answer: Answer): unknown {
  try {
    return JSON.parse(answer.body.toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}
