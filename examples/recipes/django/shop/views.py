import json

from django.db import transaction
from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from shop.models import Order
from shop.tasks import enqueue_receipt


@csrf_exempt  # a JSON API without cookies
@require_POST
@transaction.atomic
def create(request):
    body = json.loads(request.body)
    order = Order.objects.create(customer=body["customer"], cents=body["cents"])
    # After the commit: a worker would not find the order before it, and none is there after a rollback.
    # robust: the order is committed, so the answer is 201 even if the server of tasks is away.
    transaction.on_commit(lambda: enqueue_receipt(order.pk), robust=True)
    if body.get("card") == "declined":
        transaction.set_rollback(True)
        return JsonResponse({"error": "the card was declined"}, status=402)
    return JsonResponse({"id": order.pk}, status=201)


@require_GET
def show(request, order_id):
    order = get_object_or_404(Order, pk=order_id)
    return JsonResponse({"id": order.pk, "receipt_mailed": order.receipt_mailed})
