"""The tasks of the shop."""

from django.core.mail import send_mail
from django.db import close_old_connections
from treadle import Client, Context, Treadle

from shop.models import Order

app = Treadle(client=Client(timeout=3))  # a request waits no longer than 3 s for a server that is away


@app.middleware
def fresh_connections(context: Context, call_next):
    """As Django does around a request: a connection that has timed out is not used again."""
    close_old_connections()
    try:
        return call_next()
    finally:
        close_old_connections()


@app.task(retries=10)
def mail_receipt(order_id: int) -> None:
    order = Order.objects.get(pk=order_id)
    if order.receipt_mailed:  # an earlier attempt got this far
        return
    send_mail("Your receipt", f"You paid {order.cents} cents.", "shop@example.com", [order.customer])
    Order.objects.filter(pk=order_id).update(receipt_mailed=True)


def enqueue_receipt(order_id: int) -> None:
    """Once for each order, however often it is called within a day."""
    mail_receipt.options(key=f"receipt-{order_id}").enqueue(order_id)
