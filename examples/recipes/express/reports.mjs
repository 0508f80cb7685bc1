// Reports with Express. Web: node reports.mjs. Worker: node reports.mjs work.
import express from "express";
import { NotFoundError, Treadle } from "treadle";

const tasks = new Treadle();

const report = tasks.task("report", { retries: 5 }, async ({ month }) => ({ month, pages: 3 }));

if (process.argv[2] === "work") {
  await tasks.work();
} else {
  const web = express();
  web.use(express.json());

  web.post("/reports", async (request, response) => {
    const key = request.get("Idempotency-Key");
    const handle = await report.enqueue({ month: request.body.month }, { key });
    response.status(202).json({ id: handle.id });
  });

  web.get("/reports/:id", async (request, response) => {
    const { type, state, result } = await report.handle(request.params.id).info();
    if (type !== report.name) throw new NotFoundError("there is no such report");
    response.json({ state, result });
  });

  web.use((error, request, response, next) => {
    const statuses = { INVALID_ARGUMENT: 400, NOT_FOUND: 404, ALREADY_EXISTS: 409 };
    response.status(error.status ?? statuses[error.code] ?? 503).json({ error: error.message });
  });

  web.listen(process.env.PORT ?? 3000, "127.0.0.1");
}
