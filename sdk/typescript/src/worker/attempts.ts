/**
 * Attempts: what a worker holds: leases that wait or run, and reports to be delivered.
 *
 * It starts what waits as soon as a slot is free. One timer watches the time: it cancels attempts whose time is up,
 * gives up those that do not return, and gives back leases that were fetched ahead and do not get their turn.
 */

import { CancelToken, type CancelCause } from "../cancel.js";
import type { Keeper } from "./keeper.js";
import type { Lease } from "./lease.js";
import { failed, released, releaseOf, Report } from "./report.js";

export const ITEMS_MAX = 1_000; // leases, reports and renewals of an exchange
const REPORT_CHARS_MAX = 4 << 20; // of the reports of one exchange: in bytes, less than the server takes
const LEASE_MS_DEFAULT = 30_000;
const MANY_REPORTS = 100;
const REPORT_DELAY_MS = 1;
const AHEAD_MS = 20; // of work that may wait for its turn here
const AHEAD_MAX = 400;
const TURN_MS = 250; // after which a waiting lease is given back if all slots are taken
const LEARNED = 20; // attempts after which the mean is worth something
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** One lease that waits or runs. Times are those of `performance.now()`. */
export class Attempt {
  readonly token = new CancelToken();
  /** Infinity: nothing limits it. */
  deadline: number;
  /** From the beginning to the deadline. */
  limitMs = Infinity;
  begunAt = 0;
  isLate = false;
  giveUpAt = Infinity;
  /** Nothing is to be reported any more. */
  isDropped = false;
  /** Of the keeper. */
  slot = -1;

  constructor(
    readonly lease: Lease,
    readonly putAt: number,
  ) {
    this.deadline = lease.timeoutMs === undefined ? Infinity : putAt + lease.timeoutMs;
  }
}

export interface AttemptsOptions {
  readonly slots: number;
  readonly prefetch: boolean;
  readonly cancelWaitMs: number;
  readonly timeoutMsOf: (type: string) => number | undefined;
  /** Runs an attempt to its end, and never throws. */
  readonly run: (attempt: Attempt) => Promise<Report>;
  /** There are reports, or a task less. */
  readonly changed: () => void;
  readonly keeper?: Keeper | undefined;
}

export class Attempts {
  private waiting: Attempt[] = [];
  private first = 0; // of `waiting`; those before it have begun
  private readonly running = new Map<string, Attempt>();
  private reports: Report[] = [];
  private oldestReportAt = 0;
  private shortestLease = LEASE_MS_DEFAULT;
  private meanMs = 0; // of an attempt
  private ended = 0;
  private isDraining = false;
  private isClosed = false;
  private watch: NodeJS.Timeout | undefined;
  private watchAt = Infinity;

  constructor(private readonly options: AttemptsOptions) {}

  // ---- for the exchange with the server ----

  /** Takes over leases. `repeated`: the server may have given some of them before. */
  put(leases: readonly Lease[], repeated: boolean): void {
    const now = performance.now();
    for (const lease of leases) {
      if (repeated && this.isHeld(lease.token)) continue;
      if (lease.leaseMs > 0) this.shortestLease = Math.min(this.shortestLease, lease.leaseMs);
      if (this.isDraining) this.add(releaseOf(lease));
      else this.wait(new Attempt(lease, now));
    }
    this.startNext();
    if (this.waitingCount() > 0) this.watchBy(now + TURN_MS);
  }

  private wait(attempt: Attempt): void {
    attempt.slot = this.options.keeper?.hold(attempt.lease.token, attempt.lease.leaseMs) ?? -1;
    this.waiting.push(attempt);
  }

  private letGo(attempt: Attempt): void {
    this.options.keeper?.letGo(attempt.slot);
    attempt.slot = -1;
  }

  private isHeld(token: string): boolean {
    return (
      this.running.has(token) ||
      this.eachWaiting().some((each) => each.lease.token === token) ||
      this.reports.some((each) => each.token === token)
    );
  }

  /** The server gave these to others, or ended them: what waits is dropped, what runs is cancelled. How many. */
  lose(tokens: readonly string[]): number {
    const lost = new Set(tokens);
    const before = this.waitingCount();
    this.keepWaiting((each) => !lost.has(each.lease.token));
    let count = before - this.waitingCount();
    for (const token of lost) {
      const attempt = this.running.get(token);
      if (attempt === undefined || attempt.isDropped) continue;
      attempt.isDropped = true;
      this.letGo(attempt);
      ++count;
      this.cut(attempt, "lease_lost");
    }
    return count;
  }

  /** Someone asked for the end of these tasks: what runs is cancelled, what waits is released. */
  cancel(tokens: readonly string[]): void {
    const named = new Set(tokens);
    this.keepWaiting((each) => {
      if (!named.has(each.lease.token)) return true;
      this.add(releaseOf(each.lease));
      return false;
    });
    for (const token of named) {
      const attempt = this.running.get(token);
      if (attempt !== undefined) this.cut(attempt, "requested");
    }
  }

  /** How many more leases are wanted: free slots, and some ahead while tasks are short. */
  free(): number {
    return this.isDraining ? 0 : Math.max(this.options.slots + this.ahead() - this.held(), 0);
  }

  private ahead(): number {
    const { prefetch, slots } = this.options;
    if (!prefetch || this.ended < LEARNED) return 0;
    const ahead = Math.floor((AHEAD_MS * slots) / Math.max(this.meanMs, 0.001));
    return ahead < slots ? 0 : Math.min(ahead, AHEAD_MAX, ITEMS_MAX - slots);
  }

  held(): number {
    return this.running.size + this.waitingCount();
  }

  heldAttempts(): Attempt[] {
    return [...this.running.values()].filter((each) => !each.isDropped).concat(this.eachWaiting());
  }

  /** IDs of the tasks that run and are still to be reported. */
  runningTasks(): string[] {
    return [...this.running.values()].filter((each) => !each.isDropped).map((each) => each.lease.id);
  }

  /** The shortest lease seen so far. */
  shortestLeaseMs(): number {
    return this.shortestLease;
  }

  /** Infinity if there are none. While tasks still follow one another, a little later than now. */
  reportsDueAt(): number {
    if (this.reports.length === 0) return Infinity;
    const goesNow = this.waitingCount() === 0 || this.reports.length >= ITEMS_MAX;
    return goesNow ? this.oldestReportAt : this.oldestReportAt + REPORT_DELAY_MS;
  }

  /** The oldest ones, within what one exchange may carry. */
  takeReports(): Report[] {
    let count = 0;
    let chars = 0;
    for (; count < this.reports.length && count < ITEMS_MAX && chars < REPORT_CHARS_MAX; ++count) {
      const report = this.reports[count] as Report;
      if (count > 0 && (report.goesAlone || this.reports[count - 1]?.goesAlone === true)) break;
      if (count > 0 && chars + report.json.length > REPORT_CHARS_MAX) break;
      chars += report.json.length;
    }
    return this.reports.splice(0, count);
  }

  /** Whether they are worth an exchange of their own, beside one that is under way. */
  hasManyReports(): boolean {
    return this.reports.length >= MANY_REPORTS;
  }

  /** Reports that did not get through come first again. */
  putBack(reports: readonly Report[]): void {
    if (this.reports.length === 0) this.oldestReportAt = performance.now();
    this.reports = [...reports, ...this.reports];
  }

  // ---- running ----

  private startNext(): void {
    while (!this.isClosed && this.first < this.waiting.length && this.running.size < this.options.slots) {
      const attempt = this.waiting[this.first++] as Attempt;
      this.compact();
      this.start(attempt);
    }
  }

  private start(attempt: Attempt): void {
    const now = performance.now();
    attempt.begunAt = now;
    const timeoutMs = this.options.timeoutMsOf(attempt.lease.type);
    if (timeoutMs !== undefined) attempt.deadline = Math.min(now + timeoutMs, attempt.deadline);
    if (attempt.deadline !== Infinity) {
      attempt.limitMs = attempt.deadline - now;
      this.watchBy(attempt.deadline);
      this.options.keeper?.limit(attempt.slot, attempt.deadline + this.options.cancelWaitMs);
    }
    this.running.set(attempt.lease.token, attempt);
    void this.options.run(attempt).then((report) => this.finish(attempt, report));
  }

  private finish(attempt: Attempt, report: Report): void {
    this.running.delete(attempt.lease.token);
    this.letGo(attempt);
    ++this.ended;
    this.meanMs += (performance.now() - attempt.begunAt - this.meanMs) * 0.1;
    if (!attempt.isDropped && !this.isClosed) this.add(report);
    this.startNext();
    this.options.changed();
  }

  private add(report: Report): void {
    if (this.reports.length === 0) this.oldestReportAt = performance.now();
    this.reports.push(report);
  }

  private waitingCount(): number {
    return this.waiting.length - this.first;
  }

  private eachWaiting(): Attempt[] {
    return this.waiting.slice(this.first);
  }

  private keepWaiting(keep: (attempt: Attempt) => boolean): void {
    const before = this.eachWaiting();
    this.waiting = before.filter(keep);
    this.first = 0;
    const kept = new Set(this.waiting);
    for (const each of before) if (!kept.has(each)) this.letGo(each);
  }

  private compact(): void {
    if (this.first < this.waiting.length) return;
    this.waiting = [];
    this.first = 0;
  }

  // ---- time ----

  private watchBy(at: number): void {
    if (at >= this.watchAt || this.isClosed) return;
    clearTimeout(this.watch);
    this.watchAt = at;
    const waitMs = Math.min(Math.max(Math.ceil(at - performance.now()), 0), LONGEST_TIMER_MS);
    this.watch = setTimeout(() => this.look(), waitMs);
  }

  private look(): void {
    const now = performance.now();
    const reportsBefore = this.reports.length;
    this.watchAt = Infinity;
    const next = Math.min(this.endLate(now), this.giveBack(now));
    if (next !== Infinity) this.watchBy(Math.max(next, now + 1));
    if (this.reports.length > reportsBefore) this.options.changed();
  }

  private endLate(now: number): number {
    let next = Infinity;
    for (const attempt of this.running.values()) {
      if (attempt.giveUpAt <= now) {
        attempt.giveUpAt = Infinity;
        if (attempt.isLate && !attempt.isDropped) {
          attempt.isDropped = true;
          this.letGo(attempt);
          this.add(gaveUp(attempt, now));
        }
      } else if (!attempt.isLate && !attempt.isDropped && attempt.deadline <= now) {
        attempt.isLate = true;
        this.cut(attempt, "timeout");
      }
      next = Math.min(next, attempt.giveUpAt);
      if (!attempt.isLate && !attempt.isDropped) next = Math.min(next, attempt.deadline);
    }
    return next;
  }

  /** Leases that were fetched ahead, and wait behind tasks that turned out to be long. */
  private giveBack(now: number): number {
    const isFull = this.running.size >= this.options.slots;
    while (isFull && this.first < this.waiting.length) {
      const attempt = this.waiting[this.first] as Attempt;
      if (attempt.putAt + TURN_MS > now) break;
      ++this.first;
      this.letGo(attempt);
      this.add(releaseOf(attempt.lease));
      this.meanMs = Math.max(this.meanMs, TURN_MS); // or the same would be fetched ahead again at once
    }
    this.compact();
    const oldest = this.waiting[this.first];
    return oldest === undefined ? Infinity : Math.max(oldest.putAt, now) + TURN_MS;
  }

  private cut(attempt: Attempt, cause: CancelCause): void {
    if (!attempt.token.cancel(cause)) return;
    attempt.giveUpAt = performance.now() + this.options.cancelWaitMs;
    this.watchBy(attempt.giveUpAt);
  }

  // ---- for the end ----

  /** Leases that wait, and those that still come, are released; what runs goes on. */
  drain(): void {
    this.isDraining = true;
    this.keepWaiting((each) => (this.add(releaseOf(each.lease)), false));
  }

  /** Asks all that runs to stop. */
  cancelRunning(): void {
    for (const attempt of [...this.running.values()]) this.cut(attempt, "shutdown");
  }

  /** Releases the leases of all that still runs; what it brings is dropped. */
  releaseRunning(): void {
    for (const attempt of this.running.values()) {
      if (attempt.isDropped) continue;
      attempt.isDropped = true;
      this.letGo(attempt);
      this.add(new Report(attempt.lease.token, released(attempt.lease.token)));
    }
    this.options.changed();
  }

  /** True while something waits, runs, or has its report not taken yet. */
  isBusy(): boolean {
    return this.runningTasks().length > 0 || this.waitingCount() > 0 || this.reports.length > 0;
  }

  /** Starts nothing any more. */
  close(): void {
    this.isClosed = true;
    clearTimeout(this.watch);
  }
}

function gaveUp(attempt: Attempt, now: number): Report {
  const { lease } = attempt;
  const message = "the attempt took too long, and its handler did not return";
  return new Report(lease.token, failed(lease.token, "timeout", message, true), {
    id: lease.id,
    type: lease.type,
    outcome: "failed",
    ms: now - attempt.begunAt,
    attempt: lease.attempt,
    maxAttempts: lease.maxAttempts,
    code: lease.sensitive ? "" : "timeout",
    message: lease.sensitive ? "" : message,
    delayMs: 0,
  });
}
