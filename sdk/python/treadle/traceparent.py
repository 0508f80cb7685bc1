"""The trace context (W3C `traceparent`) that a task gets without being told."""

from __future__ import annotations

import sys
from typing import Any

from .context import current_or_none


def ambient_traceparent() -> str | None:
    """Of OpenTelemetry's current span, if the program uses OpenTelemetry; else of the task that is
    handled here. What goes wrong there is no reason to refuse a task: it then has none."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is not None:
        try:
            found = _of_span(trace.get_current_span().get_span_context())
        except Exception:
            return None
        if found is not None:
            return found
    context = current_or_none()
    return None if context is None else context.traceparent


def _of_span(span: Any) -> str | None:
    if not span.is_valid:
        return None
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
