"""Contracts: what producers and workers of a task type have agreed upon (docs/contracts.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping

from .exact_json import encode


@dataclass(frozen=True)
class Contract:
    """One version of a contract. What is absent is not agreed upon.

    Schemas are JSON Schemas (draft 7) as dicts; "from_types" makes one from the handler's
    annotations. `error_codes`: code → "default", "never" or "always", which decides over retries.
    """

    version: int = 1
    input_schema: Mapping[str, Any] | str | None = "from_types"
    output_schema: Mapping[str, Any] | str | None = "from_types"
    error_codes: Mapping[str, str] = field(default_factory=dict)
    priority: int | None = None
    description: str = ""

    def to_json(
        self, input_schema: Mapping[str, Any] | None, output_schema: Mapping[str, Any] | None
    ) -> str:
        """As `ContractChange` of the API; the schemas are those of the handler's types."""
        fields: dict[str, Any] = {"description": self.description}
        for name, own, typed in (
            ("input_schema", self.input_schema, input_schema),
            ("output_schema", self.output_schema, output_schema),
        ):
            schema = typed if own == "from_types" else own
            if schema is not None:
                fields[name] = schema
        fields["error_codes"] = [
            {"code": code, "retry": retry} for code, retry in self.error_codes.items()
        ]
        if self.priority is not None:
            fields["defaults"] = {"priority": self.priority}
        return encode(fields, "contract")
