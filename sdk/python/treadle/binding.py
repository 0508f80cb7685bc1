"""Binding: how a payload becomes the arguments of a handler, and arguments become a payload.

    def resize(path: str, width: int = 100)   {"path": "a.png", "width": 300}, or ["a.png", 300]
    def charge(order: Order)                   the fields of Order themselves, if it is a dataclass
    def thumbnail(image: bytes)                the bytes of the payload
    def anything(payload: Payload)             bytes and content type, whatever they are
    def double(number: int)                    {"number": 4}, or [4], or 4

A parameter that is annotated with Context is given the context and is no part of the payload.
Enqueueing writes names, so that handlers in other languages read the same payload.
"""

from __future__ import annotations

import inspect
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from .convert import Converter, converter, has_fields, plain_type, type_hints
from .errors import DecodingError
from .payload import Payload
from .wire import Lease

Call = Tuple[Sequence[Any], Mapping[str, Any]]
"""Positional and named arguments."""

_NO_NAMES: Mapping[str, Any] = {}


class _Parameter:
    __slots__ = ("name", "convert", "required", "annotation", "default")

    def __init__(self, parameter: inspect.Parameter, annotation: Any) -> None:
        self.name = parameter.name
        self.annotation = annotation
        self.convert: Optional[Converter] = converter(annotation)
        self.default = parameter.default
        self.required = parameter.default is inspect.Parameter.empty


class Binding:
    """Of one function. Raises TypeError for signatures that no payload can fit."""

    def __init__(self, function: Callable[..., Any], context_type: type) -> None:
        hints = type_hints(function)
        self.hints = hints
        self.context_name: Optional[str] = None
        self.context_place: Optional[int] = None  # if it may be given by position
        self.parameters: List[_Parameter] = []
        self.takes_rest = False  # *args
        self.takes_names = False  # **kwargs
        self.positional_only = False
        for parameter in inspect.signature(function).parameters.values():
            self._add(parameter, hints.get(parameter.name, Any), context_type)
        self._by_name = {each.name: each for each in self.parameters}
        self._required = [each.name for each in self.parameters if each.required]
        self.whole = self._find_whole()

    def _add(self, parameter: inspect.Parameter, annotation: Any, context_type: type) -> None:
        if plain_type(annotation) is context_type:
            if parameter.kind is parameter.POSITIONAL_ONLY:
                raise TypeError(f"the context {parameter.name} must not be positional only")
            self.context_name = parameter.name
            if parameter.kind is not parameter.KEYWORD_ONLY:
                self.context_place = len(self.parameters)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            if self.context_place is not None:
                raise TypeError(
                    f"the context {self.context_name} must stand behind *{parameter.name}"
                )
            self.takes_rest = True
        elif parameter.kind is parameter.VAR_KEYWORD:
            self.takes_names = True
        else:
            self.positional_only |= parameter.kind is parameter.POSITIONAL_ONLY
            self.parameters.append(_Parameter(parameter, annotation))

    def _find_whole(self) -> Optional[str]:
        """The way in which the only parameter is the payload itself: "bytes", "payload",
        "object"."""
        if len(self.parameters) != 1 or self.takes_rest or self.takes_names:
            return None
        annotation = plain_type(self.parameters[0].annotation)
        if annotation is Payload:
            return "payload"
        if annotation is bytes:
            return "bytes"
        return "object" if has_fields(annotation) else None

    # ---- producers ----

    def payload(self, args: Sequence[Any], names: Mapping[str, Any]) -> Any:
        """What to enqueue. Raises TypeError like a call with wrong arguments, without the
        context."""
        if (self.takes_rest or self.positional_only) and not names:
            return list(args)
        parameters = self.parameters
        if len(args) > len(parameters):
            raise TypeError(
                f"takes {len(parameters)} arguments besides its context, and {len(args)} were given"
            )
        fields: Dict[str, Any] = {}
        for parameter, each in zip(parameters, args):
            fields[parameter.name] = each
        for name, each in names.items():
            if name in fields:
                raise TypeError(f"argument {name!r} was given twice")
            if name not in self._by_name and not self.takes_names:
                raise TypeError(f"has no argument {name!r}")
            fields[name] = each
        for name in self._required:
            if name not in fields:
                raise TypeError(f"argument {name!r} is missing")
        if self.whole is not None:
            return next(iter(fields.values()), None)
        return fields or None

    # ---- workers ----

    def arguments(self, lease: Lease) -> Call:
        """Raises DecodingError, with the path of what does not fit."""
        if self.whole is not None:
            return self._whole_argument(lease)
        payload = lease.payload
        if type(payload) is dict:
            return (), self._named(payload)
        if type(payload) is list:
            return self._arranged(self._positional(payload))
        if isinstance(payload, bytes):
            raise DecodingError(
                f"payload is {lease.content_type}; this handler takes JSON", field="payload"
            )
        if payload is None and not self._required:
            return (), _NO_NAMES
        if len(self.parameters) == 1:
            return self._arranged([self._converted(self.parameters[0], payload, "payload")])
        raise DecodingError("payload must be an object or an array", field="payload")

    def _whole_argument(self, lease: Lease) -> Call:
        parameter = self.parameters[0]
        if self.whole == "payload":
            return self._arranged([lease.as_payload()])
        if self.whole == "bytes":
            if not isinstance(lease.raw, bytes):
                raise DecodingError("payload is JSON; this handler takes bytes", field="payload")
            return self._arranged([lease.raw])
        if lease.payload is None and not parameter.required:
            return (), _NO_NAMES
        if isinstance(lease.payload, bytes):
            raise DecodingError(
                f"payload is {lease.content_type}; this handler takes JSON", field="payload"
            )
        return self._arranged([self._converted(parameter, lease.payload, "payload")])

    def _arranged(self, values: List[Any]) -> Call:
        """What stands behind the context goes by name, as the context does."""
        place = self.context_place
        if place is None or place >= len(values):
            return values, _NO_NAMES
        behind = zip(self.parameters[place:], values[place:])
        return values[:place], {parameter.name: value for parameter, value in behind}

    def _named(self, payload: Dict[str, Any]) -> Dict[str, Any]:
        known = self._by_name
        found: Dict[str, Any] = {}
        for name, value in payload.items():
            parameter = known.get(name)
            if parameter is None:
                if not self.takes_names or name == self.context_name:
                    raise DecodingError(
                        f"payload.{name} is not an argument of this handler",
                        field=f"payload.{name}",
                    )
                found[name] = value
            else:
                convert = parameter.convert
                if convert is not None and not (value is None and parameter.default is None):
                    value = convert(value, f"payload.{name}")
                found[name] = value
        for name in self._required:
            if name not in found:
                raise DecodingError(f"payload.{name} is missing", field=f"payload.{name}")
        if self.positional_only:
            raise DecodingError("payload must be an array for this handler", field="payload")
        return found

    def _positional(self, payload: List[Any]) -> List[Any]:
        parameters = self.parameters
        if len(payload) > len(parameters) and not self.takes_rest:
            raise DecodingError(
                f"payload has {len(payload)} values; this handler takes {len(parameters)}",
                field="payload",
            )
        for parameter in parameters[len(payload) :]:
            if parameter.required:
                raise DecodingError(f"payload lacks the value of {parameter.name}", field="payload")
        found = [
            self._converted(parameter, value, f"payload[{i}]")
            for i, (parameter, value) in enumerate(zip(parameters, payload))
        ]
        return found + payload[len(parameters) :]

    @staticmethod
    def _converted(parameter: _Parameter, value: Any, path: str) -> Any:
        if parameter.convert is None or (value is None and parameter.default is None):
            return value
        return parameter.convert(value, path)


__all__ = ["Binding", "Call"]
