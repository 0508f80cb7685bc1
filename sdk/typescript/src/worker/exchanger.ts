/**
 * Exchanger: a worker's conversation with its server, one stream of exchanges with rising sequence.
 *
 * It has two lanes with a connection each, of which one usually holds a parked long poll: a report goes out at once
 * on the other, and the server then ends the older poll. While there is much to report, both are at work, and an
 * exchange is under way before the last one's answer is in. An exchange that was not answered is sent again, with
 * its sequence, its reports and its wish, before anything newer, for as long as it takes: the server's answers are
 * the same again.
 */

import { randomBytes } from "node:crypto";
import { isRefusal, mayPass, type TreadleError } from "../errors.js";
import { Backoff } from "../http/backoff.js";
import { Connection, type ConnectionOptions } from "../http/connection.js";
import { ITEMS_MAX, type Attempts } from "./attempts.js";
import { readExchange, type ExchangeAnswer, type ReportAnswer } from "./lease.js";
import type { Ended } from "./lines.js";
import { failed, Report } from "./report.js";

const LANES = 2;
const IN_FLIGHT_MAX = 4; // exchanges that the server lets a worker have under way
const ANSWER_MS = 15_000; // a healthy server answers within this, beyond the wait it was asked for
const AT_ONCE_MS = 100; // an answer that came sooner has not waited for news
const NOTHING_MAX = 2; // answers at once that bring nothing: a race, perhaps
const BEFORE_PARKING_MS = 5; // a full worker's first reports often follow at once
const RETRY_AFTER_MS_MAX = 60_000;

export interface ExchangerOptions {
  readonly connection: ConnectionOptions;
  readonly worker: string;
  readonly build: string;
  readonly queues: readonly string[];
  readonly types: readonly string[];
  readonly pollWaitMs: number;
  /** For the server to take the last exchange. */
  readonly goodbyeMs: number;
  /** Takes one line. */
  readonly log: (line: string) => void;
  /** Attempts whose reports were taken. */
  readonly ended: (ended: Ended[]) => void;
  /** An answer came, there is news of the attempts, or the exchanger gave up. */
  readonly progressed: () => void;
}

class Exchange {
  want = 0;
  isRepeated = false;
  askedAt = 0;
  renew: string[] = [];
  reports: Report[] = [];

  constructor(
    readonly sequence: number,
    public waitMs: number,
    public answered: number,
  ) {}

  /** It may hang on at the server, and a newer one may go beside it. */
  get parks(): boolean {
    return this.reports.length === 0 && !this.isRepeated;
  }
}

export class Exchanger {
  private readonly head: string; // what each exchange begins with
  private readonly names: string;
  private readonly types: ReadonlySet<string>;
  private idle: Connection[];
  private readonly connections: Connection[];
  private sequence = 0; // of the newest exchange
  private inFlight: Exchange[] = [];
  private unanswered: Exchange[] = []; // by sequence
  private retryAt = 0;
  private renewAt = 0;
  private quietSince = 0; // the last answer
  private lostSince: number | undefined; // no answer since
  private lostCode = ""; // what was logged about that
  private saidNothing = 0; // answers at once, one after the other
  private readonly backoff = new Backoff();
  private refusal: TreadleError | undefined;
  private endedNow: Ended[] = [];
  private isStarted = false;
  private isDraining = false;
  private isStopped = false;
  private pumping: NodeJS.Immediate | undefined;
  private alarm: NodeJS.Timeout | undefined;
  private alarmAt = Infinity;

  constructor(
    private readonly options: ExchangerOptions,
    private readonly attempts: Attempts,
  ) {
    const { worker, build, queues, types } = options;
    const incarnation = randomBytes(8).toString("hex");
    const built = build === "" ? "" : `,"build":${JSON.stringify(build)}`;
    this.head = `{"worker":${JSON.stringify(worker)}${built},"incarnation":"${incarnation}"`;
    this.names = `,"queues":${JSON.stringify(queues)},"types":${JSON.stringify(types)}`;
    this.types = new Set(types);
    this.connections = Array.from({ length: LANES }, () => new Connection(options.connection));
    this.idle = [...this.connections];
  }

  /** Begins to ask for tasks. Once. */
  start(): void {
    this.isStarted = true;
    this.pump();
  }

  /** There are reports, or a task less. What changes in one turn of the event loop goes together. */
  changed(): void {
    this.pumping ??= setImmediate(() => {
      this.pumping = undefined;
      this.pump();
      if (this.isDraining) this.options.progressed();
    });
  }

  /** Asks for no more tasks; reports and renewals go on. The attempts must be draining. */
  drain(): void {
    this.isDraining = true;
    this.changed();
  }

  /** True when nothing runs, all reports are answered, and no lease is on its way as far as anyone can know. */
  isIdle(): boolean {
    if (this.attempts.isBusy()) return false;
    const mayBring = (each: Exchange): boolean =>
      each.reports.length > 0 || (each.want > 0 && this.lostSince === undefined);
    return !this.inFlight.some(mayBring) && this.unanswered.every((each) => each.reports.length === 0);
  }

  /** Why the exchanger gave up: the server refuses this worker for good. */
  get failure(): TreadleError | undefined {
    return this.refusal;
  }

  /**
   * Ends the calls under way, and says goodbye, with what is still to be reported: the server then releases
   * whatever this worker holds. How many reports did not arrive.
   */
  async stop(): Promise<number> {
    this.isStopped = true;
    clearTimeout(this.alarm);
    clearImmediate(this.pumping);
    for (const each of this.connections) each.cancel();
    while (this.inFlight.length > 0) await new Promise((resolve) => setImmediate(resolve));
    return this.sayGoodbye();
  }

  /** Without it, the server would wait until the leases end, and count this worker as lost. */
  private async sayGoodbye(): Promise<number> {
    const reports = this.unanswered.flatMap((each) => each.reports);
    this.unanswered = [];
    for (let more = this.attempts.takeReports(); more.length > 0; more = this.attempts.takeReports())
      reports.push(...more);
    const isGone = this.sequence === 0 || this.lostSince !== undefined || this.refusal !== undefined;
    if (isGone) return reports.length;
    ++this.sequence;
    const last = new Exchange(this.sequence, 0, this.sequence - 1);
    last.reports = reports.slice(0, ITEMS_MAX);
    const { connection, goodbyeMs } = this.options;
    const own = new Connection({ ...connection, connectTimeoutMs: Math.min(connection.connectTimeoutMs, goodbyeMs) });
    try {
      const answer = await this.ask(own, last, true);
      const unsent = reports.length - last.reports.length;
      return unsent + answer.reports.filter((each) => mayPass(each.code ?? "UNKNOWN")).length;
    } catch {
      return reports.length;
    } finally {
      own.close();
    }
  }

  // ---- asking ----

  /** Sends whatever is due, and sees to it that what is due later is sent then. */
  private pump(): void {
    if (!this.isStarted) return;
    while (!this.isStopped) {
      const now = performance.now();
      const next = this.nextAt(now);
      if (typeof next === "number") return this.wakeAt(next, now);
      this.send(next, now);
    }
  }

  private wakeAt(at: number, now: number): void {
    if (at === this.alarmAt) return;
    clearTimeout(this.alarm);
    this.alarmAt = at;
    if (at === Infinity) return;
    this.alarm = setTimeout(
      () => {
        this.alarmAt = Infinity;
        this.pump();
      },
      Math.ceil(Math.max(at - now, 0)),
    );
  }

  /** What is to be sent now, or when there is something to send as far as is known. */
  private nextAt(now: number): Exchange | number {
    if (now < this.retryAt) return this.retryAt;
    if (this.inFlight.length === LANES) return Infinity;
    if (this.unanswered.length > 0) return this.takeUnanswered(now);
    // An old one may take long to end.
    if (this.sequence - this.answeredBefore(this.sequence + 1) >= IN_FLIGHT_MAX) return Infinity;
    const other = this.inFlight[0];
    if (other !== undefined && !other.parks) return this.besideBusy(now, other);
    const want = this.attempts.free();
    const due = this.newIsDueAt(now, want, other);
    return due <= now ? this.makeNew(now, want) : due;
  }

  /** Beside one that brings reports: only with much to say, or all would be cut in two. */
  private besideBusy(now: number, other: Exchange): Exchange | number {
    if (!this.attempts.hasManyReports()) return Infinity;
    return this.makeNew(now, Math.max(this.attempts.free() - other.want, 0));
  }

  private newIsDueAt(now: number, want: number, parked: Exchange | undefined): number {
    const reportsAt = this.attempts.reportsDueAt();
    const renewAt = this.attempts.held() > 0 ? this.renewAt : Infinity;
    if (parked !== undefined) {
      if (want > parked.want || (this.isDraining && parked.want > 0)) return now;
      return Math.min(reportsAt, renewAt);
    }
    if (reportsAt !== Infinity) return Math.min(reportsAt, renewAt);
    if (want > 0) return now;
    return Math.min(renewAt, this.quietSince + BEFORE_PARKING_MS);
  }

  private makeNew(now: number, want: number): Exchange {
    ++this.sequence;
    const exchange = new Exchange(this.sequence, this.options.pollWaitMs, this.answeredBefore(this.sequence));
    const promised = this.inFlight.reduce((sum, each) => sum + each.want, this.attempts.held());
    exchange.want = Math.min(want, Math.max(ITEMS_MAX - promised, 0));
    exchange.reports = this.attempts.takeReports();
    if (now >= this.renewAt) this.renew(now, exchange);
    return exchange;
  }

  private takeUnanswered(now: number): Exchange {
    const exchange = this.unanswered.shift() as Exchange;
    exchange.isRepeated = true;
    exchange.waitMs = 0;
    exchange.answered = this.answeredBefore(exchange.sequence);
    this.renew(now, exchange);
    return exchange;
  }

  private renew(now: number, exchange: Exchange): void {
    exchange.renew = this.attempts
      .heldAttempts()
      .slice(0, ITEMS_MAX)
      .map((each) => each.lease.token);
    this.renewAt = now + this.attempts.shortestLeaseMs() / 3;
  }

  private answeredBefore(sequence: number): number {
    let first = sequence;
    for (const each of this.inFlight) first = Math.min(first, each.sequence);
    for (const each of this.unanswered) first = Math.min(first, each.sequence);
    return first - 1;
  }

  private send(exchange: Exchange, now: number): void {
    const connection = this.idle.pop() as Connection;
    exchange.askedAt = now;
    this.inFlight.push(exchange);
    const settle = (how: () => void): void => {
      this.idle.push(connection);
      this.inFlight = this.inFlight.filter((each) => each !== exchange);
      how();
      this.settled();
    };
    this.ask(connection, exchange, false).then(
      (answer) => settle(() => this.apply(exchange, answer)),
      (error: TreadleError) => settle(() => this.fail(exchange, error)),
    );
  }

  private async ask(connection: Connection, exchange: Exchange, isLast: boolean): Promise<ExchangeAnswer> {
    const { sequence, answered, want, waitMs, renew, reports } = exchange;
    let body = `${this.head},"sequence":${sequence}`;
    if (answered !== sequence - 1) body += `,"answered":${answered}`;
    body += `${this.names},"want":${want},"wait_ms":${waitMs}`;
    if (renew.length > 0) body += `,"renew":["${renew.join('","')}"]`;
    if (reports.length > 0) body += `,"reports":[${reports.map((each) => each.json).join(",")}]`;
    body += isLast ? ',"goodbye":true}' : "}";
    const timeoutMs = isLast ? this.options.goodbyeMs : waitMs + ANSWER_MS;
    const answer = await connection.call("POST", "/v1/exchange", body, { timeoutMs });
    return readExchange(answer.body.toString("utf8"));
  }

  // ---- answers ----

  private settled(): void {
    const ended = this.endedNow;
    this.endedNow = [];
    this.pump();
    if (ended.length > 0) this.options.ended(ended);
    this.options.progressed();
  }

  private apply(exchange: Exchange, answer: ExchangeAnswer): void {
    const now = performance.now();
    this.quietSince = now;
    if (this.lostSince !== undefined) {
      this.options.log(`the server is back after ${Math.round(now - this.lostSince)} ms`);
      this.lostSince = undefined;
    }
    const lost = answer.lost.length > 0 ? this.attempts.lose(answer.lost) : 0;
    if (lost > 0)
      this.options.log(`${lost} lease(s) lost, the first of ${answer.lost[0]}: cancelled here, run again elsewhere`);
    if (answer.cancelled.length > 0) this.attempts.cancel(answer.cancelled);
    const saysSomething = this.saysSomething(exchange, answer, lost);
    const isReported = this.applyReports(exchange.reports, answer.reports);
    if (saysSomething) this.saidNothing = 0;
    if (isReported && saysSomething) this.backoff.reset();
    else this.noteNothing(isReported);
    if (answer.leases.length === 0) return;
    this.attempts.put(answer.leases, exchange.isRepeated);
    this.renewAt = Math.min(this.renewAt, now + this.attempts.shortestLeaseMs() / 3);
  }

  private noteNothing(isReported: boolean): void {
    if (isReported) {
      if (++this.saidNothing <= NOTHING_MAX) return;
      if (this.saidNothing === NOTHING_MAX + 1)
        this.options.log(
          "the server answers at once that there is nothing, though it was asked to wait; asking less often",
        );
    }
    this.retryLater(0);
  }

  /**
   * Else it was no answer worth asking for again at once. One that a newer exchange has ended says nothing either,
   * and is as it should be.
   */
  private saysSomething(exchange: Exchange, answer: ExchangeAnswer, lost: number): boolean {
    return (
      answer.leases.some((each) => this.types.has(each.type)) ||
      lost > 0 ||
      exchange.reports.length > 0 ||
      exchange.isRepeated ||
      exchange.sequence !== this.sequence ||
      this.quietSince - exchange.askedAt >= AT_ONCE_MS
    );
  }

  /** False if some must be sent again. */
  private applyReports(reports: readonly Report[], answers: readonly ReportAnswer[]): boolean {
    const again: Report[] = [];
    const fallbacks: Report[] = [];
    reports.forEach((report, i) => {
      let answer: ReportAnswer | undefined = answers[i];
      if (answer?.token !== report.token) answer = answers.find((each) => each.token === report.token);
      const { code = "UNKNOWN", detail = "" } = answer ?? {};
      if (code === "OK") {
        if (report.ending !== undefined) this.endedNow.push({ ending: report.ending, answer: answer ?? {} });
      } else if (mayPass(code)) {
        again.push(report);
      } else if (code === "INVALID_ARGUMENT" && !report.isFallback) {
        this.options.log(`the server cannot take the report for ${report.token}: ${detail}`);
        fallbacks.push(fallback(report.token, "result_invalid", detail, false));
      } else {
        this.options.log(`the report for ${report.token} was refused and is dropped: ${code} ${detail}`);
      }
    });
    this.attempts.putBack([...fallbacks, ...again]);
    return again.length === 0;
  }

  /**
   * One of the reports may be why the server refused them all. Each goes alone now; one that is refused alone is
   * replaced by the failure of its attempt, and that, at last, is dropped: its lease ends by itself.
   */
  private sendApart(reports: readonly Report[], why: TreadleError): void {
    let apart = reports;
    const only = reports.length === 1 ? reports[0] : undefined;
    if (only !== undefined) {
      this.options.log(`the server cannot take the report for ${only.token}: ${why.message}`);
      if (only.isFallback) return;
      apart = [fallback(only.token, "report_invalid", why.message, true)];
    }
    for (const each of apart) each.goesAlone = true;
    this.attempts.putBack(apart);
  }

  private fail(exchange: Exchange, why: TreadleError): void {
    if ((why.code === "INVALID_ARGUMENT" || why.code === "OUT_OF_RANGE") && exchange.reports.length > 0) {
      this.renewAt = 0; // what it was to renew waits for that
      return this.sendApart(exchange.reports, why);
    }
    if (exchange.sequence !== this.sequence && !mayPass(why.code)) {
      this.attempts.putBack(exchange.reports); // the server wants no older one any more
      return;
    }
    this.unanswered.push(exchange);
    this.unanswered.sort((one, other) => one.sequence - other.sequence);
    if (isRefusal(why.code)) {
      this.refusal = why;
      this.isStopped = true;
      return;
    }
    if (this.isStopped) return;
    this.noteLost(why);
    this.retryLater(why.retryAfter ?? 0);
  }

  private noteLost(why: TreadleError): void {
    // What is wrong with the answers of a wrong server is news, though the right one was lost before.
    const isNews = this.lostSince === undefined || (why.code === "INTERNAL" && this.lostCode !== why.code);
    if (!isNews) return;
    this.lostSince ??= performance.now();
    this.lostCode = why.code;
    this.options.log(`${why.message}; trying again until it answers`);
  }

  private retryLater(atLeastMs: number): void {
    const now = performance.now();
    if (now < this.retryAt) return; // both connections broke, for one reason
    this.retryAt = now + Math.max(this.backoff.nextMs(), Math.min(atLeastMs, RETRY_AFTER_MS_MAX));
  }
}

function fallback(token: string, code: string, why: string, retry: boolean): Report {
  return new Report(token, failed(token, code, why, retry), undefined, true);
}
