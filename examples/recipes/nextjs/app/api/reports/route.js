import { refused, report } from "../../../lib/tasks.mjs";

export async function POST(request) {
  try {
    const { month } = await request.json();
    const key = request.headers.get("Idempotency-Key") ?? undefined;
    const handle = await report.enqueue({ month }, { key });
    return Response.json({ id: handle.id }, { status: 202 });
  } catch (error) {
    return refused(error);
  }
}
