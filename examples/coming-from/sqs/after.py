"""Orders with Treadle: a charge that is retried, and a receipt that is mailed later.

Worker: treadle-worker after:app --queues orders. Producer: python after.py. TREADLE_SERVER is the
server.
"""

from treadle import Context, Retry, Treadle

app = Treadle()


@app.task(queue="orders", retry=Retry(max_attempts=6, base=1, jitter="none"))
def charge(context: Context, order: str, cents: int) -> None:
    if context.attempt == 1:
        raise RuntimeError("no route to the bank")
    print(f"{order}: charged {cents} cents", flush=True)


@app.task(queue="orders")
def mail_receipt(order: str) -> None:
    print(f"{order}: receipt mailed", flush=True)


if __name__ == "__main__":
    charge.enqueue("A-17", 250)
    mail_receipt.options(delay=1).enqueue("A-17")
