"""Payload: bytes and what they are, for payloads, results, steps and checkpoints that are not
JSON."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any

from .errors import DecodingError, EncodingError, InvalidArgumentError
from .exact_json import decode, encode, quote

JSON = "application/json"
BYTES = "application/octet-stream"
BYTES_MAX = 1 << 20  # of a payload and of a result; the server's bound


@dataclass(frozen=True)
class Payload:
    """Exact bytes with their content type. `Payload(b"...", "image/png")`."""

    data: bytes
    content_type: str = BYTES

    @property
    def is_json(self) -> bool:
        """Whether `value()` can be asked for."""
        return self.content_type == JSON

    def value(self) -> Any:
        """The value of JSON; the bytes of anything else."""
        return decode(self.data) if self.is_json else self.data


def blob_fields(value: Any, name: str, *, with_sha256: bool = False, field: str = "") -> str:
    """The JSON fields that carry `value` under `name`, without braces; empty for null.

    bytes and Payload go as they are, base64 if they are not JSON; all else is encoded as JSON.
    """
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray, memoryview)):
        value = Payload(bytes(value))
    if not isinstance(value, Payload):
        text = encode(value, field or name)
        if not with_sha256 and len(text) <= BYTES_MAX // 4:
            return f'"{name}":{text}'
        data = text.encode()
        fields = f'"{name}":{text}'
    elif value.is_json:
        data = _checked(value, field or name).data
        _check_json(data, field or name)
        fields = f'"{name}":{data.decode()}'
    else:
        data = _checked(value, field or name).data
        coded = base64.b64encode(data).decode("ascii")
        fields = f'"{name}_base64":"{coded}","content_type":{quote(value.content_type)}'
    if len(data) > BYTES_MAX:
        raise InvalidArgumentError(
            f"{field or name} has {len(data)} bytes; at most {BYTES_MAX} are taken",
            field=field or name,
        )
    if with_sha256:
        fields += f',"{name}_sha256":"{hashlib.sha256(data).hexdigest()}"'
    return fields


def _checked(payload: Payload, field: str) -> Payload:
    if not isinstance(payload.data, (bytes, bytearray)):
        kind = type(payload.data).__name__
        raise InvalidArgumentError(f"{field} must hold bytes, not {kind}", field=field)
    if not isinstance(payload.content_type, str):
        kind = type(payload.content_type).__name__
        raise InvalidArgumentError(
            f"the content type of {field} must be text, not {kind}", field=field
        )
    return payload


def _check_json(data: bytes, field: str) -> None:
    try:
        decode(data)
    except DecodingError as error:
        raise EncodingError(f"{field} is not valid JSON: {error.detail}", field=field) from None


def read_blob(fields: dict[str, Any], name: str) -> Any:
    """The value that `blob_fields` wrote: of JSON the value, else a Payload."""
    coded = fields.get(f"{name}_base64")
    if coded is None:
        return fields.get(name)
    return Payload(from_base64(coded), fields.get("content_type") or BYTES)


def from_base64(text: str) -> bytes:
    """Raises DecodingError."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise DecodingError(f"not base64: {error}") from None
