/** Workers against the real server: what becomes of tasks, and what a handler gets. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { Discard, Failure, Payload, Snooze } from "../src/index.js";
import type { Context, TaskHandle } from "../src/index.js";
import { humanLine, jsonLine, printable, shortTime } from "../src/worker/lines.js";
import { readExchange } from "../src/worker/lease.js";
import { App, Server, until, whileWorking } from "./harness.js";

const server = await new Server().start();
const soon = { timeout: "30s" };

test("payloads and results of every kind are exact", async () => {
  const app = new App(server.url);
  const seen: unknown[] = [];
  const echo = app.task("echo", app.own(), (payload: unknown, context) => {
    seen.push(createHash("sha256").update(context.payload.data).digest("hex"));
    return payload;
  });
  const values = [
    { n: 9007199254740993n, s: "1234567890123456789", ä: ["😀 \u2028", null, -0.5] },
    2n ** 63n,
    null,
    "text",
  ];
  await whileWorking(app, async () => {
    for (const value of values) assert.deepEqual(await (await echo.enqueue(value)).result(soon), value);
    const bytes = (await (await echo.enqueue(new Payload("ÿ", "text/plain"))).result(soon)) as Payload;
    assert.deepEqual([bytes.text(), bytes.contentType], ["ÿ", "text/plain"]);
    assert.equal(await (await echo.enqueue()).result(soon), null);
    assert.equal(new Set(seen).size, values.length + 1);
  });
});

test("a context tells what surrounds its attempt", async () => {
  const app = new App(server.url);
  const found: Partial<Record<keyof Context, unknown>> = {};
  const look = app.task("look", { ...app.own(), timeout: "1h" }, (_: void, context) => {
    const { id, type, queue, attempt, maxAttempts, isCancelled, sensitive } = context;
    Object.assign(found, { id, type, queue, attempt, maxAttempts, isCancelled, sensitive });
    return [context.enqueuedAt, context.taskDeadline, context.deadline, context.remaining()];
  });
  await whileWorking(app, async () => {
    const handle = await look.enqueue(undefined, { retries: 3, deadline: "2h" });
    const [enqueuedAt, taskDeadline, deadline, remaining] = (await handle.result(soon)) as unknown as string[];
    const { queue } = app;
    const expected = {
      id: handle.id,
      type: "look",
      queue,
      attempt: 1,
      maxAttempts: 4,
      isCancelled: false,
      sensitive: false,
    };
    assert.deepEqual(found, expected);
    const info = await handle.info();
    assert.equal(enqueuedAt, info.enqueuedAt?.toISOString());
    assert.equal(taskDeadline, info.deadlineAt?.toISOString());
    assert.ok(Math.abs(Date.parse(deadline as string) - Date.now() - 3_600_000) < 20_000, deadline);
    assert.ok(Number(remaining) > 3_590_000);
  });
});

test("errors are failures with their class as code, and some are never retried", async () => {
  const app = new App(server.url);
  class SoldOut extends Error {}
  const bug = app.task("bug", { ...app.own({ retries: 1 }) }, () => {
    throw new TypeError("no such file", { cause: new Error("the disk is gone") });
  });
  const soldOut = app.task("sold_out", { ...app.own(), neverRetry: [SoldOut] }, () => {
    throw new SoldOut("no more");
  });
  const later = app.task("later", app.own(), () => {
    throw new Failure("later", "m", { retryAfter: "1h" });
  });
  const silly = app.task("silly", app.own({ maxAttempts: 1 }), () => {
    throw "text"; // eslint-disable-line no-throw-literal
  });
  await whileWorking(app, async (running) => {
    const handle = await bug.enqueue();
    await until(() => /bug failed \(TypeError: no such file\), attempt 1 of 2, retrying in \d+ ms/.test(running.text));
    const text = await until(() => app.client.log(handle.id, 1));
    assert.match(text, /TypeError: no such file\n\s+at .*worker\.test/);
    assert.match(text, /caused by Error: the disk is gone/);
    const dead = await (await soldOut.enqueue()).wait(soon);
    assert.deepEqual([dead.state, dead.errorCode, dead.errorMessage], ["dead", "SoldOut", "no more"]);
    await until(() => running.text.includes("sold_out failed (SoldOut: no more), attempt 1 of 20, dead"));
    const waits = await later.enqueue();
    const info = await until(
      () => waits.info(),
      (each) => each.state === "retrying",
    );
    assert.ok((info.nextAttemptAt?.getTime() ?? 0) > Date.now() + 3_500_000);
    const thrown = await (await silly.enqueue()).wait(soon);
    assert.deepEqual([thrown.errorCode, thrown.errorMessage], ["thrown", "text"]);
  });
});

test("snoozing spends no attempt, discarding cancels", async () => {
  const app = new App(server.url);
  let runs = 0;
  const snoozes = app.task("snoozes", app.own({ maxAttempts: 1 }), (_: void, context) => {
    if (++runs === 1) throw new Snooze(20);
    return context.attempt;
  });
  const discards = app.task("discards", app.own(), () => {
    throw new Discard("too late");
  });
  await whileWorking(app, async (running) => {
    assert.equal(await (await snoozes.enqueue()).result(soon), 1);
    const ended = await (await discards.enqueue()).wait(soon);
    assert.deepEqual([ended.state, ended.errorCode, ended.errorMessage], ["cancelled", "discarded", "too late"]);
    await until(
      () => running.text.includes("snoozes snoozed for 20 ms") && running.text.includes("discards discarded"),
    );
  });
});

test("middleware surrounds handlers, the first outermost", async () => {
  const app = new App(server.url);
  const order: string[] = [];
  app.use(async (context, next) => {
    order.push(`outer ${context.type}`);
    const result = await next();
    order.push(`outer ${String(result)}`);
    return "changed";
  });
  app.use((_, next) => (order.push("inner"), next()));
  const plain = app.task("plain", app.own(), () => (order.push("handler"), "result"));
  await whileWorking(app, async () => {
    assert.equal(await (await plain.enqueue()).result(soon), "changed");
    assert.deepEqual(order, ["outer plain", "inner", "handler", "outer result"]);
  });
});

test("steps are done once, checkpoints go on, progress and lines are shown", async () => {
  const app = new App(server.url);
  let charges = 0;
  const quick = { retry: { base: 1, jitter: "none" as const } };
  const works = app.task("works", app.own(quick), async (_: void, context) => {
    const receipt = await context.step("charge", () => ({ id: ++charges, big: 2n ** 60n }));
    const at = context.checkpoint<number>() ?? 0;
    context.progress(0.5, `at ${at}`);
    context.log.info("at %d of %s", at, "3");
    context.log.warn({ at });
    await context.saveCheckpoint(at + 1);
    if (at < 2) throw new Failure("again");
    return { receipt, at };
  });
  await whileWorking(app, async () => {
    const handle = await works.enqueue();
    assert.deepEqual(await handle.result(soon), { receipt: { id: 1, big: 2n ** 60n }, at: 2 });
    assert.equal((await handle.info()).attempt, 3);
    assert.match(await app.client.log(handle.id, 2), /^\S+Z at 1 of 3\n\S+Z WARN \{ at: 1 \}\n$/);
    const attempts = await app.client.attempts(handle.id);
    assert.deepEqual(
      attempts.map((each) => each["outcome"]),
      ["failed", "failed", "completed"],
    );
  });
});

test("a step that is too large is refused, and its task is dead", async () => {
  const app = new App(server.url);
  const works = app.task("large_step", app.own(), (_: void, context) =>
    context.step("large", () => "x".repeat((1 << 20) + 1)),
  );
  await whileWorking(app, async () => {
    const ended = await (await works.enqueue()).wait(soon);
    assert.deepEqual([ended.state, ended.errorCode], ["dead", "step_not_saved"]);
  });
});

test("a handler that takes longer than its timeout is cancelled, also if it does not listen", async () => {
  const app = new App(server.url);
  const how = { ...app.own({ maxAttempts: 1 }), timeout: 50 };
  const listens = app.task("listens", how, (_: void, context) => context.sleep("1h"));
  const deaf = app.task("deaf", how, () => new Promise(() => undefined));
  await whileWorking(
    app,
    async (running) => {
      for (const task of [listens, deaf]) {
        const ended = await (await task.enqueue()).wait(soon);
        assert.deepEqual([ended.state, ended.errorCode], ["dead", "timeout"], running.text);
      }
      assert.match(running.text, /listens failed \(timeout: the attempt took longer than 50 ms\)/);
    },
    { cancelWait: 50 },
  );
});

test("a cancellation reaches the handler, whose result still counts", async () => {
  const app = new App(server.url);
  const waits = app.task("waits", app.own(), async (completes: boolean, context) => {
    await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    if (completes) return context.cancelCause;
    context.check();
    return "not reached";
  });
  await whileWorking(app, async () => {
    const running = async (handle: TaskHandle): Promise<unknown> =>
      until(
        () => handle.info(),
        (each) => each.state === "running",
      );
    const [first, second] = await waits.enqueueMany([true, false]);
    for (const each of [first, second] as [TaskHandle, TaskHandle]) {
      await running(each);
      assert.equal(await each.cancel("because"), "running");
    }
    assert.equal(await first?.result(soon), "requested");
    const ended = await second?.wait(soon);
    assert.deepEqual([ended?.state, ended?.errorCode, ended?.errorMessage], ["cancelled", "asked", "because"]);
  });
});

test("pools keep long tasks from starving short ones", async () => {
  const app = new App(server.url);
  app.pool("slow", { queues: [`${app.queue}.slow`], concurrency: 1 });
  const slow = { queue: `${app.queue}.slow`, pool: "slow" };
  const long = app.task("long", slow, (_: void, context) => context.sleep("1h"));
  const short = app.task("short", app.own(), () => "done");
  await whileWorking(app, async (running) => {
    const handles = await long.enqueueMany([undefined, undefined]);
    await until(
      () => handles[0]?.info(),
      (each) => each?.state === "running",
    );
    assert.equal(await (await short.enqueue()).result(soon), "done");
    assert.match((await handles[0]?.info())?.worker ?? "", /\.slow$/);
    assert.equal((await handles[1]?.info())?.state, "ready");
    await running.stop(2);
  });
});

test("what was fetched ahead of a long task goes back unspent", async () => {
  const app = new App(server.url);
  const task = app.task("mixed", app.own(), (ms: number, context) => (ms > 0 ? context.sleep(ms) : undefined));
  await whileWorking(
    app,
    async () => {
      await task.enqueueMany(Array.from({ length: 400 }, () => 0));
      const long = await task.enqueue(3_600_000, { priority: 0 });
      await until(
        () => long.info(),
        (each) => each.state === "running",
      );
      const behind = await task.enqueueMany(Array.from({ length: 50 }, () => 0));
      const other = new App(server.url);
      other.task("mixed", () => "elsewhere");
      await whileWorking(
        other,
        async () => {
          for (const each of behind) assert.equal((await each.wait(soon)).attempt, 1);
        },
        { queues: [app.queue] },
      );
      await long.cancel();
    },
    { concurrency: 1 },
  );
});

test("lines of a sensitive task say nothing of it", async () => {
  const app = new App(server.url);
  const secret = app.task("secret", app.own({ sensitive: true, maxAttempts: 1 }), () => {
    throw new Error("password");
  });
  await whileWorking(app, async (running) => {
    const { id } = await secret.enqueue();
    await until(() => running.text.includes(`${id} secret failed, attempt 1 of 1, dead\n`));
    assert.ok(!running.text.includes("password"));
  });
});

test("a worker stops for an AbortSignal, and says nothing when it is quiet", async () => {
  const app = new App(server.url);
  const task = app.task("t", app.own(), () => null);
  const stop = new AbortController();
  let text = "";
  const lines = (line: string): void => void (text += line);
  const ended = app.work({ signal: stop.signal, signals: false, quiet: true, lines });
  await (await task.enqueue()).result(soon);
  stop.abort();
  await ended;
  assert.equal(text, "");
});

test("lines are for people or for programs", () => {
  const ending = {
    id: "1-6",
    type: "resize",
    outcome: "failed" as const,
    ms: 12.7,
    attempt: 1,
    maxAttempts: 20,
    code: "Error",
    message: "first\nlast \u001b[31m",
    delayMs: 0,
  };
  const answer = { state: "retrying", retry_in_ms: 222 };
  assert.equal(
    humanLine(ending, answer),
    "1-6 resize failed (Error: last \\x1b[31m), attempt 1 of 20, retrying in 222 ms",
  );
  const fields = JSON.parse(jsonLine(ending, answer)) as Record<string, unknown>;
  assert.deepEqual(
    [fields["task"], fields["ms"], fields["code"], fields["error"], fields["retry_in_ms"]],
    ["1-6", 12, "Error", ending.message, 222],
  );
  assert.deepEqual([999, 4_250, 185_000, 7_500_000, 97_200_000].map(shortTime), [
    "999 ms",
    "4.2 s",
    "3 min 5 s",
    "2 h 5 min",
    "1 d 3 h",
  ]);
  assert.equal(printable("ä\u202e\n"), "ä\\u{202e}\\x0a");
});

test("leases are read wherever their payload stands, and damage is noticed", () => {
  const sha = (text: string): string => createHash("sha256").update(text).digest("hex");
  const head = (payload: string, more = ""): string =>
    `{"token":"1-1.1.1","id":"1-1","queue":"q","type":"t","attempt":1,"max_attempts":2,"lease_ms":1,` +
    `"enqueued_at":"2026-01-01T00:00:00Z","content_type":"application/json","payload_sha256":"${sha(payload)}"${more}`;
  const payload = '{"payload": [1, "}"],"n":1.0}';
  const texts = [
    `${head(payload)},"payload":${payload}}`,
    `${head(payload, ',"steps":[{"name":"s","payload":1,"result":2}]')},"payload":${payload}}`,
    `${head(payload)},"payload":${payload} , "sensitive" : true}`,
  ];
  const answer = (leases: string): string => `{"leases":[${leases}],"reports":[],"lost":[],"cancelled":[]}`;
  for (const text of texts) {
    const lease = readExchange(answer(text)).leases[0];
    assert.deepEqual([lease?.raw, lease?.isDamaged], [payload, false], text);
  }
  const damaged = readExchange(answer(`${head(payload)},"payload":{}}`)).leases[0];
  assert.equal(damaged?.isDamaged, true);
  assert.equal(readExchange(answer(texts.join(","))).leases.length, 3);
  for (const text of ["", "{}", "[]", answer("{}"), answer("").slice(0, -1), "<html>"])
    assert.throws(() => readExchange(text), { code: "INTERNAL" }, text);
});
