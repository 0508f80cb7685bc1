/**
 * AttemptSession: what one attempt saves, tells and logs, on its way to the server.
 *
 * Steps and checkpoint are durable when the call resolves. Log lines and progress are gathered, and go with
 * whatever is sent next, at the latest with the report of the attempt's end.
 */

import { LeaseLostError, type TreadleError } from "./errors.js";
import { cleaned, quote } from "./json/write.js";
import { blobFields, readBlob } from "./payload.js";
import type { Lease } from "./worker/lease.js";

const LOG_BYTES_MAX = 64 << 10; // the server keeps no more of an attempt
const LOG_SEND_BYTES = 8 << 10;
const LOG_EVERY_MS = 2_000;
const PROGRESS_EVERY_MS = 500;
const MESSAGE_CHARS_MAX = 200; // of 256 bytes
const SAVE_LIMIT_MS = 30_000; // for the server to take a step
const TELL_LIMIT_MS = 2_000; // log lines, progress

/** Brings an `AttemptUpdate` of the API to the server; how many bytes of log are kept by now. */
export interface Sender {
  save(token: string, update: string, limitMs: number): Promise<number>;
}

/** A value that was saved. */
export interface Saved {
  readonly value: unknown;
}

export class AttemptSession {
  private readonly token: string;
  private readonly steps = new Map<string, Saved>();
  private checkpoint: Saved | undefined;
  private log = ""; // not yet known to be kept
  private logBytes = 0; // that are kept
  private logIsFull = false;
  private progress = ""; // not yet sent
  private progressAt = -Infinity;
  private sentAt = performance.now();
  private isLost = false;
  private sending: Promise<unknown> = Promise.resolve(); // what is saved arrives in its order

  constructor(
    lease: Lease,
    private readonly sender: Sender,
  ) {
    this.token = lease.token;
    for (const step of lease.steps ?? []) this.steps.set(String(step["name"]), { value: readBlob(step, "result") });
    if (lease.checkpoint !== undefined) this.checkpoint = { value: readBlob(lease.checkpoint, "data") };
  }

  findStep(name: string): Saved | undefined {
    return this.steps.get(name);
  }

  /** Throws TreadleError if it could not be kept. */
  async saveStep(name: string, value: unknown): Promise<void> {
    const blob = blobFields(value, "result", `step ${name}`);
    await this.send(`"steps":[{"name":${quote(name, "name of a step")}${blob === "" ? "" : ","}${blob}}]`);
    this.steps.set(name, { value });
  }

  findCheckpoint(): Saved | undefined {
    return this.checkpoint;
  }

  /** Throws TreadleError if it could not be kept. */
  async saveCheckpoint(value: unknown): Promise<void> {
    await this.send(`"checkpoint":{${blobFields(value, "data", "checkpoint")}}`);
    this.checkpoint = { value };
  }

  /** May be called in a loop: it is sent about twice a second. */
  tellProgress(fraction: number, message: string): void {
    const bounded = Number.isNaN(fraction) ? 0 : Math.min(Math.max(fraction, 0), 1);
    const text = [...cleaned(message).replace(/[\0-\x1f\x7f]/g, " ")].slice(0, MESSAGE_CHARS_MAX).join("");
    this.progress = `"progress":{"fraction":${bounded},"message":${JSON.stringify(headOf(text, 256))}}`;
    const now = performance.now();
    if (bounded < 1 && now < this.progressAt + PROGRESS_EVERY_MS) return;
    this.progressAt = now;
    this.sendSoon();
  }

  /** Lines; a missing end is added. What is beyond 64 KiB is dropped. */
  appendLog(lines: string): void {
    if (this.logIsFull || lines === "") return;
    const text = cleaned(lines).replaceAll("\0", " ");
    const room = LOG_BYTES_MAX - this.logBytes - Buffer.byteLength(this.log);
    this.logIsFull = Buffer.byteLength(text) >= room;
    this.log += this.logIsFull ? headOf(text, room) : text.endsWith("\n") ? text : `${text}\n`;
    const isLate = performance.now() >= this.sentAt + LOG_EVERY_MS;
    if (isLate || this.log.length >= LOG_SEND_BYTES) this.sendSoon();
  }

  /** Offset and text of what is left of the log, for the report. What is sent twice is kept once. */
  takeLog(): { offset: number; text: string } | undefined {
    return this.log === "" ? undefined : { offset: this.logBytes, text: this.log };
  }

  private sendSoon(): void {
    this.sentAt = performance.now();
    this.send("").catch(() => undefined); // it goes with what comes next
  }

  private send(durable: string): Promise<void> {
    const sent = this.sending.then(() => this.sendNow(durable));
    this.sending = sent.catch(() => undefined);
    return sent;
  }

  /** Log and progress ride along. What is durable does not fail because of them. */
  private async sendNow(durable: string): Promise<void> {
    if (this.isLost) throw new LeaseLostError("another worker has the task");
    const { log, progress } = this;
    const parts = durable === "" ? [] : [durable];
    if (log !== "") parts.push(`"log":{"offset":${this.logBytes},"text":${JSON.stringify(log)}}`);
    if (progress !== "") parts.push(progress);
    if (parts.length === 0) return;
    const limitMs = durable === "" ? TELL_LIMIT_MS : SAVE_LIMIT_MS;
    this.sentAt = performance.now();
    try {
      this.settleLog(log, await this.sender.save(this.token, `{${parts.join(",")}}`, limitMs));
    } catch (error) {
      const { code } = error as TreadleError;
      this.isLost = code === "LEASE_LOST";
      if (code !== "INVALID_ARGUMENT" || durable === "" || parts.length === 1) throw error;
      this.settleLog(log, await this.sender.save(this.token, `{${durable}}`, limitMs));
    }
    if (this.progress === progress) this.progress = "";
  }

  /** By the server's count: what is no UTF-8 has become longer on its way. */
  private settleLog(sent: string, kept: number): void {
    this.log = this.log.slice(sent.length);
    this.logBytes = Math.min(Math.max(kept, 0), LOG_BYTES_MAX);
    this.logIsFull ||= this.logBytes >= LOG_BYTES_MAX;
  }
}

/** At most so many bytes of UTF-8, in whole characters. */
function headOf(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= bytesMax) return text;
  let end = Math.max(bytesMax, 0);
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) --end;
  return bytes.toString("utf8", 0, end);
}
