/** Tests of orders.ts without a server: node --test. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { TaskDeadError } from "treadle";
import { inMemory } from "treadle/testing";
import { app, charge } from "./orders.js";

test("an order is charged once, and reported", async (t) => {
  const memory = inMemory(t, app);
  const handle = await charge.enqueue({ order: "7", cents: 500 });
  await memory.run();
  assert.deepEqual(await handle.result(), { receipt: "r-7" });
  assert.deepEqual(
    memory.tasks.map((each) => [each.type, each.state]),
    [
      ["orders.charge", "completed"],
      ["orders.report", "completed"],
    ],
  );
});

test("an order that is too large is dead at once", async (t) => {
  inMemory(t, app);
  const handle = await charge.enqueue({ order: "8", cents: 500_000 });
  await assert.rejects(handle.result(), TaskDeadError);
});
