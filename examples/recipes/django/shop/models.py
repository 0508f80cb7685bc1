from django.db import models


class Order(models.Model):
    customer = models.EmailField()
    cents = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    receipt_mailed = models.BooleanField(default=False)
