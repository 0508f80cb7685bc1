"""Orders with Celery: a charge that is retried, and a receipt that is mailed later.

Worker: celery --app before worker. Producer: python before.py. REDIS_URL is the broker.
"""

import os

from celery import Celery

app = Celery("before", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.task_acks_late = True
app.conf.task_reject_on_worker_lost = True


class BankDown(Exception):
    pass


@app.task(bind=True, autoretry_for=(BankDown,), max_retries=5, retry_backoff=1, retry_backoff_max=60)
def charge(self, order, cents):
    if self.request.retries == 0:
        raise BankDown("no route to the bank")
    return f"{order}: charged {cents} cents"


@app.task
def mail_receipt(order):
    return f"{order}: receipt mailed"


if __name__ == "__main__":
    print(charge.delay("A-17", 250).get(timeout=30))
    print(mail_receipt.apply_async(("A-17",), countdown=1).get(timeout=30))
