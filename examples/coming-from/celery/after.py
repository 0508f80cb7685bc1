"""Orders with Treadle: a charge that is retried, and a receipt that is mailed later.

Worker: treadle-worker after:app. Producer: python after.py. TREADLE_SERVER is the server.
"""

from treadle import Context, Retry, Treadle

app = Treadle()


class BankDown(Exception):
    pass


@app.task(retry=Retry(max_attempts=6, base=1, cap=60))
def charge(context: Context, order: str, cents: int) -> str:
    if context.attempt == 1:
        raise BankDown("no route to the bank")
    return f"{order}: charged {cents} cents"


@app.task
def mail_receipt(order: str) -> str:
    return f"{order}: receipt mailed"


if __name__ == "__main__":
    print(charge.enqueue("A-17", 250).result(timeout=30))
    print(mail_receipt.options(delay=1).enqueue("A-17").result(timeout=30))
