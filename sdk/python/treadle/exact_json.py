"""JSON that says exactly what was meant, or says which value it cannot say.

Python's own encoder writes NaN, guesses nothing about times, and fails without a path. Here a value
becomes strict JSON with its Unicode intact. What JSON has no form for is refused with its path:
non-finite numbers, naive datetimes, lone surrogates, unknown types. The usual case runs in the C
encoder; the walk that finds the path runs only after that failed.

Beyond JSON's own types: dataclasses, enums, UUIDs, tuples, aware datetimes (RFC 3339), dates,
`Decimal` (as text) and objects with `__json__()`.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import uuid
from typing import Any, Callable

from .errors import DecodingError, EncodingError

DEPTH_MAX = 60  # arrays and objects within one another; the server's bound, less its own levels


def encode(value: Any, field: str = "payload") -> str:
    """`value` as JSON text that is valid UTF-8. Raises EncodingError with the path in `field`."""
    try:
        text = _encode(value)
        if not text.isascii():
            text.encode()  # a lone surrogate is no character
        return text
    except (ValueError, TypeError, RecursionError, Unencodable) as error:
        raise _explained(value, field, error) from None


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
    to_json = getattr(value, "__json__", None)
    if callable(to_json):
        return to_json()
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


def _explained(value: Any, field: str, error: BaseException) -> EncodingError:
    found = _find(value, field, 0, set())
    if found is None:
        return EncodingError(f"{field} cannot be written as JSON: {error}", field=field)
    path, why = found
    return EncodingError(f"{path} {why}", field=path)


def _find(value: Any, path: str, depth: int, above: set[int]) -> tuple[str, str] | None:
    """The first part of `value` that has no form in JSON, and why."""
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
    try:
        return _find(_plain(value), path, depth, above)
    except Unencodable as error:
        return path, str(error)


def _find_in_dict(
    value: dict[Any, Any], path: str, depth: int, above: set[int]
) -> tuple[str, str] | None:
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
# Text as JSON, quotes included.
quote: Callable[[str], str] = json.JSONEncoder(ensure_ascii=False).encode
