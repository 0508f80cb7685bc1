/** Tests without a server. */

import type { Treadle } from "../app.js";
import { InMemory, type InMemoryOptions } from "./in_memory.js";

export { FakeTask } from "./fake_task.js";
export { InMemory, type InMemoryOptions } from "./in_memory.js";

/** What node:test hands to a test. */
export interface TestContext {
  after(leave: () => void): void;
}

/** Enters an InMemory for one test of node:test: `const memory = inMemory(t, app)`. */
export function inMemory(test: TestContext, app: Treadle, options?: InMemoryOptions): InMemory {
  const memory = new InMemory(app, options).enter();
  test.after(() => memory.leave());
  return memory;
}
