// What the web server enqueues and the worker runs.
import { Treadle } from "treadle";

export const tasks = new Treadle();

export const report = tasks.task("report", { retries: 5 }, async ({ month }) => ({ month, pages: 3 }));

export function refused(error) {
  const statuses = { INVALID_ARGUMENT: 400, NOT_FOUND: 404, ALREADY_EXISTS: 409 };
  return Response.json({ error: error.message }, { status: statuses[error.code] ?? 503 });
}
