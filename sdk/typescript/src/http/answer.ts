/** AnswerReader: HTTP/1.1 answers from the bytes of a connection, one after the other. */

import { InternalError } from "../errors.js";

const HEAD_BYTES_MAX = 64 << 10;
const BODY_BYTES_MAX = 64 << 20;
const HEAD_END = "\r\n\r\n";

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** The connection ends with this answer. */
  readonly closes: boolean;
}

/** How the length of a body is known. */
type Framing = { kind: "length"; left: number } | { kind: "chunked" } | { kind: "end" };

interface Head {
  status: number;
  headers: Map<string, string>;
  framing: Framing;
  begin: number;
}

export class AnswerReader {
  private data: Buffer = EMPTY;
  private parts: Buffer[] = []; // behind `data`, not yet joined to it
  private missing = 0; // bytes that must come before it is worth looking again
  private head: Head | undefined;

  constructor(private readonly url: string) {}

  /** Whether anything of an answer has come. */
  get hasBegun(): boolean {
    return this.data.length > 0 || this.parts.length > 0 || this.head !== undefined;
  }

  /** The answer, once these bytes make it whole. Throws InternalError if it is none. */
  push(bytes: Buffer): Answer | undefined {
    if (this.data.length === 0 && this.parts.length === 0) {
      this.data = bytes;
    } else {
      this.parts.push(bytes);
      this.missing -= bytes.length;
      if (this.missing > 0) return undefined;
      this.data = Buffer.concat([this.data, ...this.parts]);
      this.parts = [];
    }
    return this.read(false);
  }

  /** The answer, if the end of the connection makes it whole. */
  end(): Answer | undefined {
    if (this.parts.length > 0) this.data = Buffer.concat([this.data, ...this.parts]);
    this.parts = [];
    return this.hasBegun ? this.read(true) : undefined;
  }

  private read(atEnd: boolean): Answer | undefined {
    for (;;) {
      this.head ??= this.readHead();
      if (this.head === undefined) return undefined;
      if (this.head.status !== 100) break;
      this.data = this.data.subarray(this.head.begin);
      this.head = undefined;
    }
    const { framing, begin } = this.head;
    if (framing.kind === "length") {
      const end = begin + framing.left;
      if (this.data.length >= end) return this.finish(this.data.subarray(begin, end), end);
      this.missing = end - this.data.length;
      return undefined;
    }
    if (framing.kind === "end") return atEnd ? this.finish(this.data.subarray(begin), this.data.length) : undefined;
    return this.readChunks(begin);
  }

  private readHead(): Head | undefined {
    const end = this.data.indexOf(HEAD_END);
    if (end < 0) {
      if (this.data.length > HEAD_BYTES_MAX) throw this.noAnswer();
      return undefined;
    }
    const [first, ...lines] = this.data.toString("latin1", 0, end).split("\r\n");
    const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first ?? "")?.[1];
    if (status === undefined) throw this.noAnswer();
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    return { status: Number(status), headers, framing: this.framingOf(headers), begin: end + HEAD_END.length };
  }

  private framingOf(headers: Map<string, string>): Framing {
    if (headers.get("transfer-encoding")?.toLowerCase().includes("chunked")) return { kind: "chunked" };
    const length = headers.get("content-length");
    if (length === undefined) return { kind: "end" };
    const left = Number(length);
    if (!Number.isSafeInteger(left) || left < 0 || left > BODY_BYTES_MAX) throw this.noAnswer();
    return { kind: "length", left };
  }

  private readChunks(begin: number): Answer | undefined {
    const chunks: Buffer[] = [];
    for (let at = begin; ;) {
      const line = this.data.indexOf("\r\n", at);
      if (line < 0) return undefined;
      const size = Number.parseInt(this.data.toString("latin1", at, line), 16);
      if (!Number.isSafeInteger(size) || size < 0 || size > BODY_BYTES_MAX) throw this.noAnswer();
      const end = line + 2 + size;
      if (size === 0) {
        const trailers = this.data.indexOf(HEAD_END, line); // "0\r\n\r\n", or lines before the empty one
        if (trailers < 0) return undefined;
        return this.finish(Buffer.concat(chunks), trailers + HEAD_END.length);
      }
      if (this.data.length < end + 2) return undefined;
      chunks.push(this.data.subarray(line + 2, end));
      at = end + 2;
    }
  }

  private finish(body: Buffer, end: number): Answer {
    const { status, headers, framing } = this.head as Head;
    const rest = this.data.length - end; // more than was asked for
    this.data = EMPTY;
    this.head = undefined;
    const closes = rest > 0 || framing.kind === "end" || headers.get("connection")?.toLowerCase() === "close";
    return { status, headers, body, closes };
  }

  private noAnswer(): InternalError {
    return new InternalError(`${this.url} does not answer like a Treadle server`);
  }
}

const EMPTY = Buffer.alloc(0);
