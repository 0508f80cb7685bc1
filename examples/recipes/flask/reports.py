"""Reports with Flask. Web: flask --app reports run. Worker: treadle-worker reports:tasks."""

import treadle
from flask import Flask, abort, request

tasks = treadle.Treadle()
web = Flask(__name__)


@tasks.task(retries=5)
def report(month: str) -> dict:
    return {"month": month, "pages": 3}


@web.post("/reports")
def create():
    key = request.headers.get("Idempotency-Key")
    handle = report.options(key=key).enqueue(request.get_json()["month"])
    return {"id": handle.id}, 202


@web.get("/reports/<task_id>")
def show(task_id):
    task = report.handle(task_id).info()
    if task.type != report.name:
        abort(404)
    return {"state": task.state, "result": task.result}


@web.errorhandler(treadle.TreadleError)
def refused(error):
    statuses = {"INVALID_ARGUMENT": 400, "NOT_FOUND": 404, "ALREADY_EXISTS": 409}
    return {"error": error.detail}, statuses.get(error.code, 503)
