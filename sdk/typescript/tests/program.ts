/** A worker in a process of its own, for tests that signal it. Its queue is $QUEUE; it says when a task begins. */

import { Treadle } from "../src/index.js";

const app = new Treadle();

app.task("sleeps", async (ms: number, context) => {
  console.log(`begun ${context.attempt}`);
  await context.sleep(ms);
  return "slept";
});

app.task("deaf", async (ms: number) => {
  console.log("begun");
  await new Promise((resolve) => setTimeout(resolve, ms));
  return "heard nothing";
});

app.task("computes", (ms: number) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return "computed";
});

await app.work({ queues: [process.env["QUEUE"] as string], shutdownGrace: "20s", cancelWait: 300 });
console.log("ended");
