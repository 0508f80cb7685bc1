/** The two-minute example: an application, a worker for it, and what enqueues its tasks. */

import { Treadle } from "treadle";

interface Job {
  path: string;
  width: number;
}

const app = new Treadle();

export const resize = app.task("resize", { retries: 5 }, async ({ path, width }: Job) => {
  return path.replace(".png", `-${width}.png`);
});

if (process.argv[2] === "work") {
  await app.work({ concurrency: 20 });
} else {
  const handle = await resize.enqueue({ path: "a.png", width: 300 });
  console.log(handle.id, await handle.result({ timeout: "30s" }));
}
