// Orders with Treadle: a charge that is retried, and a receipt that is mailed later.
//
// Worker: node after.mjs work. Producer: node after.mjs. TREADLE_SERVER is the server.
import { Treadle } from "treadle";

const app = new Treadle();

const retried = { retry: { maxAttempts: 6, base: "1s" } };
const charge = app.task("charge", retried, async ({ order, cents }, context) => {
  if (context.attempt === 1) throw new Error("no route to the bank");
  return `${order}: charged ${cents} cents`;
});
const mailReceipt = app.task("mailReceipt", async ({ order }) => `${order}: receipt mailed`);

if (process.argv[2] === "work") {
  await app.work({ concurrency: 20 });
} else {
  const charged = await charge.enqueue({ order: "A-17", cents: 250 });
  console.log(await charged.result({ timeout: "30s" }));
  const mailed = await mailReceipt.enqueue({ order: "A-17" }, { delay: "1s" });
  console.log(await mailed.result({ timeout: "30s" }));
}
