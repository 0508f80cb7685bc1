from datetime import timedelta

from django.core.management.base import BaseCommand
from django.utils import timezone

from shop.models import Order
from shop.tasks import enqueue_receipt


class Command(BaseCommand):
    help = "Enqueue the receipts of orders whose process ended between the commit and the enqueue."

    def add_arguments(self, parser):
        parser.add_argument("--older-than", type=int, default=60, metavar="SECONDS")

    def handle(self, *args, older_than, **options):
        before = timezone.now() - timedelta(seconds=older_than)
        for order in Order.objects.filter(receipt_mailed=False, created_at__lte=before):
            enqueue_receipt(order.pk)
            self.stdout.write(f"order {order.pk}")
