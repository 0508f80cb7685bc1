// Orders with Faktory: a charge that is retried, and a receipt that is mailed later.
//
// Worker: node before.mjs work. Producer: node before.mjs. FAKTORY_URL is the server.
import faktory from "faktory-worker";

faktory.register("charge", (order, cents) => ({ job }) => {
  if (job.failure === undefined) throw new Error("no route to the bank");
  console.log(`${order}: charged ${cents} cents`);
});
faktory.register("mailReceipt", (order) => () => console.log(`${order}: receipt mailed`));

if (process.argv[2] === "work") {
  await faktory.work({ concurrency: 20 });
} else {
  const client = await faktory.connect();
  const charge = client.job("charge", "A-17", 250);
  charge.retry = 5;
  await charge.push();
  const receipt = client.job("mailReceipt", "A-17");
  receipt.at = new Date(Date.now() + 1000);
  await receipt.push();
  await client.close();
}
