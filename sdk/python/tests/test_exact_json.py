"""What is written as JSON is exactly what was meant, or is refused with its path."""

import dataclasses
import datetime
import decimal
import enum
import json
import uuid

import pytest
from conftest import raises_field

from treadle import DecodingError, EncodingError
from treadle.exact_json import decode, encode

UTC = datetime.timezone.utc


@dataclasses.dataclass
class Point:
    x: int
    label: str = "ä"


class Color(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    "value,path",
    [
        (float("nan"), "payload"),
        ({"a": [1, float("inf")]}, "payload.a[1]"),
        ([{"b": -float("inf")}], "payload[0].b"),
        (Point(float("nan")), "payload.x"),
        ({"k": decimal.Decimal("NaN")}, "payload.k"),
    ],
)
def test_numbers_that_are_not_finite_are_refused_with_their_path(value, path):
    with raises_field(EncodingError, path):
        encode(value)


def test_a_time_without_a_zone_is_refused():
    with raises_field(EncodingError, "payload.at") as caught:
        encode({"at": datetime.datetime(2026, 11, 30)})
    assert "time zone" in caught.value.detail


def test_a_time_with_a_zone_is_written_in_utc():
    zone = datetime.timezone(datetime.timedelta(hours=2))
    assert (
        encode(datetime.datetime(2026, 11, 30, 2, 0, 0, 5, tzinfo=zone))
        == '"2026-11-30T00:00:00.000005Z"'
    )


@pytest.mark.parametrize("text", ["ä", "日本", "😀", "\u2028", "\x00", '"\\'])
def test_unicode_is_intact(text):
    assert decode(encode({"t": text}).encode()) == {"t": text}
    if text.isprintable() and text != '"\\':
        assert text in encode(text), "not as an escape"


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 1}])
def test_half_a_surrogate_pair_is_refused(value):
    with pytest.raises(EncodingError, match="surrogate"):
        encode(value)


@pytest.mark.parametrize(
    "value,why", [(b"x", "bytes"), ({1, 2}, "set"), (object(), "object"), (1j, "complex")]
)
def test_what_json_has_no_form_for_is_refused(value, why):
    with raises_field(EncodingError, "payload[0]") as caught:
        encode([value])
    assert why in caught.value.detail


def test_what_holds_itself_is_refused():
    loop = []
    loop.append(loop)
    with pytest.raises(EncodingError, match="holds itself"):
        encode(loop)


def test_values_beyond_json_become_json():
    key = uuid.UUID(int=1)
    value = {
        "p": Point(1),
        "c": Color.RED,
        "u": key,
        "d": decimal.Decimal("1.10"),
        "t": (1, 2),
        "day": datetime.date(2026, 1, 2),
    }
    assert json.loads(encode(value)) == {
        "p": {"x": 1, "label": "ä"},
        "c": "red",
        "u": str(key),
        "d": "1.10",
        "t": [1, 2],
        "day": "2026-01-02",
    }


def test_large_whole_numbers_are_exact():
    assert decode(encode(2**70 + 1)) == 2**70 + 1


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "{", "", "1 2"])
def test_what_is_not_json_is_refused(text):
    with pytest.raises(DecodingError):
        decode(text)
