/** An application with checked payloads, steps, a pool, middleware and a contract. */

import { Failure, Treadle, type Context } from "treadle";

export interface Order {
  order: string;
  cents: number;
}

export const app = new Treadle();

app.pool("reports", { queues: ["reports"], concurrency: 2 });

app.use(async (context, next) => {
  context.log.info(`attempt ${context.attempt} of ${context.maxAttempts}`);
  return next();
});

/** Any function that throws, or an object with `parse`, for example a schema of Zod. */
function asOrder(value: unknown): Order {
  const { order, cents } = value as Partial<Order>;
  if (typeof order !== "string" || typeof cents !== "number") throw new Error("an order needs order and cents");
  return { order, cents };
}

const contract = {
  inputSchema: { type: "object", required: ["order", "cents"], properties: { cents: { type: "integer", minimum: 1 } } },
  errorCodes: [{ code: "declined", retry: "never" as const, description: "The bank says no." }],
};

export const charge = app.task(
  "orders.charge",
  { input: asOrder, contracts: [contract], retry: { preset: "patient" }, timeout: "1m" },
  async (order, context: Context) => {
    const receipt = await context.step("charge", () => chargeCard(order));
    await context.step("mail", () => report.enqueue(order, { key: `report-${order.order}` }).then((each) => each.id));
    return receipt;
  },
);

export const report = app.task(
  "orders.report",
  { pool: "reports", queue: "reports" },
  async (order: Order, context) => {
    for (let page = context.checkpoint<number>() ?? 0; page < 4; ++page) {
      context.check(); // throws when the work is no longer wanted
      context.progress(page / 4, `page ${page + 1} of 4`);
      await context.saveCheckpoint(page + 1);
    }
    return { pages: 4, order: order.order };
  },
);

async function chargeCard({ order, cents }: Order): Promise<{ receipt: string }> {
  if (cents > 100_000) throw new Failure("declined", `${cents} cents are too much`, { retry: false });
  return { receipt: `r-${order}` };
}
