/** Tests without a server play the server's part as they say. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AlreadyExistsError,
  DeadlineExceededError,
  Discard,
  Failure,
  NotFoundError,
  Payload,
  Release,
  Snooze,
  TaskDeadError,
  Treadle,
  type RetryOptions,
} from "../src/index.js";
import { inMemory, InMemory } from "../src/testing/index.js";

const now = new Date("2026-01-01T00:00:00Z");

test("a task runs when told, and its result is typed", async (t) => {
  const app = new Treadle();
  const memory = inMemory(t, app, { now });
  const resize = app.task("resize", ({ path, width }: { path: string; width: number }) => `${path}@${width}`);
  const handle = await resize.enqueue({ path: "a.png", width: 3 });
  assert.deepEqual(
    memory.tasks.map((each) => each.state),
    ["ready"],
  );
  assert.deepEqual(memory.task(handle.id).payload, { path: "a.png", width: 3 });
  assert.equal(await memory.run(), 1);
  const result: string = await handle.result();
  assert.equal(result, "a.png@3");
});

test("a trace reaches the handler and makes no other request", async (t) => {
  const app = new Treadle();
  const memory = inMemory(t, app);
  const traced = app.task("traced", (_: null, context) => context.traceparent ?? "none");
  const first = await traced.enqueue(null, { key: "k", traceparent: "first" });
  assert.equal((await traced.enqueue(null, { key: "k", traceparent: "second" })).id, first.id);
  await memory.run();
  assert.deepEqual([await first.result(), (await first.info()).traceparent], ["first", "first"]);
});

test("inline runs at once, and what handlers enqueue too", async (t) => {
  const app = new Treadle();
  const memory = inMemory(t, app, { inline: true });
  const order: unknown[] = [];
  const child = app.task("child", (n: number) => void order.push(n));
  const parent = app.task("parent", async () => {
    await child.enqueue(1);
    await child.enqueueMany([2, 3]);
    await child.enqueueNoWait(4);
    order.push("parent");
  });
  await parent.enqueue();
  assert.deepEqual(order, ["parent", 1, 2, 3, 4]);
  await Promise.all([child.enqueue(5), child.enqueue(6)]);
  assert.deepEqual(order.slice(5), [5, 6]);
  assert.deepEqual(new Set(memory.tasks.map((each) => each.state)), new Set(["completed"]));
});

test("retries wait by the driven clock, and end dead", async (t) => {
  const app = new Treadle();
  const memory = inMemory(t, app, { now });
  const tries: number[] = [];
  const flaky = app.task("flaky", { maxAttempts: 3 }, () => {
    tries.push(memory.now.getTime() - now.getTime());
    throw new TypeError("x");
  });
  const handle = await flaky.enqueue();
  await memory.run();
  const info = await handle.info();
  assert.deepEqual([info.state, info.nextAttemptAt?.getTime()], ["retrying", now.getTime() + 500]);
  await assert.rejects(handle.result(), DeadlineExceededError);
  await memory.advance(400);
  assert.deepEqual(tries, [0]);
  await memory.advance("1h");
  assert.deepEqual(tries, [0, 500, 1_500]);
  await assert.rejects(handle.result(), (error: TaskDeadError) => {
    assert.ok(error instanceof TaskDeadError);
    assert.equal(error.errorCode, "TypeError");
    return true;
  });
  assert.match(await app.client.log(handle.id), /TypeError: x/);
  assert.equal(await handle.redrive(), "ready");
});

const policies: [RetryOptions, number[]][] = [
  [{ backoff: "listed", delays: ["1s", "5s"] }, [1_000, 6_000, 11_000]],
  [{ backoff: "fixed", base: "2s" }, [2_000, 4_000, 6_000]],
  [{ backoff: "linear", base: "1s", cap: "2s" }, [1_000, 3_000, 5_000]],
  [{ base: "1s", total: "4s" }, [1_000, 3_000]],
];
for (const [retry, waits] of policies)
  test(`the policy ${JSON.stringify(retry)} is kept`, async (t) => {
    const app = new Treadle();
    const memory = inMemory(t, app, { now });
    const tries: number[] = [];
    const flaky = app.task("flaky", { retry, retries: 3 }, () => {
      tries.push(memory.now.getTime() - now.getTime());
      throw new Error();
    });
    await flaky.enqueue();
    await memory.advance("1h");
    assert.deepEqual(tries, [0, ...waits]);
  });

test("every way to end is played", async (t) => {
  const app = new Treadle();
  const memory = inMemory(t, app, { now });
  const done: string[] = [];
  const errors: Record<string, () => Error> = {
    snooze: () => new Snooze("10s"),
    discard: () => new Discard("no"),
    release: () => new Release(),
    bad: () => new Failure("bad"),
    later: () => new Failure("later", "", { retryAfter: "7s" }),
  };
  const ends = app.task("ends", { retry: { never: ["bad"] } }, (how: string) => {
    done.push(how);
    if (done.filter((each) => each === how).length > 1) return how;
    throw errors[how]?.() as Error;
  });
  const handles = await ends.enqueueMany(Object.keys(errors));
  await memory.run();
  const states = await Promise.all(handles.map(async (each) => (await each.info()).state));
  assert.deepEqual(states, ["scheduled", "cancelled", "completed", "dead", "retrying"]);
  await memory.advance("10s");
  assert.deepEqual(await handles[0]?.info().then((each) => [each.result, each.attempt]), ["snooze", 1]);
  assert.equal((await handles[4]?.info())?.attempt, 2);
});

test("steps, checkpoints, progress and logs outlive an attempt", async (t) => {
  const app = new Treadle();
  const memory = inMemory(t, app);
  let charges = 0;
  const works = app.task("works", async (_: void, context) => {
    const charge = await context.step("charge", () => ++charges);
    context.log.info(`attempt ${context.attempt}`);
    if (context.checkpoint() === undefined) {
      await context.saveCheckpoint(new Payload("half", "text/plain"));
      throw new Failure("again");
    }
    return [charge, context.checkpoint<Payload>()?.text()];
  });
  const handle = await works.enqueue();
  await memory.advance("1s");
  assert.deepEqual(await handle.result(), [1, "half"]);
  assert.match(await app.client.log(handle.id, 1), /attempt 1/);
  assert.match(await app.client.log(handle.id), /attempt 2/);
});

test("times, priorities, keys and cancellation are played", async (t) => {
  const app = new Treadle();
  const memory = inMemory(t, app, { now });
  const order: string[] = [];
  const note = app.task("note", (text: string) => void order.push(text));
  await note.enqueueMany(["low", "late"], { priority: 1 });
  await note.enqueue("high", { priority: 9 });
  await note.enqueue("later", { delay: "1h" });
  const expired = await note.enqueue("expired", { delay: "2h", expires: "1h" });
  const dead = await note.enqueue("dead", { delay: "2h", deadline: "1h" });
  const cancelled = await note.enqueue("cancelled");
  assert.equal(await cancelled.cancel("why"), "cancelled");
  const keyed = await note.enqueue("keyed", { key: "k", keyWindow: "1h" });
  assert.deepEqual((await note.enqueue("keyed", { key: "k", keyWindow: "1h" })).enqueued, {
    id: keyed.id,
    duplicate: true,
    state: "ready",
  });
  await assert.rejects(note.enqueue("other", { key: "k" }), AlreadyExistsError);
  await memory.advance("3h");
  assert.deepEqual(order, ["high", "keyed", "low", "late", "later"]);
  assert.equal((await expired.info()).state, "expired");
  assert.equal((await dead.info()).errorCode, "deadline_exceeded");
  assert.notEqual((await note.enqueue("keyed", { key: "k" })).id, keyed.id);
  assert.equal((await app.client.list({ state: "cancelled" })).tasks[0]?.id, cancelled.id);
});

test("a running task can be cancelled, and nobody else's tasks are run", async (t) => {
  const app = new Treadle();
  const memory = inMemory(t, app);
  const stops = app.task("stops", async (_: void, context) => {
    await app.client.cancel(context.id, "enough");
    await context.sleep("1h");
  });
  const handle = await stops.enqueue();
  const foreign = await app.client.enqueue("foreign", 2n ** 64n);
  await memory.run();
  const info = await handle.info();
  assert.deepEqual([info.state, info.errorCode, info.errorMessage], ["cancelled", "asked", "enough"]);
  assert.equal((await foreign.info()).state, "ready");
  assert.equal((await app.client.payload(foreign.id)).value(), 2n ** 64n);
  await assert.rejects(app.client.get("1-99"), NotFoundError);
});

test("what is not JSON is refused like by the real client, and the real client comes back", async () => {
  const app = new Treadle();
  const { client } = app;
  const memory = new InMemory(app).enter();
  await assert.rejects(app.client.enqueue("t", { x: NaN }), { code: "INVALID_ARGUMENT", field: "payload.x" });
  const nan = app.task("nan", () => NaN);
  const handle = await nan.enqueue();
  await memory.run();
  assert.equal((await handle.info()).errorCode, "result_invalid");
  memory.leave();
  assert.equal(app.client, client);
});
