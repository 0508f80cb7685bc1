/** The driver of the TypeScript SDK for tests/sdk/conformance.py: commands on standard input, answers on standard output. */

import { createInterface } from "node:readline";
import { Client, Discard, Failure, Payload, Release, Snooze, TaskError, Treadle, TreadleError } from "../src/index.js";
import type { RetryOptions, TaskOptions } from "../src/index.js";
import type { Worker } from "../src/index.js";

type Words = Record<string, unknown>;

const app = new Treadle();
const runs = new Map<string, number>();
let queue = "default";
let worker: { made: Worker; ended: Promise<void> } | undefined;

app.use((context, next) => {
  runs.set(context.id, (runs.get(context.id) ?? 0) + 1);
  return next();
});

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
app.task("nan", () => NaN);
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
  if (options["retry"] !== undefined) options["retry"] = renamed(options["retry"] as Words, POLICY);
  return { queue, ...options };
}

function shown(value: unknown): unknown {
  if (!(value instanceof Payload)) return value;
  return { base64: Buffer.from(value.data).toString("base64"), content_type: value.contentType };
}

const COMMANDS: Record<string, (words: Words) => unknown> = {
  hello(words) {
    runs.clear();
    app.client = new Client({ server: words["server"] as string });
    queue = words["queue"] as string;
    return null;
  },
  work(words) {
    const made = app.worker({ queues: [queue], concurrency: (words["concurrency"] as number) ?? 10, quiet: true });
    worker = { made, ended: made.run() };
    return null;
  },
  async stop() {
    worker?.made.stop();
    await worker?.ended;
    worker = undefined;
    return null;
  },
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
for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${encode(await answer(decode(line) as Words), "answer")}\n`);
process.exit(0);
