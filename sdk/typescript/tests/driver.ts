/**
 * The driver of the TypeScript SDK for tests/sdk/conformance.py: commands on standard input, answers on standard output.
 * `driver.js worker SERVER QUEUE GRACE_MS` is a worker until a signal.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, Discard, Failure, Payload, Release, Snooze, TaskError, Treadle, TreadleError } from "../src/index.js";
import type { RetryOptions, TaskFilter, TaskInfo, TaskOptions, Worker } from "../src/index.js";

type Words = Record<string, unknown>;

const app = new Treadle();
const runs = new Map<string, number>();
const lines: string[] = [];
const entered = new AsyncLocalStorage<string[]>();
let queue = "default";
let workers: { made: Worker; ended: Promise<void> }[] = [];

app.use((context, next) => {
  runs.set(context.id, (runs.get(context.id) ?? 0) + 1);
  return next();
});
for (const name of ["outer", "inner"])
  app.use((_, next) => entered.run([...(entered.getStore() ?? []), name], next));

app.task("echo", (payload: unknown) => payload);
app.task("fail", (payload: { code: string; message: string; retry: boolean; retry_after_ms?: number }) => {
  const after = payload.retry_after_ms;
  throw new Failure(payload.code, payload.message, {
    retry: payload.retry,
    ...(after === undefined ? {} : { retryAfter: after }),
  });
});
app.task("flaky", ({ succeeds_at }: { succeeds_at: number }, context) => {
  if (context.attempt < succeeds_at) throw new Failure("flaky", "not yet");
  return context.attempt;
});
app.task("traced", (_: unknown, context) => {
  if (context.attempt === 1) throw new Failure("again");
  return context.traceparent ?? null;
});
app.task("raise", ({ message }: { message: string }) => {
  throw new Error(message);
});
app.task("snooze", ({ delay_ms }: { delay_ms: number }, context) => {
  if (runs.get(context.id) === 1) throw new Snooze(delay_ms);
  return context.attempt;
});
app.task("release", (_: unknown, context) => {
  if (runs.get(context.id) === 1) throw new Release();
  return context.attempt;
});
app.task("discard", ({ reason }: { reason: string }) => {
  throw new Discard(reason);
});
app.task("steps", async (_: unknown, context) => {
  const charged = await context.step("charge", () => runs.get(context.id) ?? 0);
  if (context.attempt === 1) throw new Failure("again");
  return charged;
});
app.task("checkpoint", async (_: unknown, context) => {
  const found = context.checkpoint<number>();
  if (context.attempt >= 3) return found;
  await context.saveCheckpoint(context.attempt);
  throw new Failure("again");
});
app.task("logs", ({ lines }: { lines: string[] }, context) => {
  for (const line of lines) context.log.info(line);
});
app.task("wait", async ({ ms }: { ms: number }, context) => {
  await context.sleep(ms);
  return "waited";
});
app.task(
  "progress",
  async ({ fraction, message, ms }: { fraction: number; message: string; ms: number }, context) => {
    context.progress(fraction, message);
    await context.sleep(ms);
    return "waited";
  },
);
app.task("deadlines", (_: unknown, context) => {
  const left = context.remaining();
  const until = context.taskDeadline;
  return {
    attempt: left === Infinity ? null : Math.ceil(left / 10_000),
    task: until === undefined ? null : Math.ceil((until.getTime() - Date.now()) / 10_000),
  };
});
app.task("deaf", async ({ ms }: { ms: number }, context) => {
  await sleep(ms);
  return runs.get(context.id);
});
app.task("spin", ({ ms }: { ms: number }) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return "computed";
});
app.task("around", () => entered.getStore());
app.task("own", { pool: "own" }, (_: unknown, context) => context.queue);
const agreed = { type: "object", properties: { count: { type: "integer" } }, required: ["count"] };
app.task("agreed", { contracts: [{ inputSchema: agreed }] }, ({ count }: { count: number }) => count);
app.task("nan", () => NaN);
app.task("chars", ({ count }: { count: number }) => "x".repeat(count));
const wholeCount = (value: unknown): { count: number } => {
  const { count } = value as { count: unknown };
  if (!Number.isSafeInteger(count)) throw new Error("count must be a whole number");
  return { count: count as number };
};
app.task("typed", { input: wholeCount }, ({ count }) => count);

const REFUSED: Record<string, unknown> = { nan: NaN, infinity: Infinity, lone_surrogate: "\ud800" };
const NAMES: Record<string, keyof TaskOptions> = {
  delay_ms: "delay",
  expires_ms: "expires",
  deadline_ms: "deadline",
  attempt_timeout_ms: "attemptTimeout",
  max_attempts: "maxAttempts",
  idempotency_key: "key",
  unique_while: "uniqueWhile",
  on_duplicate: "onDuplicate",
};
const POLICY: Record<string, keyof RetryOptions> = {
  backoff_base_ms: "base",
  backoff_cap_ms: "cap",
  delays_ms: "delays",
  total_ms: "total",
  max_attempts: "maxAttempts",
};

/** From the names of the API to those of the SDK. */
function renamed(fields: Words, names: Record<string, string>): Words {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [names[name] ?? name, value]));
}

function optionsOf(fields: unknown): TaskOptions {
  const options = renamed((fields ?? {}) as Words, NAMES);
  if (options["run_at"] !== undefined) {
    options["runAt"] = new Date(options["run_at"] as string);
    delete options["run_at"];
  }
  if (options["retry"] !== undefined) options["retry"] = renamed(options["retry"] as Words, POLICY);
  return { queue, ...options };
}

function shown(value: unknown): unknown {
  if (!(value instanceof Payload)) return value;
  return { base64: Buffer.from(value.data).toString("base64"), content_type: value.contentType };
}

function fieldsOf(task: TaskInfo): Words {
  return {
    id: task.id,
    type: task.type,
    queue: task.queue,
    state: task.state,
    attempt: task.attempt,
    max_attempts: task.maxAttempts,
    tags: task.tags,
    error_code: task.errorCode,
    error_message: task.errorMessage,
    progress: task.progress,
    progress_message: task.progressMessage,
  };
}

const COMMANDS: Record<string, (words: Words) => unknown> = {
  hello(words) {
    runs.clear();
    lines.length = 0;
    queue = words["queue"] as string;
    app.client = new Client({ server: words["server"] as string });
    app.pool("own", { queues: [`${queue}.own`], concurrency: 1 });
    return null;
  },
  work({ concurrency = 10, grace_ms = 25_000, workers: count = 1 }) {
    for (let i = 0; i < (count as number); ++i) {
      const made = app.worker({
        queues: [queue],
        concurrency: concurrency as number,
        shutdownGrace: grace_ms as number,
        keeper: count === 1, // many threads take long to start
        json: false,
        lines: (text) => void lines.push(...text.trimEnd().split("\n")),
      });
      workers.push({ made, ended: made.run() });
    }
    return null;
  },
  async stop() {
    const stopped = workers;
    workers = [];
    for (const { made } of stopped) made.stop();
    await Promise.all(stopped.map(({ ended }) => ended));
    return null;
  },
  lines: () => lines,
  now: () => Date.now(),
  async enqueue(words) {
    const coded = words["payload_base64"] as string | undefined;
    const payload =
      coded === undefined
        ? words["payload"]
        : new Payload(Buffer.from(coded, "base64"), words["content_type"] as string);
    return (await app.client.enqueue(words["type"] as string, payload, optionsOf(words["options"]))).id;
  },
  async enqueue_many(words) {
    const handles = await app.client.enqueueMany(
      words["type"] as string,
      words["payloads"] as unknown[],
      optionsOf({}),
    );
    return handles.map((each) => each.id);
  },
  async enqueue_nowait(words) {
    const made = (words["payloads"] as unknown[]).map((each) =>
      app.client.enqueueNoWait(words["type"] as string, each, { queue }),
    );
    await app.client.flush();
    return (await Promise.all(made)).map((each) => each.id);
  },
  async enqueue_apart(words) {
    const type = words["type"] as string;
    const made = (words["payloads"] as unknown[]).map((each) => app.client.enqueueMany(type, [each], { queue }));
    return (await Promise.all(made)).flat().map((each) => each.id);
  },
  leave(words) {
    for (const each of words["payloads"] as unknown[])
      void app.client.enqueueNoWait(words["type"] as string, each, { queue });
    return null;
  },
  get: async (words) => fieldsOf(await app.client.get(words["task"] as string)),
  async list(words) {
    const ids = [];
    const { do: _, ...filter } = words;
    for await (const each of app.client.listAll({ ...filter, queue, limit: 1 } as TaskFilter)) ids.push(each.id);
    return ids;
  },
  result: async (words) =>
    shown(await app.client.result(words["task"] as string, { timeout: words["timeout_ms"] as number })),
  cancel: (words) => app.client.cancel(words["task"] as string),
  redrive: (words) => app.client.redrive(words["task"] as string),
  runs: () => Object.fromEntries(runs),
  refused: async (words) =>
    (await app.client.enqueue("refused", { x: REFUSED[words["value"] as string] }, { queue })).id,
};

async function answer(words: Words): Promise<unknown> {
  try {
    return { ok: (await COMMANDS[words["do"] as string]?.(words)) ?? null };
  } catch (error) {
    if (error instanceof TaskError) return { error: { code: error.state.toUpperCase(), error_code: error.errorCode } };
    if (!(error instanceof TreadleError)) throw error;
    return { error: { code: error.code, field: error.field, retry_after_ms: error.retryAfter } };
  }
}

// The driver is written like any program: what is read exactly is written exactly.
const { decode } = await import("../src/json/read.js");
const { encode } = await import("../src/json/write.js");
if (process.argv[2] === "worker") {
  const [url, ownQueue, graceMs] = process.argv.slice(3) as [string, string, string];
  app.client = new Client({ server: url });
  app.pool("own", { queues: [`${ownQueue}.own`], concurrency: 1 });
  await app.work({ queues: [ownQueue], shutdownGrace: Number(graceMs) });
} else {
  for await (const line of createInterface({ input: process.stdin }))
    process.stdout.write(`${encode(await answer(decode(line) as Words), "answer")}\n`);
}
