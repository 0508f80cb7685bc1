"""Reports with FastAPI. Web: uvicorn reports:web. Worker: treadle-worker reports:tasks."""

from typing import Annotated, Optional

import treadle
from fastapi import FastAPI, Header, HTTPException
from fastapi.responses import JSONResponse
from pydantic import BaseModel

tasks = treadle.Treadle()
web = FastAPI()


class Order(BaseModel):
    month: str


@tasks.task(retries=5)
async def report(month: str) -> dict:
    return {"month": month, "pages": 3}


@web.post("/reports", status_code=202)
async def create(order: Order, idempotency_key: Annotated[Optional[str], Header()] = None):
    handle = await report.options(key=idempotency_key).aenqueue(order.month)
    return {"id": handle.id}


@web.get("/reports/{task_id}")
def show(task_id: str):  # without async: FastAPI runs it in a thread, where it may wait
    task = report.handle(task_id).info()
    if task.type != report.name:
        raise HTTPException(404)
    return {"state": task.state, "result": task.result}


@web.exception_handler(treadle.TreadleError)
def refused(_, error):
    statuses = {"INVALID_ARGUMENT": 400, "NOT_FOUND": 404, "ALREADY_EXISTS": 409}
    return JSONResponse({"error": error.detail}, statuses.get(error.code, 503))
