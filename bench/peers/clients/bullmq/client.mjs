// client.mjs enqueue|drain|latency --port N [--name value]...: BullMQ, as a producer and as a worker; prints one JSON object.
// bench/peers/clients/README.md has the options; contestants/bullmq.py copies it to where BullMQ is installed.
import { parseArgs } from "node:util";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";

const CONCURRENCY = 100;
const LONGEST_DELAY_MS = 5000; // of a task behind the end of a measurement of latency

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(
    ["port", "seconds", "tasks", "callers", "batch", "rate", "payload"].map((name) => [name, { type: "string" }])),
});
const option = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));

const connection = new Redis(option.port, "127.0.0.1", { maxRetriesPerRequest: null });
const queue = new Queue("tasks", { connection, defaultJobOptions: { removeOnComplete: true } });

const payloadOf = (number) => ({ payload: `${number} `.padEnd(option.payload, ".") });
const secondsSince = (begun) => (performance.now() - begun) / 1000;

// As many callers as asked, each with one call under way.
async function enqueue() {
  const limit = option.tasks ?? Infinity;
  const begun = performance.now();
  let claimed = 0;
  let tasks = 0;
  const call = async () => {
    while (secondsSince(begun) < option.seconds && claimed < limit) {
      const first = claimed;
      claimed += option.batch;
      if (option.batch === 1) {
        await queue.add("task", payloadOf(first));
      } else {
        await queue.addBulk(Array.from({ length: option.batch }, (_, i) => ({ name: "task", data: payloadOf(first + i) })));
      }
      tasks += option.batch;
    }
  };
  await Promise.all(Array.from({ length: option.callers }, call));
  return { tasks, seconds: secondsSince(begun) };
}

// A job counts when Redis has acknowledged that it is completed.
async function drain() {
  const worker = new Worker("tasks", async () => {}, { connection, concurrency: CONCURRENCY, autorun: false });
  await worker.waitUntilReady();
  let tasks = 0;
  const begun = performance.now();
  const all = new Promise((resolve) => worker.on("completed", () => ++tasks === option.tasks && resolve()));
  worker.run();
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, option.seconds * 1000))]);
  const answer = { tasks, seconds: secondsSince(begun) };
  await worker.close();
  return answer;
}

// A task is due at its place in a fixed schedule, which does not wait for those before it; its payload tells when.
async function latency() {
  const count = Math.floor(option.seconds * option.rate);
  const latencies_us = [];
  const sent = [];
  let ended = 0;
  const worker = new Worker("tasks", async (job) => {
    ended = performance.now();
    latencies_us.push(Math.round((ended - parseFloat(job.data.payload)) * 1000));
  }, { connection, concurrency: CONCURRENCY });
  await worker.waitUntilReady();
  const begun = performance.now();
  while (sent.length < count) {
    while (sent.length < count && begun + (sent.length * 1000) / option.rate <= performance.now()) {
      sent.push(queue.add("task", payloadOf(begun + (sent.length * 1000) / option.rate)));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const last = performance.now() + LONGEST_DELAY_MS;
  while (latencies_us.length < count && performance.now() < last) await new Promise((resolve) => setTimeout(resolve, 1));
  await Promise.all(sent);
  await worker.close();
  return { tasks: latencies_us.length, seconds: (ended - begun) / 1000, latencies_us };
}

await queue.waitUntilReady();
console.log(JSON.stringify(await { enqueue, drain, latency }[positionals[0]]()));
await queue.close();
process.exit(0);
