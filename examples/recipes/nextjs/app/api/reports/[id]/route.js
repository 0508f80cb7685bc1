import { refused, report } from "../../../../lib/tasks.mjs";

export async function GET(request, { params }) {
  try {
    const { id } = await params;
    const { type, state, result } = await report.handle(id).info();
    if (type !== report.name) return Response.json({ error: "there is no such report" }, { status: 404 });
    return Response.json({ state, result });
  } catch (error) {
    return refused(error);
  }
}
