"""How payloads become the arguments of a handler, and back."""

import dataclasses
import datetime
import enum
import hashlib
from decimal import Decimal
from typing import Dict, List, Literal, Optional, Tuple, TypedDict, Union

import pytest

from treadle import Context, DecodingError, Payload
from treadle.binding import Binding
from treadle.exact_json import encode
from treadle.wire import Lease


@dataclasses.dataclass
class Item:
    name: str
    price: float = 0.0


@dataclasses.dataclass
class Order:
    items: List[Item]
    note: Optional[str] = None
    parent: "Optional[Order]" = None


class Color(enum.Enum):
    RED = "red"


class Options(TypedDict, total=False):
    size: int


def lease(payload, content_type="application/json"):
    is_bytes = isinstance(payload, bytes)
    raw = payload if is_bytes else encode(payload)
    sha256 = hashlib.sha256(raw if is_bytes else raw.encode()).hexdigest()
    fields = {
        "token": "1-1.1.1",
        "id": "1-1",
        "type": "t",
        "attempt": 1,
        "content_type": content_type,
        "payload_sha256": sha256,
    }
    made = Lease(fields, payload, raw)
    assert not made.is_damaged
    return made


def call(function, payload, **options):
    args, names = Binding(function, Context).arguments(lease(payload, **options))
    return function(*args, **names)


def resize(path: str, width: int = 100):
    return path, width


@pytest.mark.parametrize("payload", [{"path": "a", "width": 3}, ["a", 3]])
def test_arguments_come_by_name_or_by_position(payload):
    assert call(resize, payload) == ("a", 3)


def test_defaults_are_the_handlers_own():
    assert call(resize, {"path": "a"}) == ("a", 100)
    assert Binding(resize, Context).payload(("a",), {}) == {"path": "a"}


@pytest.mark.parametrize(
    "payload,field",
    [
        ({"path": 1}, "payload.path"),
        ({}, "payload.path"),
        ({"path": "a", "widht": 1}, "payload.widht"),
        (["a", "b"], "payload[1]"),
        ([], "payload"),
        ("a", "payload"),
        ({"path": "a", "width": True}, "payload.width"),
        ({"path": "a", "width": 1.5}, "payload.width"),
    ],
)
def test_what_does_not_fit_is_named(payload, field):
    with pytest.raises(DecodingError) as caught:
        call(resize, payload)
    assert caught.value.field == field


def test_one_argument_may_be_the_value_itself():
    def double(number: int):
        return 2 * number

    assert [call(double, each) for each in (4, [4], {"number": 4})] == [8, 8, 8]


def test_a_dataclass_is_the_payload_itself():
    def total(order: Order) -> float:
        return sum(each.price for each in order.items)

    assert (
        call(
            total, {"items": [{"name": "a", "price": 2}], "parent": {"items": []}, "from_newer": 1}
        )
        == 2.0
    )
    assert Binding(total, Context).payload((Order([]),), {}) == Order([])
    with pytest.raises(DecodingError) as caught:
        call(total, {"items": [{"price": 2}]})
    assert caught.value.field == "payload.items[0].name"


def test_types_within_types_are_made():
    def typed(
        a: Dict[str, List[int]],
        b: Tuple[int, str],
        c: Union[int, str],
        d: Color,
        e: Literal["x", "y"],
        f: datetime.datetime,
        g: Options,
    ):
        return a, b, c, d, e, f, g

    at = datetime.datetime(2026, 11, 30, tzinfo=datetime.timezone.utc)
    assert call(typed, [{"k": [1]}, [1, "b"], "c", "red", "y", at.isoformat(), {"size": 1}]) == (
        {"k": [1]},
        (1, "b"),
        "c",
        Color.RED,
        "y",
        at,
        {"size": 1},
    )
    for i, wrong in enumerate(
        [{"k": ["1"]}, [1], 1.5, "blue", "z", "2026-11-30T00:00:00", {"size": "1"}]
    ):
        payload = [{"k": [1]}, [1, "b"], "c", "red", "y", at.isoformat(), {"size": 1}]
        payload[i] = wrong
        with pytest.raises(DecodingError) as caught:
            call(typed, payload)
        assert caught.value.field.startswith(f"payload[{i}]")


def test_a_number_whose_value_is_whole_is_a_whole_number():
    def typed(a: int, b: Optional[List[int]], c: Union[int, float], d: Literal[2], e: Decimal):
        return a, b, c, d, e

    found = call(typed, [4.0, [1e2, -0.0], 3.0, 2.0, 5.0])
    assert found == (4, [100, 0], 3.0, 2, 5)
    assert [type(each) for each in found] == [int, list, float, int, Decimal]
    assert [type(each) for each in found[1]] == [int, int]
    for wrong in (4.5, 1e300, 2.0**53 + 2, True, "4"):
        with pytest.raises(DecodingError, match="a must be a whole number|payload.0. must be a wh"):
            call(typed, [wrong, None, 3, 2, 5])


def test_bytes_are_the_payload_itself():
    def image(data: bytes):
        return data

    def anything(payload: Payload):
        return payload

    assert call(image, b"\0\1", content_type="image/png") == b"\0\1"
    assert call(anything, b"\0", content_type="image/png") == Payload(b"\0", "image/png")
    assert call(anything, {"a": 1}) == Payload(b'{"a":1}', "application/json")
    with pytest.raises(DecodingError, match="takes bytes"):
        call(image, {"a": 1})
    with pytest.raises(DecodingError, match="takes JSON"):
        call(resize, b"\0", content_type="image/png")


def test_the_context_is_no_part_of_the_payload():
    def with_context(context: Context, a: int):
        return a

    binding = Binding(with_context, Context)
    assert binding.context_name == "context"
    assert binding.payload((1,), {}) == {"a": 1}


def test_names_and_rest():
    def names(a, **rest):
        return a, rest

    def rest(*args):
        return args

    assert call(names, {"a": 1, "b": 2}) == (1, {"b": 2})
    assert call(rest, [1, 2]) == (1, 2)
    assert Binding(rest, Context).payload((1, 2), {}) == [1, 2]
    assert Binding(names, Context).payload((), {"a": 1, "b": 2}) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    "args,names", [((), {}), (("a", 1, 2), {}), (("a",), {"path": "b"}), (("a",), {"other": 1})]
)
def test_wrong_arguments_of_an_enqueue_are_refused(args, names):
    with pytest.raises(TypeError):
        Binding(resize, Context).payload(args, names)


@pytest.mark.parametrize("payload", [{"a": 1, "b": 2}, [1, 2]])
def test_the_context_may_stand_anywhere(payload):
    def first(context: Context, a: int, b: int):
        return context, a, b

    def between(a: int, context: Context, b: int):
        return context, a, b

    def last(a: int, b: int, *, context: Context):
        return context, a, b

    for each in first, between, last:
        args, names = Binding(each, Context).arguments(lease(payload))
        assert each(*args, **{**names, "context": "here"}) == ("here", 1, 2)


def test_the_context_stands_before_what_is_the_payload_itself():
    def total(context: Context, order: Order):
        return context, order

    def image(context: Context, data: bytes):
        return context, data

    def rest(*args, context: Context):
        return context, args

    def wrong(context: Context, *args):
        return args

    for function, payload, result in (
        (total, {"items": []}, Order([])),
        (image, b"x", b"x"),
        (rest, [1, 2], (1, 2)),
    ):
        args, names = Binding(function, Context).arguments(lease(payload))
        assert function(*args, **{**names, "context": "here"}) == ("here", result)
    with pytest.raises(TypeError, match="must stand behind"):
        Binding(wrong, Context)
