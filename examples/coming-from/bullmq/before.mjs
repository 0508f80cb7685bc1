// Orders with BullMQ: a charge that is retried, and a receipt that is mailed later.
//
// Worker: node before.mjs work. Producer: node before.mjs. REDIS_URL is the server.
import { Queue, QueueEvents, Worker } from "bullmq";

const connection = { url: process.env.REDIS_URL, maxRetriesPerRequest: null };

const handlers = {
  charge: async (job) => {
    if (job.attemptsMade === 0) throw new Error("no route to the bank");
    return `${job.data.order}: charged ${job.data.cents} cents`;
  },
  mailReceipt: async (job) => `${job.data.order}: receipt mailed`,
};

if (process.argv[2] === "work") {
  const worker = new Worker("orders", (job) => handlers[job.name](job), { connection, concurrency: 20 });
  process.on("SIGTERM", () => worker.close());
} else {
  const queue = new Queue("orders", { connection });
  const events = new QueueEvents("orders", { connection });
  const retried = { attempts: 6, backoff: { type: "exponential", delay: 1000 } };
  const charge = await queue.add("charge", { order: "A-17", cents: 250 }, retried);
  console.log(await charge.waitUntilFinished(events, 30_000));
  const receipt = await queue.add("mailReceipt", { order: "A-17" }, { delay: 1000 });
  console.log(await receipt.waitUntilFinished(events, 30_000));
  await events.close();
  await queue.close();
}
