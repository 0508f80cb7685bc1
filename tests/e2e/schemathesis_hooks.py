"""Hooks for schemathesis: only requests that can be judged, and none that waits for news that never comes."""

import re
from pathlib import Path

import jsonschema_rs
import schemathesis
import yaml

DOCUMENT = yaml.safe_load((Path(__file__).parents[2] / "docs/openapi.yaml").read_text())
REPORT = jsonschema_rs.validator_for({"$ref": "#/components/schemas/Report", "components": DOCUMENT["components"]})


@schemathesis.hook
def filter_case(context, case):
    """Rejects exchanges with bad reports: each gets a code of its own in a 200 answer, but schemathesis expects an
    error."""
    reports = case.body.get("reports") if isinstance(case.body, dict) else None
    return not isinstance(reports, list) or all(REPORT.is_valid(report) for report in reports)


@schemathesis.hook
def before_call(context, case, kwargs):
    wait = case.query.get("wait") if isinstance(case.query, dict) else None
    if isinstance(wait, str) and re.fullmatch("[0-9]+(ms|s|m|h)?", wait):
        case.query["wait"] = "0s"
    wait_ms = case.body.get("wait_ms") if isinstance(case.body, dict) else None
    if isinstance(wait_ms, (int, float)) and 0 < wait_ms <= 60_000:
        case.body["wait_ms"] = 0
