/** The client against the real server. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import {
  AlreadyExistsError,
  Client,
  DeadlineExceededError,
  InternalError,
  InvalidArgumentError,
  NotFoundError,
  Payload,
  ResourceExhaustedError,
  TaskCancelledError,
  UnavailableError,
  type TaskOptions,
  type TreadleError,
} from "../src/index.js";
import { App, Proxy, Server, until } from "./harness.js";

const server = await new Server().start();

const refuses =
  (kind: new (message: string) => TreadleError, field?: string) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof kind, String(error));
    assert.equal(error.field, field, error.message);
    return true;
  };

test("every option reaches the server", async () => {
  const app = new App(server.url);
  const options: TaskOptions = {
    priority: 7,
    runAt: new Date("2100-01-01T00:00:00Z"),
    expires: "2h",
    deadline: new Date("2100-01-02T00:00:00.250Z"),
    attemptTimeout: 1_500,
    retries: 2,
    retry: { backoff: "listed", delays: ["1s", 2_000], jitter: "none", total: "1h", never: ["a"], always: ["b"] },
    key: "ä-1",
    keyWindow: "1h",
    onDuplicate: "refuse",
    tags: ["b", "a"],
    sensitive: true,
  };
  const { id } = await app.client.enqueue("t", 1, app.own(options));
  const found = await server.fetch("GET", `/v1/tasks/${id}`);
  assert.equal(found["state"], "scheduled");
  assert.equal(found["run_at"], "2100-01-01T00:00:00.000Z");
  assert.equal(found["deadline_at"], "2100-01-02T00:00:00.250Z");
  assert.deepEqual(
    [found["priority"], found["max_attempts"], found["attempt_timeout_ms"], found["idempotency_key"], found["tags"]],
    [7, 3, 1_500, "ä-1", ["a", "b"]],
  );
  assert.equal(found["sensitive"], true);
  const retry = found["retry"] as Record<string, unknown>;
  assert.deepEqual([retry["delays_ms"], retry["total_ms"], retry["never"]], [[1_000, 2_000], 3_600_000, ["a"]]);
  await assert.rejects(app.client.enqueue("t", 1, app.own(options)), refuses(AlreadyExistsError));
});

test("wrong options are refused with their names", async () => {
  const app = new App(server.url);
  const enqueue = (options: TaskOptions): Promise<unknown> => app.client.enqueue("t", 1, app.own(options));
  await assert.rejects(enqueue({ priority: 10 }), refuses(InvalidArgumentError, "priority"));
  await assert.rejects(enqueue({ delay: -1 }), refuses(InvalidArgumentError, "delay"));
  await assert.rejects(enqueue({ delay: "soon" }), refuses(InvalidArgumentError, "delay"));
  await assert.rejects(enqueue({ runAt: new Date(NaN) }), refuses(InvalidArgumentError, "runAt"));
  await assert.rejects(enqueue({ retries: 1, maxAttempts: 1 }), refuses(InvalidArgumentError, "retries"));
  await assert.rejects(enqueue({ prio: 1 } as TaskOptions), refuses(InvalidArgumentError, "prio"));
  await assert.rejects(app.client.enqueue("no name"), refuses(InvalidArgumentError, "type"));
  assert.throws(() => new Client({ server: "https://x:0" }), refuses(InvalidArgumentError, "servers"));
});

test("a handler or middleware that is none is refused", () => {
  const app = new App(server.url);
  const none = undefined as never;
  assert.throws(() => app.task("none", none), refuses(InvalidArgumentError, "handler"));
  assert.throws(() => app.task("none", {}, none), refuses(InvalidArgumentError, "handler"));
  assert.throws(() => app.use(none), refuses(InvalidArgumentError, "middleware"));
  assert.deepEqual([app.tasks.size, app.middlewares.length], [0, 0]);
});

test("payloads at the limit are taken, larger ones are refused before they are sent", async () => {
  const app = new App(server.url);
  const text = "x".repeat((1 << 20) - 2);
  const bytes = new Uint8Array(1 << 20).fill(255);
  const [one, other] = [
    await app.client.enqueue("t", text, app.own()),
    await app.client.enqueue("t", bytes, app.own()),
  ];
  assert.equal((await app.client.payload(one.id)).value(), text);
  const kept = await app.client.payload(other.id);
  assert.deepEqual([kept.contentType, Buffer.compare(kept.data, bytes)], ["application/octet-stream", 0]);
  for (const large of [`${text}x`, new Uint8Array((1 << 20) + 1)])
    await assert.rejects(app.client.enqueue("t", large, app.own()), refuses(InvalidArgumentError, "payload"));
});

test("bytes, big numbers and Unicode come back exactly", async () => {
  const app = new App(server.url);
  const value = { ä: "😀 \u2028", n: 9007199254740993n, f: 1.5, at: new Date(0) };
  const { id } = await app.client.enqueue("t", value, app.own());
  assert.deepEqual((await app.client.payload(id)).value(), { ...value, at: "1970-01-01T00:00:00.000Z" });
  const png = new Payload(Buffer.from([0, 255, 128]), "image/png");
  const back = await app.client.payload((await app.client.enqueue("t", png, app.own())).id);
  assert.deepEqual([back.contentType, [...back.data]], ["image/png", [0, 255, 128]]);
});

test("an enqueue whose answer is lost makes one task", async () => {
  const proxy = await Proxy.to(server);
  const app = new App(proxy.url);
  await app.client.enqueue("t", 0, app.own());
  proxy.lose("/v1/tasks", 3);
  await app.client.enqueue("t", 1, app.own());
  proxy.lose("/v1/tasks", 2);
  await app.client.enqueueMany("t", [2, 3], app.own());
  assert.equal(proxy.left, 0);
  assert.equal((await server.queue(app.queue))["accepted"], 4);
});

test("without keys, an enqueue whose answer is lost says that nobody knows", async () => {
  const proxy = await Proxy.to(server);
  const client = new Client({ server: proxy.url, keys: false });
  const queue = new App(server.url).queue;
  proxy.lose("/v1/tasks");
  await assert.rejects(client.enqueue("t", { idempotency_key: "only of the payload" }, { queue }), (error: Error) => {
    assert.ok(error instanceof UnavailableError);
    assert.match(error.message, /not known whether/);
    return true;
  });
  assert.equal((await server.queue(queue))["accepted"], 1);
});

test("calls made together share requests, and a wrong one fails alone", async () => {
  const proxy = await Proxy.to(server);
  const app = new App(proxy.url);
  const calls = Array.from({ length: 200 }, (_, i) =>
    app.client.enqueue("t", i, app.own(i === 77 ? { priority: 10 } : {})),
  );
  const ended = await Promise.allSettled(calls);
  const failed = ended.map((each, i) => (each.status === "rejected" ? i : -1)).filter((i) => i >= 0);
  assert.deepEqual(failed, [77]);
  const wrong = ended[77] as PromiseRejectedResult;
  refuses(InvalidArgumentError, "priority")(wrong.reason);
  assert.ok(proxy.requests < 30, `${proxy.requests} requests`);
  assert.equal((await server.queue(app.queue))["accepted"], 199);
});

test("tasks that nobody waits for arrive in order, within bounds", async () => {
  const app = new App(server.url);
  const lost: string[] = [];
  app.client = new Client({ server: server.url, onLost: (error) => lost.push((error as TreadleError).code) });
  const count = 12_000;
  for (let i = 0; i < count; ++i) {
    void app.client.enqueueNoWait("t", i, app.own()).catch(() => undefined);
    if (i % 5000 === 4999) await app.client.room();
  }
  await app.client.flush();
  assert.deepEqual(lost, []);
  assert.equal((await server.queue(app.queue))["accepted"], count);
  for (let i = 0; i < 10_001; ++i) app.client.enqueueNoWait("t", i, app.own()).catch(() => undefined);
  await app.client.flush();
  assert.deepEqual(lost, ["RESOURCE_EXHAUSTED"]);
  void app.client.enqueueNoWait("t", NaN, app.own()).catch(() => undefined);
  await until(() => lost.length === 2);
  assert.equal(lost[1], "INVALID_ARGUMENT");
});

test("a program that enqueues without waiting ends once all is sent", async () => {
  const { queue } = new App(server.url);
  const index = new URL("../src/index.js", import.meta.url).href;
  const program = `import { Client } from ${JSON.stringify(index)};
    const client = new Client({ server: ${JSON.stringify(server.url)} });
    for (let i = 0; i < 500; ++i) client.enqueueNoWait("t", i, { queue: ${JSON.stringify(queue)} });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "inherit" });
  assert.deepEqual(await once(child, "exit"), [0, null]);
  assert.equal((await server.queue(queue))["accepted"], 500);
});

test("tasks are listed, read and steered", async () => {
  const app = new App(server.url);
  const handles = await app.client.enqueueMany("t", [1, 2, 3], app.own({ delay: "1h", tags: ["listed"] }));
  const [first, second, third] = handles.map((each) => each.id) as [string, string, string];
  const listed = await until(
    () => app.client.list({ queue: app.queue, tag: "listed" }),
    (page) => page.tasks.length === 3,
  );
  assert.deepEqual(
    listed.tasks.map((each) => each.id),
    [third, second, first],
  );
  const all: string[] = [];
  for await (const each of app.client.listAll({ queue: app.queue, limit: 2 })) all.push(each.id);
  assert.deepEqual(all, [third, second, first]);
  assert.equal(await app.client.cancel(first, "not now"), "cancelled");
  await assert.rejects(app.client.result(first), (error: TaskCancelledError) => {
    assert.ok(error instanceof TaskCancelledError);
    assert.deepEqual([error.errorCode, error.errorMessage, error.taskId], ["asked", "not now", first]);
    return true;
  });
  assert.equal(await app.client.redrive(first), "ready");
  assert.equal(await app.client.runNow(second), "ready");
  await app.client.delete(third);
  await assert.rejects(app.client.get(third), refuses(NotFoundError));
  await assert.rejects(app.client.wait(first, { timeout: 50 }), refuses(DeadlineExceededError));
  const stop = AbortSignal.timeout(50);
  await assert.rejects(app.client.wait(first, { signal: stop }), { name: "TimeoutError" });
  assert.equal((await app.client.explain(first))["reason"], "no_worker");
  assert.equal((await app.client.info())["name"], "treadle");
});

test("a full queue says when to try again", async () => {
  const app = new App(server.url);
  await server.fetch("PUT", `/v1/queues/${app.queue}`, { capacity: { tasks: 1 } });
  const other = new App(server.url);
  await app.client.enqueue("t", 1, app.own());
  const calls = [app.client.enqueue("t", 2, app.own()), app.client.enqueue("t", 2, other.own())];
  const [full, fine] = await Promise.allSettled(calls);
  assert.equal(fine?.status, "fulfilled", "the other queue has room");
  const { reason } = full as PromiseRejectedResult;
  assert.ok(reason instanceof ResourceExhaustedError);
  assert.ok((reason.retryAfter ?? 0) > 0);
});

test("a call outlives a server that is away, and asks another one", async () => {
  const app = new App(server.url);
  const nobody = "http://127.0.0.1:1";
  const client = new Client({ server: [nobody, server.url] });
  await client.enqueue("t", 1, app.own());
  const alone = new Client({ server: nobody, timeout: 300 });
  await assert.rejects(alone.enqueue("t"), refuses(UnavailableError));
  await assert.rejects(alone.get("1-1"), refuses(UnavailableError));
});

const TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const OTHER_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

test("the trace context goes with each task, however it is enqueued", async () => {
  const app = new App(server.url);
  const options = app.own({ traceparent: TRACE });
  const many = await app.client.enqueueMany("t", [1, 2], options);
  const shared = await Promise.all([
    app.client.enqueue("t", 1, options),
    app.client.enqueue("t", 1, app.own({ traceparent: OTHER_TRACE })),
    app.client.enqueueNoWait("t", 1, app.own({})),
  ]);
  const traces = await Promise.all([...many, ...shared].map(async ({ id }) => (await app.client.get(id)).traceparent));
  assert.deepEqual(traces, [TRACE, TRACE, TRACE, OTHER_TRACE, undefined]);
  const wrong = app.client.enqueue("t", 1, app.own({ traceparent: "a\r\nb" }));
  await assert.rejects(wrong, refuses(InvalidArgumentError, "traceparent"));
});

test("the trace context of OpenTelemetry goes along", async () => {
  const app = new App(server.url);
  const spans: (string | undefined)[] = [TRACE, undefined, `00-${"0".repeat(32)}${TRACE.slice(35)}`];
  const propagation = {
    inject(context: unknown, carrier: object, setter: { set(to: object, name: string, value: string): void }): void {
      assert.equal(context, "active");
      if (spans.length === 0) throw new Error("the propagator is broken");
      const span = spans.shift();
      if (span !== undefined) setter.set(carrier, "traceparent", span);
    },
  };
  const api = Symbol.for("opentelemetry.js.api.1");
  const traceOf = async (options: TaskOptions = {}): Promise<string | undefined> =>
    (await app.client.get((await app.client.enqueue("t", 1, app.own(options))).id)).traceparent;
  const registered = { context: { active: () => "active" }, propagation };
  Object.defineProperty(globalThis, api, { value: registered, configurable: true });
  try {
    const found = [await traceOf(), await traceOf(), await traceOf(), await traceOf()];
    assert.deepEqual(found, [TRACE, undefined, undefined, undefined]);
    assert.equal(await traceOf({ traceparent: OTHER_TRACE }), OTHER_TRACE);
  } finally {
    delete (globalThis as Record<symbol, unknown>)[api];
  }
});

test("the token goes with the request, and other servers are told apart", async () => {
  const heads: Record<string, unknown>[] = [];
  const fake = createServer((request, response) => {
    heads.push(request.headers);
    if (request.url === "/v1/info") response.end("<html>");
    else if (request.method === "GET") response.writeHead(502).end();
    else response.writeHead(201, { "transfer-encoding": "chunked" }).end('{"id":"1-1","duplicate":false}');
  });
  fake.listen(0, "127.0.0.1");
  await once(fake, "listening");
  const { port } = fake.address() as { port: number };
  const client = new Client({ server: `127.0.0.1:${port}`, token: "secret", timeout: 200 });
  assert.equal((await client.enqueue("t", 1)).id, "1-1");
  assert.equal(heads[0]?.["authorization"], "Bearer secret");
  await assert.rejects(client.info(), refuses(InternalError));
  await assert.rejects(client.get("1-1"), refuses(UnavailableError));
  await client.close();
  fake.close();
});
