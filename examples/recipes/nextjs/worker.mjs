// The worker, a process of its own: node worker.mjs
import { tasks } from "./lib/tasks.mjs";

await tasks.work();
