"""Orders of a shop: typed payloads, steps that are not done twice, failures with a code, a
contract.

treadle-worker orders:app
python orders.py
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from treadle import Context, Contract, Failure, Pool, Retry, Snooze, Treadle

app = Treadle()
app.pool(Pool("mails", queues=["mails"], concurrency=2))
log = logging.getLogger(__name__)


@dataclass
class Item:
    name: str
    cents: int


@dataclass
class Order:
    customer: str
    items: list[Item]


@app.task(contract=Contract(error_codes={"sold_out": "never"}), retry=Retry(preset="patient"))
def fulfil(context: Context, order: Order) -> int:
    """The sum in cents. An attempt that dies after the charge does not charge again."""
    if not order.items:
        raise Failure("sold_out", f"nothing is left for {order.customer}")
    total = sum(each.cents for each in order.items)
    receipt = context.step("charge", lambda: f"receipt-{order.customer}-{total}")
    log.warning("charged %s: %s", order.customer, receipt)
    # The key follows from this task: whatever is tried again here, one mail is sent.
    thank.options(key=f"thank-{context.id}").enqueue(order.customer, receipt)
    return total


@app.task(pool="mails", queue="mails")
async def thank(context: Context, customer: str, receipt: str) -> str:
    if context.attempt == 1 and customer == "Not Yet":
        raise Snooze(60)
    return f"Thank you, {customer} ({receipt})"


@app.middleware
def timed(context: Context, call_next):  # type: ignore[no-untyped-def]
    log.info("task %s, attempt %d", context.id, context.attempt)
    return call_next()


if __name__ == "__main__":
    handle = fulfil.enqueue(Order("Ada", [Item("pen", 250), Item("ink", 100)]))
    print(handle.id, handle.result(timeout=30))
