// client.mjs SDK enqueue|drain|latency --port N [--name value]...: Treadle by its TypeScript SDK, which is compiled in the directory
// SDK; prints one JSON object. bench/peers/clients/README.md has the options.
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { parseArgs } from "node:util";

const CONCURRENCY = 100;
const LONGEST_DELAY_MS = 5000; // of a task behind the end of a measurement of latency
const TYPE = "task";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(
    ["port", "seconds", "tasks", "callers", "batch", "rate", "payload"].map((name) => [name, { type: "string" }])),
});
const [sdk, verb] = positionals;
const option = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));
const { Treadle } = await import(pathToFileURL(join(sdk, "index.js")));

const app = new Treadle({ server: `http://127.0.0.1:${option.port}`, connections: Math.max(option.callers || 1, 4) });
const payloadOf = (number) => `${number} `.padEnd(option.payload, ".");
const secondsSince = (begun) => (performance.now() - begun) / 1000;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// As many callers as asked, each with one call under way.
async function enqueue() {
  const limit = option.tasks ?? Infinity;
  await app.client.info();
  const begun = performance.now();
  let claimed = 0;
  let tasks = 0;
  const call = async () => {
    while (secondsSince(begun) < option.seconds && claimed < limit) {
      const first = claimed;
      claimed += option.batch;
      if (option.batch === 1) await app.client.enqueue(TYPE, payloadOf(first));
      else await app.client.enqueueMany(TYPE, Array.from({ length: option.batch }, (_, i) => payloadOf(first + i)));
      tasks += option.batch;
    }
  };
  await Promise.all(Array.from({ length: option.callers }, call));
  return { tasks, seconds: secondsSince(begun) };
}

// How many tasks the server has not been told the end of.
async function left() {
  const { tasks } = await (await fetch(`http://127.0.0.1:${option.port}/v1/queues/default`)).json();
  return tasks.ready + tasks.running;
}

function startWorker(handler) {
  app.task(TYPE, handler);
  const worker = app.worker({ concurrency: CONCURRENCY, quiet: true, signals: false });
  const ended = worker.run();
  return async () => {
    worker.stop();
    await ended;
  };
}

// A task counts once the server has acknowledged its end.
async function drain() {
  await left();
  let done = 0;
  const begun = performance.now();
  const stop = startWorker(() => void ++done);
  let waiting = option.tasks;
  while (waiting > 0 && secondsSince(begun) < option.seconds) {
    await sleep(5);
    if (done >= option.tasks || secondsSince(begun) >= option.seconds) waiting = await left();
  }
  const answer = { tasks: option.tasks - waiting, seconds: secondsSince(begun) };
  await stop();
  return answer;
}

// A task is due at its place in a fixed schedule, which does not wait for those before it; its payload tells when.
async function latency() {
  const count = Math.floor(option.seconds * option.rate);
  const latencies_us = [];
  const sent = [];
  let ended = 0;
  const stop = startWorker((payload) => {
    ended = performance.now();
    latencies_us.push(Math.round((ended - parseFloat(payload)) * 1000));
  });
  await app.client.info();
  const begun = performance.now();
  while (sent.length < count) {
    while (sent.length < count && begun + (sent.length * 1000) / option.rate <= performance.now()) {
      sent.push(app.client.enqueue(TYPE, payloadOf(begun + (sent.length * 1000) / option.rate)));
    }
    await sleep(1);
  }
  const last = performance.now() + LONGEST_DELAY_MS;
  while (latencies_us.length < count && performance.now() < last) await sleep(1);
  await Promise.all(sent);
  await stop();
  return { tasks: latencies_us.length, seconds: (ended - begun) / 1000, latencies_us };
}

console.log(JSON.stringify(await { enqueue, drain, latency }[verb]()));
process.exit(0);
