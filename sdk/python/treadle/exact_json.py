"""JSON that says exactly what was meant, or says which value it cannot say.

Python's own encoder writes NaN, guesses nothing about times, and fails without a path. Here a value
becomes strict JSON with its Unicode intact. What JSON has no form for is refused with its path:
non-finite numbers, naive datetimes, lone surrogates, unknown types. The usual case runs in the C
encoder; the walk that finds the path runs only after that failed.

Beyond JSON's own types: dataclasses, enums, UUIDs, tuples, aware datetimes (RFC 3339), dates,
`Decimal` (as text), objects with `__json__()`, and models with `model_dump()` (Pydantic).
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import uuid
from typing import Any, Callable, Optional, Tuple, Union

from .errors import DecodingError, EncodingError

DEPTH_MAX = 60  # arrays and objects within one another; the server's bound, less its own levels
_CONVERSIONS_MAX = 20  # of one value, one after the other


def encode(value: Any, field: str = "payload") -> str:
    """`value` as JSON text that is valid UTF-8. Raises EncodingError with the path in `field`, also
    if code of the value's own raises."""
    try:
        text = _encode(value)
        if not text.isascii():
            text.encode()  # a lone surrogate is no character
        return text
    except MemoryError:
        raise
    except Exception as error:
        explained = _explained(value, field, error)
    raise explained


def decode(text: str | bytes) -> Any:
    """The value of strict JSON. Raises DecodingError."""
    try:
        return _decode(text if isinstance(text, str) else text.decode())
    except (ValueError, RecursionError) as error:
        raise DecodingError(f"not JSON: {error}") from None


class Unencodable(Exception):
    """A value without a form in JSON."""


def _plain(value: Any) -> Any:
    """A value that the encoder does not know, as one that it knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.datetime):
        return rfc3339(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, decimal.Decimal):
        if not value.is_finite():
            raise Unencodable("is not a finite number")
        return str(value)
    if not isinstance(value, type):
        to_json = getattr(value, "__json__", None)
        if callable(to_json):
            return to_json()
        model_dump = getattr(value, "model_dump", None)
        if callable(model_dump):
            return model_dump(mode="json")
    raise Unencodable(_why_not(value))


def _why_not(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return (
            "is bytes, which JSON cannot hold; give bytes as the whole payload, or make them text"
        )
    if isinstance(value, (set, frozenset)):
        return "is a set, which has no order; give a list"
    if isinstance(value, datetime.time):
        return "is a time without a date; give a datetime or text"
    return f"is a {type(value).__name__}, which JSON has no form for"


def rfc3339(time: datetime.datetime) -> str:
    """A point in time as the wire has it. A naive datetime names none and is refused."""
    if time.tzinfo is None or time.utcoffset() is None:
        raise Unencodable(
            "is a datetime without a time zone; add one, for example "
            "datetime.now(timezone.utc) or .astimezone()"
        )
    return time.astimezone(datetime.timezone.utc).isoformat().replace("+00:00", "Z")


def _explained(value: Any, field: str, error: Exception) -> EncodingError:
    found = _find(value, field, 0, frozenset())
    if found is None:
        return EncodingError(f"{field} cannot be written as JSON: {text_of(error)}", field=field)
    path, why = found
    if not isinstance(why, Exception):
        return EncodingError(f"{path} {why}", field=path)
    explained = EncodingError(f"{path} raised {type(why).__name__}: {text_of(why)}", field=path)
    explained.__cause__ = why
    return explained


def text_of(error: BaseException) -> str:
    """Its message, whatever its `__str__` does."""
    try:
        return str.__str__(str(error))
    except BaseException as wrong:
        return f"no message: its __str__ raised {type(wrong).__name__}"


_Found = Optional[Tuple[str, Union[str, Exception]]]
"""A path and what is wrong there: words, or what the value's own code raised."""


def _find(value: Any, path: str, depth: int, above: frozenset[int], conversions: int = 0) -> _Found:
    """The first part of `value` that has no form in JSON, and why."""
    try:
        return _find_in(value, path, depth, above, conversions)
    except Unencodable as error:
        return path, str(error)
    except MemoryError:
        raise
    except Exception as error:
        return path, error


def _find_in(value: Any, path: str, depth: int, above: frozenset[int], conversions: int) -> _Found:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return path, "holds half of a surrogate pair, which is no character"
        return None
    if value is None or isinstance(value, (bool, int)):
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else (path, f"is {value}; JSON has only finite numbers")
    if id(value) in above:
        return path, "holds itself"
    if depth > DEPTH_MAX:
        return path, f"is nested deeper than {DEPTH_MAX} levels"
    above = above | {id(value)}
    if isinstance(value, dict):
        return _find_in_dict(value, path, depth, above)
    if isinstance(value, (list, tuple)):
        for i, each in enumerate(value):
            if found := _find(each, f"{path}[{i}]", depth + 1, above):
                return found
        return None
    if conversions == _CONVERSIONS_MAX:
        return path, "becomes one object after the other, and never a value of JSON"
    return _find(_plain(value), path, depth, above, conversions + 1)


def _find_in_dict(value: dict[Any, Any], path: str, depth: int, above: frozenset[int]) -> _Found:
    for key, each in value.items():
        if not isinstance(key, (str, int)) and key is not None:
            return f"{path}.{key}", f"has a key of type {type(key).__name__}; keys are text"
        if isinstance(key, str) and (found := _find(key, f"{path} (a key)", depth, above)):
            return found
        if found := _find(each, f"{path}.{key}", depth + 1, above):
            return found
    return None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _int_or_none(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _make_encoder() -> Callable[[Any], str]:
    """The encoder in C, made once: `JSONEncoder.encode` makes one for each call."""
    make = getattr(json.encoder, "c_make_encoder", None)
    slow = json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
    ).encode
    if make is None:
        return slow
    try:
        # No markers: what holds itself ends in a RecursionError.
        write = make(
            None, _plain, json.encoder.encode_basestring, None, ":", ",", False, False, False
        )
        if "".join(write({"a": [1, "ä"]}, 0)) != '{"a":[1,"ä"]}':
            return slow
    except Exception:
        return slow
    return lambda value: "".join(write(value, 0))


_encode = _make_encoder()
_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
_decode: Callable[[str], Any] = _decoder.decode
# Reads one value of `text` at a place: (value, end). Raises StopIteration or ValueError.
scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]
# The same, with None for whole numbers that have more digits than Python reads.
lenient_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_int=_int_or_none
).scan_once  # type: ignore[attr-defined]
# Text as JSON, quotes included.
quote: Callable[[str], str] = json.JSONEncoder(ensure_ascii=False).encode
