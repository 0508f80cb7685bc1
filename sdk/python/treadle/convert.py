"""From values of JSON to the types that a handler asks for, strictly and with the path of a fault.

`converter(annotation)` compiles a type once; what comes back turns a value into it. A number is
never made of text, nor the other way round; an int is taken where a float is asked for. A number
whose value is whole is a whole number however it is written, as for the server: 4.0 and 4e0 are 4.
Supported:
JSON's own types, Optional and Union, Literal, list, tuple, set, dict, enums, dataclasses,
TypedDict, NewType, aware datetimes, dates, UUIDs, Decimal, and models with `model_validate`
(Pydantic). Types that are not known take any value.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import sys
import types
import typing
import uuid
from typing import Any, Callable, Iterable, Mapping, Union

from .errors import DecodingError

Converter = Callable[[Any, str], Any]
"""(value, path) → the value as the type. Raises DecodingError."""

_UNIONS: tuple[Any, ...] = (Union, getattr(types, "UnionType", Union))
_SEQUENCES: dict[Any, Callable[[Iterable[Any]], Any]] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: list,
    collections.abc.Iterable: list,
    collections.abc.Collection: list,
    collections.abc.MutableSequence: list,
    collections.abc.Set: frozenset,
}
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_NAMES = {
    dict: "an object",
    list: "an array",
    str: "text",
    bool: "true or false",
}
_EXACT_MAX = 2**53  # up to this a float is the number that was written


def converter(annotation: Any) -> Converter | None:
    """None: every value is taken as it is."""
    annotation = plain_type(annotation)
    if annotation in (Any, object) or isinstance(annotation, typing.TypeVar):
        return None
    if annotation in (None, type(None)):
        return _exactly(type(None), "null")
    if annotation is float:
        return _to_float
    if annotation is int:
        return _to_int
    if annotation in _NAMES:
        return _exactly(annotation, _NAMES[annotation])
    if annotation in _LEAVES:
        return _LEAVES[annotation]
    origin = typing.get_origin(annotation)
    if origin is not None:
        return _generic(origin, typing.get_args(annotation))
    if annotation in _SEQUENCES or annotation is tuple:
        return _sequence(_SEQUENCES.get(annotation, tuple), None)
    if annotation in _MAPPINGS:
        return _exactly(dict, "an object")
    if isinstance(annotation, type):
        return _class(annotation)
    return None


def plain_type(annotation: Any) -> Any:
    """Without Annotated, NewType and the like."""
    while True:
        if typing.get_origin(annotation) is getattr(typing, "Annotated", object()):
            annotation = typing.get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        else:
            return annotation


def is_typed_dict(annotation: Any) -> bool:
    return (
        isinstance(annotation, type)
        and issubclass(annotation, dict)
        and hasattr(annotation, "__total__")
    )


def has_fields(annotation: Any) -> bool:
    """Whether a value of this type is an object of JSON with fields of its own."""
    annotation = plain_type(annotation)
    if not isinstance(annotation, type):
        return False
    return (
        dataclasses.is_dataclass(annotation)
        or is_typed_dict(annotation)
        or hasattr(annotation, "model_validate")
    )


def type_hints(of: Any) -> dict[str, Any]:
    """The annotations of a class or function; those that cannot be resolved are left out."""
    try:
        return typing.get_type_hints(of)
    except Exception:
        pass
    raw = getattr(of, "__annotations__", {})
    names = dict(vars(sys.modules.get(getattr(of, "__module__", ""), typing)))
    found: dict[str, Any] = {}
    for name, annotation in raw.items():
        if not isinstance(annotation, str):
            found[name] = annotation
            continue
        try:
            found[name] = eval(annotation, names)  # the program's own source
        except Exception:
            continue
    return found


def _wrong(path: str, what: str, value: Any) -> DecodingError:
    shown = type(value).__name__
    kinds = {"dict": "an object", "list": "an array", "str": "text", "NoneType": "null"}
    return DecodingError(f"{path} must be {what}, not {kinds.get(shown, shown)}", field=path)


def _exactly(kind: type, what: str) -> Converter:
    def convert(value: Any, path: str) -> Any:
        if type(value) is not kind:
            raise _wrong(path, what, value)
        return value

    return convert


def _to_float(value: Any, path: str) -> float:
    if type(value) is float:
        return value
    if type(value) is not int:
        raise _wrong(path, "a number", value)
    try:
        return float(value)
    except OverflowError:
        raise DecodingError(f"{path} is beyond a float", field=path) from None


def _whole(value: Any) -> Any:
    """An int if it is a number whose value is whole; else as it is."""
    if type(value) is float and value.is_integer() and abs(value) <= _EXACT_MAX:
        return int(value)
    return value


def _to_int(value: Any, path: str) -> int:
    if type(value) is int:
        return value
    whole = _whole(value)
    if type(whole) is not int:
        raise _wrong(path, "a whole number", value)
    return whole


def _from_text(kind: Callable[[str], Any], what: str) -> Converter:
    def convert(value: Any, path: str) -> Any:
        if type(value) is not str:
            raise _wrong(path, what, value)
        try:
            return kind(value)
        except (ValueError, ArithmeticError):
            raise DecodingError(f"{path} must be {what}", field=path) from None

    return convert


def _datetime(text: str) -> datetime.datetime:
    if text.endswith(("Z", "z")):
        text = text[:-1] + "+00:00"
    time = datetime.datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError
    return time


def _decimal(value: Any, path: str) -> decimal.Decimal:
    value = _whole(value)
    if type(value) in (int, str):
        try:
            return decimal.Decimal(value)
        except decimal.InvalidOperation:
            pass
    raise _wrong(path, "a decimal number as text, or a whole number", value)


_LEAVES: dict[Any, Converter] = {
    datetime.datetime: _from_text(_datetime, "a time with its time zone (RFC 3339)"),
    datetime.date: _from_text(datetime.date.fromisoformat, "a date (YYYY-MM-DD)"),
    uuid.UUID: _from_text(uuid.UUID, "a UUID"),
    decimal.Decimal: _decimal,
}


def _generic(origin: Any, args: tuple[Any, ...]) -> Converter | None:
    if origin in _UNIONS:
        return _union(args)
    if origin is typing.Literal:
        return _literal(args)
    if origin is tuple and args and args[-1] is not Ellipsis:
        return _fixed_tuple([converter(each) for each in args])
    if origin is tuple:
        return _sequence(tuple, converter(args[0]) if args else None)
    if origin in _SEQUENCES:
        return _sequence(_SEQUENCES[origin], converter(args[0]))
    if origin in _MAPPINGS:
        return _mapping(converter(args[0]) if args[0] is not int else _int_key, converter(args[1]))
    return converter(origin) if isinstance(origin, type) else None


def _int_key(key: Any, path: str) -> int:
    try:
        return int(key)
    except (ValueError, TypeError):
        raise DecodingError(f"{path} must have whole numbers as names", field=path) from None


def _union(args: tuple[Any, ...]) -> Converter | None:
    optional = type(None) in args
    others = [each for each in args if each is not type(None)]
    if float in others:  # 4.0 fits an int as well, but stays what it is where it may
        others.sort(key=lambda each: each is int)
    choices = [converter(each) for each in others]
    if None in choices:
        return None

    def convert(value: Any, path: str) -> Any:
        if value is None and optional:
            return None
        failure: DecodingError | None = None
        for choice in choices:
            try:
                return choice(value, path) if choice is not None else value
            except DecodingError as error:
                failure = failure or error
        if len(choices) == 1 and failure is not None:
            raise failure
        raise DecodingError(f"{path} fits none of its {len(choices)} types", field=path)

    return convert


def _literal(args: tuple[Any, ...]) -> Converter:
    def convert(value: Any, path: str) -> Any:
        value = _whole(value)
        for each in args:
            if type(each) is type(value) and each == value:
                return each
        raise DecodingError(f"{path} must be one of {', '.join(map(repr, args))}", field=path)

    return convert


def _sequence(make: Callable[[Iterable[Any]], Any], item: Converter | None) -> Converter:
    def convert(value: Any, path: str) -> Any:
        if type(value) is not list:
            raise _wrong(path, "an array", value)
        if item is not None:
            value = [item(each, f"{path}[{i}]") for i, each in enumerate(value)]
        try:
            return make(value)
        except TypeError:
            raise DecodingError(f"{path} needs values that a set can hold", field=path) from None

    return convert


def _fixed_tuple(items: list[Converter | None]) -> Converter:
    def convert(value: Any, path: str) -> Any:
        if type(value) is not list or len(value) != len(items):
            raise _wrong(path, f"an array of {len(items)} values", value)
        return tuple(
            each if item is None else item(each, f"{path}[{i}]")
            for i, (item, each) in enumerate(zip(items, value))
        )

    return convert


def _mapping(key: Converter | None, item: Converter | None) -> Converter:
    def convert(value: Any, path: str) -> Any:
        if type(value) is not dict:
            raise _wrong(path, "an object", value)
        return {
            (name if key is None else key(name, path)): (
                each if item is None else item(each, f"{path}.{name}")
            )
            for name, each in value.items()
        }

    return convert


def _class(kind: type) -> Converter | None:
    if issubclass(kind, enum.Enum):
        return _enum(kind)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind)
    if is_typed_dict(kind):
        return _typed_dict(kind)
    validate = getattr(kind, "model_validate", None)
    if validate is not None:
        return _model(validate)
    return None


def _enum(kind: type[enum.Enum]) -> Converter:
    def convert(value: Any, path: str) -> Any:
        try:
            return kind(value)
        except ValueError:
            names = ", ".join(repr(each.value) for each in kind)
            raise DecodingError(f"{path} must be one of {names}", field=path) from None

    return convert


def _model(validate: Callable[[Any], Any]) -> Converter:
    def convert(value: Any, path: str) -> Any:
        try:
            return validate(value)
        except ValueError as error:
            raise DecodingError(f"{path}: {error}", field=path) from None

    return convert


def _fields_of(kind: type, known: Mapping[str, Any]) -> Callable[[], dict[str, Converter | None]]:
    """Compiled when they are first needed: a type may hold itself."""
    compiled: dict[str, Converter | None] | None = None

    def fields() -> dict[str, Converter | None]:
        nonlocal compiled
        if compiled is None:
            hints = type_hints(kind)
            compiled = {name: converter(hints.get(name, Any)) for name in known}
        return compiled

    return fields


def _read_fields(
    value: Any, path: str, fields: dict[str, Converter | None], required: Iterable[str]
) -> dict[str, Any]:
    if type(value) is not dict:
        raise _wrong(path, "an object", value)
    for name in required:
        if name not in value:
            raise DecodingError(f"{path}.{name} is missing", field=f"{path}.{name}")
    found: dict[str, Any] = {}
    for name, each in value.items():
        if name not in fields:
            continue  # of a newer producer
        convert = fields[name]
        found[name] = each if convert is None else convert(each, f"{path}.{name}")
    return found


def _dataclass(kind: Any) -> Converter:
    all_fields = [each for each in dataclasses.fields(kind) if each.init]
    required = [
        each.name
        for each in all_fields
        if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    ]
    fields = _fields_of(kind, {each.name: each for each in all_fields})

    def convert(value: Any, path: str) -> Any:
        found = _read_fields(value, path, fields(), required)
        try:
            return kind(**found)
        except ValueError as error:  # of its __post_init__
            raise DecodingError(f"{path}: {error}", field=path) from None

    return convert


def _typed_dict(kind: Any) -> Converter:
    fields = _fields_of(kind, kind.__annotations__)
    required = getattr(kind, "__required_keys__", ())

    def convert(value: Any, path: str) -> Any:
        return _read_fields(value, path, fields(), required)

    return convert
