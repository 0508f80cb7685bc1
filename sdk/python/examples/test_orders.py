"""The handlers of orders.py, tested without a server: `pytest test_orders.py`."""

import orders
import pytest
from orders import Item, Order

from treadle import TaskDeadError
from treadle.testing import InMemory


@pytest.fixture
def memory():
    with InMemory(orders.app) as memory:
        yield memory


def test_an_order_is_charged_once_and_its_customer_is_thanked(memory):
    handle = orders.fulfil.enqueue(Order("Ada", [Item("pen", 250), Item("ink", 100)]))
    memory.run()
    assert handle.result() == 350
    (mail,) = [each for each in memory.tasks if each.type == "thank"]
    assert mail.result == "Thank you, Ada (receipt-Ada-350)"


def test_an_empty_order_fails_with_its_code(memory):
    handle = orders.fulfil.options(max_attempts=1).enqueue(Order("Ada", []))
    with pytest.raises(TaskDeadError) as caught:
        handle.result()
    assert caught.value.error_code == "sold_out"


def test_a_mail_may_wait(memory):
    handle = orders.thank.enqueue("Not Yet", "receipt-1")
    memory.run()
    assert memory.task(handle.id).state == "scheduled"
