/** Servers that die, answers that are lost, leases that are lost, signals, and handlers that never yield. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { InvalidArgumentError } from "../src/index.js";
import { App, Gate, Proxy, Running, Server, until, whileWorking } from "./harness.js";

const server = await new Server().start();

/** A worker hears of a lost lease when it renews the next time, which is after a third of this. */
const shortLeases = (queue: string, leaseMs = 1_500): Promise<unknown> =>
  server.fetch("PUT", `/v1/queues/${queue}`, { lease_ms: leaseMs });

test("a server that is killed while tasks run loses nothing", async () => {
  const own = await new Server().start();
  const app = new App(own.url);
  const goOn = new Gate();
  const runs: number[] = [];
  const long = app.task("long", app.own(), async (n: number) => {
    runs.push(n);
    await goOn.opened;
    return n;
  });
  await whileWorking(app, async (running) => {
    const handles = await long.enqueueMany([0, 1, 2]);
    await until(() => runs.length === 3);
    await own.kill();
    goOn.open();
    await until(() => running.text.includes("trying again until it answers"));
    await own.start();
    for (const [i, handle] of handles.entries()) assert.equal(await handle.result({ timeout: "30s" }), i);
    assert.deepEqual(runs.sort(), [0, 1, 2], "each ran once: the leases outlived the server");
    assert.equal(await (await long.enqueue(5)).result({ timeout: "30s" }), 5);
    assert.match(running.text, /the server is back after \d+ ms/);
  });
});

test("a server that restarts under load runs every task", async () => {
  const own = await new Server().start();
  const app = new App(own.url);
  const done = new Set<number>();
  const count = app.task("count", app.own(), (n: number) => void done.add(n));
  const handles = await count.enqueueMany(Array.from({ length: 3_000 }, (_, i) => i));
  await whileWorking(app, async () => {
    await until(() => done.size > 100);
    await own.kill();
    await own.start();
    await Promise.all(handles.slice(-3).map((each) => each.result({ timeout: "30s" })));
    const tasks = (await until(
      async () => (await own.queue(app.queue))["tasks"] as Record<string, number>,
      (counts) => counts["completed"] === 3_000,
    )) as Record<string, number>;
    assert.deepEqual([tasks["dead"], tasks["retrying"]], [0, 0]);
    assert.equal(done.size, 3_000);
  });
});

for (const lost of [1, 3])
  test(`${lost} lost answers of exchanges run nothing twice`, async () => {
    const proxy = await Proxy.to(server);
    const app = new App(proxy.url);
    const runs: number[] = [];
    const once = app.task("once", app.own(), (n: number) => (runs.push(n), n));
    const first = await once.enqueueMany(Array.from({ length: 20 }, (_, i) => i));
    proxy.lose("/v1/exchange", lost);
    await whileWorking(app, async () => {
      await Promise.all(first.map((each) => each.result({ timeout: "30s" })));
      proxy.lose("/v1/exchange", lost);
      const more = await once.enqueueMany(Array.from({ length: 20 }, (_, i) => 20 + i));
      await Promise.all(more.map((each) => each.result({ timeout: "30s" })));
      assert.ok(proxy.left < lost, "answers were lost");
      assert.deepEqual(
        runs.sort((a, b) => a - b),
        Array.from({ length: 40 }, (_, i) => i),
      );
      for (const each of more) assert.equal((await each.info()).attempt, 1);
    });
  });

test("connections that break all the time delay but lose nothing", async () => {
  const proxy = await Proxy.to(server);
  const app = new App(proxy.url);
  const echo = app.task("echo", app.own(), async (n: number, context) => {
    await context.sleep(20);
    return n;
  });
  await whileWorking(app, async () => {
    const handles = await echo.enqueueMany(Array.from({ length: 300 }, (_, i) => i));
    for (let i = 0; i < 6; ++i) {
      const seen = proxy.requests;
      proxy.cut();
      await until(() => proxy.requests > seen);
    }
    const results = await Promise.all(handles.map((each) => each.result({ timeout: "30s" })));
    assert.deepEqual(
      results,
      Array.from({ length: 300 }, (_, i) => i),
    );
  });
});

test("a lost lease cancels its handler, and its late result is dropped", async () => {
  const app = new App(server.url);
  await shortLeases(app.queue);
  const started = new Gate();
  const causes: unknown[] = [];
  let runs = 0;
  const works = app.task("works", app.own(), async (_: void, context) => {
    if (++runs > 1) return "good";
    started.open();
    await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    causes.push(context.cancelCause, (context.signal.reason as Error).name);
    return "late";
  });
  await whileWorking(app, async (running) => {
    const handle = await works.enqueue();
    await started.opened;
    await app.client.release(handle.id);
    assert.equal(await handle.result({ timeout: "30s" }), "good");
    await until(() => causes.length > 0);
    assert.deepEqual(causes, ["lease_lost", "Cancelled"]);
    await until(() => running.text.includes("completed"));
    assert.equal(running.text.split("completed").length, 2, running.text);
    assert.match(running.text, /1 lease\(s\) lost, the first of/);
  });
});

test("saving with a lost lease stops the handler", async () => {
  const app = new App(server.url);
  const [started, released] = [new Gate(), new Gate()];
  const outcomes: unknown[] = [];
  let runs = 0;
  const saves = app.task("saves", app.own(), async (_: void, context) => {
    if (++runs > 1) return "second";
    started.open();
    await released.opened;
    await context.saveCheckpoint({ at: 1 }).catch((error: Error & { why?: string }) => {
      outcomes.push(error.name, error.why);
      throw error;
    });
    return "first";
  });
  await whileWorking(app, async () => {
    const handle = await saves.enqueue();
    await started.opened;
    await app.client.release(handle.id);
    released.open();
    assert.equal(await handle.result({ timeout: "30s" }), "second");
    await until(() => outcomes.length > 0);
    assert.deepEqual(outcomes, ["Cancelled", "lease_lost"]);
  });
});

test("one bad report costs no other", async () => {
  const app = new App(server.url);
  const schema = { type: "integer" };
  const task = app.task(
    `contract-${app.queue}`,
    { ...app.own(), contracts: [{ outputSchema: schema }] },
    (n: number) => (n === 2 ? ("two" as unknown as number) : n),
  );
  await whileWorking(app, async () => {
    await (await task.enqueue(0)).result({ timeout: "30s" }); // it asks for tasks once the contract is registered
    const handles = await task.enqueueMany([1, 2, 3]);
    const ended = await Promise.all(handles.map((each) => each.wait({ timeout: "30s" })));
    assert.deepEqual(
      ended.map((each) => each.state),
      ["completed", "dead", "completed"],
    );
    assert.equal(ended[1]?.errorCode, "result_invalid");
  });
});

test("results beyond the limit are dead, and those at the limit arrive", async () => {
  const app = new App(server.url);
  const long = app.task("long_result", app.own(), (chars: number) => "x".repeat(chars));
  await whileWorking(app, async () => {
    const [fits, exceeds] = await long.enqueueMany([(1 << 20) - 2, 1 << 20]);
    assert.equal((await fits?.result({ timeout: "30s" }))?.length, (1 << 20) - 2);
    const dead = await exceeds?.wait({ timeout: "30s" });
    assert.deepEqual([dead?.state, dead?.errorCode], ["dead", "result_too_large"]);
  });
});

test("what the server refuses for good ends the worker", async () => {
  const app = new App(server.url);
  app.task("t", () => null);
  const running = new Running(app, { queues: ["no name"] });
  await running.ended;
  assert.ok(running.error instanceof InvalidArgumentError, String(running.error));
});

// ---- programs ----

class Program {
  text = "";
  private readonly child;

  constructor(queue: string) {
    const path = fileURLToPath(new URL("./program.js", import.meta.url));
    const env = { ...process.env, TREADLE_SERVER: server.url, QUEUE: queue };
    this.child = spawn(process.execPath, [path], { env, stdio: ["ignore", "pipe", "pipe"] });
    const take = (bytes: Buffer): void => void (this.text += bytes.toString());
    this.child.stdout.on("data", take);
    this.child.stderr.on("data", take);
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Its exit status. */
  async end(): Promise<unknown> {
    if (this.child.exitCode !== null) return this.child.exitCode;
    return ((await once(this.child, "exit")) as unknown[])[0];
  }
}

test("SIGTERM lets what runs finish, returns the rest, and ends the program", async () => {
  const { queue, client } = new App(server.url);
  const program = new Program(queue);
  const first = await client.enqueue("sleeps", 700, { queue });
  await until(() => program.text.includes("begun"));
  program.signal("SIGTERM");
  await until(() => program.text.includes("stopping: waiting up to 20 s for 1 running task"));
  const second = await client.enqueue("sleeps", 1, { queue });
  assert.equal(await program.end(), 0);
  assert.match(program.text, /ended/);
  assert.equal(await client.result(first.id), "slept");
  assert.deepEqual(await client.get(second.id).then((each) => [each.state, each.attempt]), ["ready", 0]);
});

test("a second signal cancels what runs, which goes back unspent, and gives up the deaf", async () => {
  const { queue, client } = new App(server.url);
  const program = new Program(queue);
  const tasks = [await client.enqueue("sleeps", 60_000, { queue }), await client.enqueue("deaf", 60_000, { queue })];
  await until(() => program.text.split("begun").length === 3);
  program.signal("SIGINT");
  await until(() => program.text.includes("stopping"));
  program.signal("SIGINT");
  await until(() => program.text.includes("giving up 1 running task"));
  for (const { id } of tasks) {
    const info = await until(
      () => client.get(id),
      (each) => each.state === "ready",
    );
    assert.deepEqual([info.attempt, info.workerLosses], [0, 0]);
  }
  program.signal("SIGKILL");
  await program.end();
});

test("leases are renewed while a handler keeps the event loop busy", async () => {
  const { queue, client } = new App(server.url);
  await shortLeases(queue, 1_000);
  const program = new Program(queue);
  const handles = await client.enqueueMany("computes", [2_500, 1], { queue });
  for (const each of handles) assert.equal(await each.result({ timeout: "30s" }), "computed");
  for (const each of handles) {
    const info = await each.info();
    assert.deepEqual([info.attempt, info.workerLosses], [1, 0]);
  }
  program.signal("SIGTERM");
  assert.equal(await program.end(), 0);
});
