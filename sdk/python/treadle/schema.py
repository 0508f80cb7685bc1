"""JSON Schemas (draft 7) from Python types, for contracts. What a type leaves open, its schema
does."""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import inspect
import types
import typing
import uuid
from typing import Any, Callable, Union

from .binding import Binding
from .convert import is_typed_dict, plain_type, type_hints

_LEAVES: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    None: {"type": "null"},
    datetime.datetime: {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]"},
    datetime.date: {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    uuid.UUID: {"type": "string", "pattern": "^[0-9A-Fa-f-]{32,36}$"},
    decimal.Decimal: {"type": ["string", "integer"]},
    list: {"type": "array"},
    tuple: {"type": "array"},
    set: {"type": "array"},
    dict: {"type": "object"},
}
_UNIONS: tuple[Any, ...] = (Union, getattr(types, "UnionType", Union))
_ARRAYS = (
    list, set, frozenset, tuple, collections.abc.Sequence, collections.abc.Iterable,
    collections.abc.Collection, collections.abc.MutableSequence, collections.abc.Set,
)  # fmt: skip
_OBJECTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


def schema_of(annotation: Any) -> dict[str, Any]:
    """Of one type. Classes that are met more than once stand in `definitions`."""
    definitions: dict[str, Any] = {}
    schema = _schema(annotation, definitions)
    return {**schema, "definitions": definitions} if definitions else schema


def input_schema_of(binding: Binding) -> dict[str, Any] | None:
    """Of the payloads that a handler takes; None if those are not JSON, or anything at all."""
    if binding.whole in ("bytes", "payload") or binding.takes_rest:
        return None
    if binding.whole == "object":
        return schema_of(binding.parameters[0].annotation)
    definitions: dict[str, Any] = {}
    properties = {
        each.name: _optional(each.default, _schema(each.annotation, definitions))
        for each in binding.parameters
    }
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if not binding.takes_names:
        schema["additionalProperties"] = False
    if required := [each.name for each in binding.parameters if each.required]:
        schema["required"] = required
    elif not properties:
        return None
    if definitions:
        schema["definitions"] = definitions
    return schema


def output_schema_of(function: Callable[..., Any]) -> dict[str, Any] | None:
    """Of what a handler returns; None if it does not say."""
    annotation = type_hints(function).get("return", inspect.Signature.empty)
    if annotation in (inspect.Signature.empty, Any, bytes) or annotation is object:
        return None
    return schema_of(annotation) or None


def _optional(default: Any, schema: dict[str, Any]) -> dict[str, Any]:
    if default is not None or not schema:
        return schema
    return schema if schema.get("anyOf") else {"anyOf": [schema, {"type": "null"}]}


def _schema(annotation: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    annotation = plain_type(annotation)
    try:
        if annotation in _LEAVES:
            return dict(_LEAVES[annotation])
    except TypeError:  # not hashable
        return {}
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in _UNIONS:
        choices = [_schema(each, definitions) for each in args]
        return {} if {} in choices else {"anyOf": choices}
    if origin is typing.Literal:
        return {"enum": list(args)}
    if origin is tuple and args and args[-1] is not Ellipsis:
        items = [_schema(each, definitions) for each in args]
        return {"type": "array", "items": items, "minItems": len(args), "maxItems": len(args)}
    if origin in _ARRAYS and args:
        item = _schema(args[0], definitions)
        return {"type": "array", "items": item} if item else {"type": "array"}
    if origin in _OBJECTS and args:
        item = _schema(args[1], definitions)
        return {"type": "object", "additionalProperties": item} if item else {"type": "object"}
    return _class(annotation, definitions) if isinstance(annotation, type) else {}


def _class(kind: type, definitions: dict[str, Any]) -> dict[str, Any]:
    if issubclass(kind, enum.Enum):
        return {"enum": [each.value for each in kind]}
    if hasattr(kind, "model_json_schema"):
        return {}  # its own dialect may hold what Treadle refuses
    if dataclasses.is_dataclass(kind):
        required = [
            each.name
            for each in dataclasses.fields(kind)
            if each.init
            and each.default is dataclasses.MISSING
            and each.default_factory is dataclasses.MISSING
        ]
        names = [each.name for each in dataclasses.fields(kind) if each.init]
    elif is_typed_dict(kind):
        names = list(kind.__annotations__)
        required = sorted(getattr(kind, "__required_keys__", ()))
    else:
        return {}
    reference = {"$ref": f"#/definitions/{kind.__name__}"}
    if kind.__name__ in definitions:
        return reference
    schema: dict[str, Any] = {"type": "object"}
    definitions[kind.__name__] = schema
    hints = type_hints(kind)
    schema["properties"] = {name: _schema(hints.get(name, Any), definitions) for name in names}
    if required:
        schema["required"] = required
    return reference
