/** Whatever a handler throws or returns fails its own attempt, and the worker works on. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Cancelled, Discard, Failure, Payload, Release, Snooze, Treadle } from "../src/index.js";
import { inMemory } from "../src/testing/index.js";
import { Lines } from "../src/worker/lines.js";
import { errorCode } from "../src/worker/report.js";
import { App, Server, whileWorking } from "./harness.js";

const wrong = (value: unknown): never => value as never;

function raise(error: unknown): never {
  throw error;
}

function changed(error: object, fields: object): object {
  for (const [name, value] of Object.entries(fields)) Object.defineProperty(error, name, { value });
  return error;
}

function hidden(error: object, ...names: string[]): object {
  for (const name of names)
    Object.defineProperty(error, name, {
      get() {
        throw new Error(`${name} is hidden`);
      },
    });
  return error;
}

function ring(): Error {
  const error = new Error("round");
  error.cause = error;
  return error;
}

const refuse = (): never => raise(new Error("closed"));
const shut = (): object => new Proxy({}, { get: refuse, getPrototypeOf: refuse, ownKeys: refuse, has: refuse });
const unreadable = "what was thrown cannot be shown as text";

/** What a handler does, and the error of its task. */
const SURPRISES: [handler: () => unknown, code: string, message: string | RegExp][] = [
  [() => raise(new Failure(wrong(404), "m")), "TypeError", "code must be text, not number"],
  [() => raise(new Failure(wrong(null), wrong(null))), "TypeError", "code must be text, not null"],
  [() => raise(new Failure("a", wrong({ sku: 5 }))), "TypeError", "message must be text, not object"],
  [() => raise(new Failure(wrong(Symbol("a")))), "TypeError", "code must be text, not symbol"],
  [() => raise(new Failure("a", "b", { retry: wrong("no") })), "TypeError", "retry must be true or false, not string"],
  [() => raise(new Failure("a", "b", { retryAfter: wrong({}) })), "TypeError", /^retryAfter must be milliseconds or/],
  [() => raise(new Failure("a", "b", wrong(null))), "TypeError", "options must be an object, not null"],
  [() => raise(new Discard(wrong(null))), "TypeError", "reason must be text, not null"],
  [() => raise(new Discard("", wrong(7))), "TypeError", "code must be text, not number"],
  [() => raise(new Snooze(wrong(undefined))), "TypeError", /^delay must be milliseconds or text .*, not undefined$/],
  [() => raise(changed(new Failure("a", "b"), { code: 5 })), "TypeError", "code must be text, not number"],
  [() => raise(hidden(new Failure("a", "b"), "code")), "Error", "code is hidden"],
  [() => raise(changed(new Discard("a"), { message: {} })), "TypeError", "message must be text, not object"],
  [() => raise(changed(new Error("m"), { name: {} })), "Error", "m"],
  [() => raise(changed(new TypeError("m"), { name: 5 })), "TypeError", "m"],
  [() => raise(hidden(new RangeError("m"), "name", "constructor")), "Error", "m"],
  [() => raise(changed(new Error("m"), { message: { a: 1 } })), "Error", "[object Object]"],
  [() => raise(changed(new Error("m"), { message: Symbol("m") })), "Error", "Symbol(m)"],
  [() => raise(hidden(new Error("m"), "message")), "Error", unreadable],
  [() => raise(hidden(new Error("m"), "stack", "cause")), "Error", "m"],
  [() => raise(changed(new Error("m"), { stack: [] })), "Error", "m"],
  [() => raise(changed(new Error("m"), { name: "x".repeat(5_000_000) })), "x".repeat(64), "m"],
  [() => raise(ring()), "Error", "round"],
  [() => raise(new Error("m", { cause: shut() })), "Error", "m"],
  [() => raise(Object.create(null)), "thrown", unreadable],
  [() => raise(shut()), "thrown", unreadable],
  [() => raise(hidden({}, "toString")), "thrown", unreadable],
  [() => raise(null), "thrown", "null"],
  [() => raise(Symbol("s")), "thrown", "Symbol(s)"],
  [() => new Proxy({}, { ownKeys: refuse }), "result_invalid", "the result cannot be read: Error: closed"],
  [() => ({ a: { toJSON: refuse } }), "result_invalid", "the result cannot be read: Error: closed"],
  [() => ({ toJSON: () => raise(null) }), "result_invalid", "the result cannot be read: thrown: null"],
  [() => hidden({}, "then"), "Error", "then is hidden"],
  [() => new Payload(wrong(null)), "result_invalid", "result must hold bytes, not null"],
  [() => new Payload("{", "application/json"), "result_invalid", /^result is not JSON/],
  [() => new Payload("a", wrong(5)), "result_invalid", "result.contentType must be text"],
  [() => "x".repeat(2_000_000), "result_too_large", /at most 1048576/],
];

function check(i: number, code: string | undefined, message: string | undefined): void {
  const [, expectedCode, expected] = SURPRISES[i] as (typeof SURPRISES)[number];
  assert.equal(code, expectedCode, `${i}: ${message}`);
  if (typeof expected === "string") assert.equal(message, expected, String(i));
  else assert.match(message ?? "", expected, String(i));
}

test("a surprise fails its attempt with a named error", async (t) => {
  const app = new Treadle();
  const memory = inMemory(t, app);
  class Odd {
    static [Symbol.hasInstance](): boolean {
      return raise(new Error("no instance"));
    }
  }
  const options = { maxAttempts: 1, neverRetry: [wrong(Odd)] };
  const surprise = app.task("surprise", options, (i: number) => SURPRISES[i]?.[0]());
  const handles = await surprise.enqueueMany(SURPRISES.keys());
  await memory.run();
  for (const [i, handle] of handles.entries()) {
    const info = await handle.info();
    assert.equal(info.state, "dead", String(i));
    check(i, info.errorCode, info.errorMessage);
  }
});

test("an error's stack is kept with ten causes and no more", async (t) => {
  const app = new Treadle();
  const memory = inMemory(t, app);
  const rings = app.task("rings", { maxAttempts: 1 }, () => raise(ring()));
  const handle = await rings.enqueue();
  await memory.run();
  const log = await app.client.log(handle.id);
  assert.equal(log.match(/caused by Error: round/g)?.length, 10);
  assert.match(log, /\ncaused by more that is left out\n$/);
});

test("progress takes a number and text", async (t) => {
  const app = new Treadle();
  const memory = inMemory(t, app);
  const tells = app.task("tells", { maxAttempts: 1 }, (_: void, context) => context.progress(0.5, wrong(Symbol("m"))));
  const handle = await tells.enqueue();
  await memory.run();
  assert.equal((await handle.info()).errorMessage, "message must be text, not symbol");
});

test("a released or cancelled attempt is still told from an error", async (t) => {
  const app = new Treadle();
  const memory = inMemory(t, app);
  let runs = 0;
  const released = app.task("released", { maxAttempts: 1 }, () => {
    if (++runs === 1) throw new Release();
    if (runs === 2) throw new Cancelled("shutdown");
    return runs;
  });
  const handle = await released.enqueue();
  await memory.run();
  assert.equal(await handle.result(), 3);
});

test("lines that nobody takes stop nothing", () => {
  const lines = new Lines({ write: () => raise(new Error("no disk")), json: false });
  lines.say("hello");
  lines.ended([]);
});

test("the code of an error is short, however long its name is", () => {
  assert.equal(errorCode("é".repeat(1_000_000)), "é".repeat(32));
  assert.equal(errorCode("\ud800"), "\ufffd");
  assert.equal(errorCode(""), "failed");
});

test("one slot outlives every surprise", async () => {
  const server = await new Server().start();
  const app = new App(server.url);
  const surprise = app.task("surprise", app.own({ maxAttempts: 1 }), (i: number) => SURPRISES[i]?.[0]());
  await whileWorking(
    app,
    async () => {
      const handles = await surprise.enqueueMany(SURPRISES.keys());
      for (const [i, handle] of handles.entries()) {
        const { errorCode: code, errorMessage } = await handle.wait({ timeout: "30s" });
        check(i, code, errorMessage);
      }
    },
    { concurrency: 1 },
  );
});
