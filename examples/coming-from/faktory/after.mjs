// Orders with Treadle: a charge that is retried, and a receipt that is mailed later.
//
// Worker: node after.mjs work. Producer: node after.mjs. TREADLE_SERVER is the server.
import { Treadle } from "treadle";

const app = new Treadle();

const charge = app.task("charge", { retries: 5 }, ([order, cents], { attempt }) => {
  if (attempt === 1) throw new Error("no route to the bank");
  console.log(`${order}: charged ${cents} cents`);
});
const mailReceipt = app.task("mailReceipt", ([order]) => console.log(`${order}: receipt mailed`));

if (process.argv[2] === "work") {
  await app.work({ concurrency: 20 });
} else {
  await charge.enqueue(["A-17", 250]);
  await mailReceipt.enqueue(["A-17"], { delay: "1s" });
}
