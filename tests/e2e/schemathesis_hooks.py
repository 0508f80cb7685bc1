"""What schemathesis calls before each request: no request shall wait for news that do not come."""

import re

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    wait = case.query.get("wait") if isinstance(case.query, dict) else None
    if isinstance(wait, str) and re.fullmatch("[0-9]+(ms|s|m|h)?", wait):
        case.query["wait"] = "0s"
    wait_ms = case.body.get("wait_ms") if isinstance(case.body, dict) else None
    if isinstance(wait_ms, (int, float)) and 0 < wait_ms <= 60_000:
        case.body["wait_ms"] = 0
