/**
 * One line for each task that ended, for people or as JSON.
 *
 *     1-5 resize completed in 31 ms
 *     1-6 resize failed (Error: no such file), attempt 1 of 20, retrying in 222 ms
 */

import { constants, openSync, writeSync } from "node:fs";
import { isatty } from "node:tty";
import type { ReportAnswer } from "./lease.js";
import type { Ending } from "./report.js";

/** An attempt whose report was taken, and what the server says of it. */
export interface Ended {
  readonly ending: Ending;
  readonly answer: ReportAnswer;
}

export interface LinesOptions {
  /** Takes whole lines. Default: standard error. */
  write?: ((text: string) => void) | undefined;
  /** Default: JSON unless standard error is a terminal. */
  json?: boolean | undefined;
}

const MESSAGE_COLUMNS = 80;
const MESSAGE_CHARS = 1_000;

export class Lines {
  private readonly take: (text: string) => void;
  private readonly isJson: boolean;

  constructor(options: LinesOptions) {
    this.take = options.write ?? writeToStandardError;
    this.isJson = options.json ?? !isatty(2);
  }

  /** All that ended together goes out in one piece. */
  ended(ended: readonly Ended[]): void {
    const make = this.isJson ? jsonLine : humanLine;
    this.write(ended.map(({ ending, answer }) => `${make(ending, answer)}\n`).join(""));
  }

  /** Whoever takes lines cannot stop the worker. */
  private write(text: string): void {
    try {
      this.take(text);
    } catch {
      // They are lost, like those that standard error does not take.
    }
  }

  /** One line about the worker itself. */
  say(text: string): void {
    if (this.isJson) this.write(`${JSON.stringify({ time: now(), message: text })}\n`);
    else this.write(`treadle worker: ${printable(text)}\n`);
  }
}

/** Without a line end. */
export function humanLine(ending: Ending, answer: ReportAnswer): string {
  const task = `${ending.id} ${printable(ending.type)}`;
  switch (ending.outcome) {
    case "completed":
      return `${task} completed in ${shortTime(ending.ms)}`;
    case "failed":
      return task + failure(ending) + whatFollows(answer);
    case "snoozed":
      return `${task} snoozed for ${shortTime(ending.delayMs)}`;
    case "discarded":
      return `${task} discarded`;
    case "released":
      return `${task} was stopped after ${shortTime(ending.ms)} and returned without counting the attempt`;
  }
}

/** Without a line end. */
export function jsonLine(ending: Ending, answer: ReportAnswer): string {
  const isFailed = ending.outcome === "failed";
  return JSON.stringify({
    time: now(),
    task: ending.id,
    type: ending.type,
    outcome: ending.outcome,
    ms: Math.floor(ending.ms),
    attempt: ending.attempt,
    max_attempts: ending.maxAttempts,
    code: ending.code || undefined,
    error: ending.message.slice(-MESSAGE_CHARS) || undefined,
    state: isFailed ? answer.state : undefined,
    retry_in_ms: isFailed ? answer.retry_in_ms : undefined,
  });
}

/** Only these words, whatever the server sent. */
function whatFollows(answer: ReportAnswer): string {
  if (typeof answer.retry_in_ms === "number") return `, retrying in ${shortTime(answer.retry_in_ms)}`;
  return answer.state === "dead" || answer.state === "cancelled" ? `, ${answer.state}` : "";
}

function failure(ending: Ending): string {
  let why = printable(ending.code);
  if (ending.message !== "") {
    const lines = ending.message.split(/[\r\n]+/).filter((line) => line.trim() !== "");
    const shown = [...printable(lines.at(-1) ?? ending.message)];
    why += `: ${shown.length <= MESSAGE_COLUMNS ? shown.join("") : `${shown.slice(0, MESSAGE_COLUMNS - 1).join("")}…`}`;
  }
  return ` failed${why === "" ? "" : ` (${why})`}, attempt ${ending.attempt} of ${ending.maxAttempts}`;
}

/** "31 ms", "4.2 s", "3 min 5 s", "2 h 5 min", "1 d 3 h": rounded down. */
export function shortTime(time: number): string {
  const ms = Math.floor(time + 1e-6);
  if (ms < 1_000) return `${ms} ms`;
  if (ms >= 86_400_000) return twoUnits(Math.floor(ms / 3_600_000), 24, "d", "h");
  if (ms >= 3_600_000) return twoUnits(Math.floor(ms / 60_000), 60, "h", "min");
  if (ms >= 60_000) return twoUnits(Math.floor(ms / 1_000), 60, "min", "s");
  const tenths = Math.floor(ms / 100) % 10;
  return `${Math.floor(ms / 1_000)}${tenths === 0 ? "" : `.${tenths}`} s`;
}

function twoUnits(time: number, inLarger: number, larger: string, smaller: string): string {
  const rest = time % inLarger;
  return `${Math.floor(time / inLarger)} ${larger}${rest === 0 ? "" : ` ${rest} ${smaller}`}`;
}

/** On one line, without what moves the cursor, hides words or turns them round. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (char) => {
    const code = char.codePointAt(0) as number;
    return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

let standardError: number | undefined;

/** Drops what standard error cannot take at once, so that its reader never holds up the work. */
function writeToStandardError(text: string): void {
  try {
    standardError ??= openStandardError();
    writeSync(standardError, text);
  } catch {
    // It is full, or closed.
  }
}

/** Opened once more, so that only here writes do not block. What cannot be opened (a socket) is written as it is. */
function openStandardError(): number {
  try {
    return openSync("/dev/stderr", constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK);
  } catch {
    return 2;
  }
}

function now(): string {
  return new Date().toISOString();
}
