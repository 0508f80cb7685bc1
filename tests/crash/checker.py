"""The checker: reads what clients wrote down, as an outsider, and reports every broken promise.

Two events have an order only if one was answered before the other was requested. A killed client may or may not have
caused what it intended, so both outcomes are allowed. Each rule below is one promise of docs/semantics.md; it yields
a sentence for each breach.
"""

import calendar
import time
from collections import Counter

from facts import Facts, number_of

CLOCKS_S = 0.05  # the server rounds to milliseconds, and wall and monotonic time drift
LATE_S = 5  # timers may be late by this much, including stalls of the disk
ENDED = ("completed", "dead", "cancelled", "expired")


def no_acknowledged_task_is_lost(task, facts):
    if task.acknowledged is None or task.was_asked("delete"):
        return
    if task.end is None or task.end[2] is None:
        yield "was acknowledged and is lost"
    elif task.end[2]["state"] not in ENDED:
        yield f"never ended: it is {task.end[2]['state']}"


def a_completed_task_is_over(task, facts):
    completed = [(told, report) for _, told, report, code in task.reported
                 if code == "OK" and report["outcome"] == "completed"]
    tokens = {report["token"] for _, report in completed}
    if len(tokens) > 1:
        yield f"was completed by {sorted(tokens)}"
    for told, _ in completed[:1]:
        for lease in task.leases.values():
            if lease.asked > told:
                yield f"was leased again ({lease.token}) after its completion was acknowledged"
        if task.end and task.end[2] and task.end[2]["state"] != "completed":
            yield f"was acknowledged as completed but is {task.end[2]['state']}"


def one_lease_at_a_time(task, facts):
    leases = sorted(task.leases.values(), key=lambda lease: lease.number)
    for before, lease in zip(leases, leases[1:]):
        if before.is_valid_at(lease.told + CLOCKS_S) and not may_be_revoked(task, lease.told):
            yield f"was leased ({lease.token}) while the lease {before.token} is valid"
    for told, token in task.lost:
        lease = task.leases.get(token)
        if lease and lease.is_valid_at(told + CLOCKS_S) and not may_be_revoked(task, told):
            yield f"lost its lease {token} while that is valid"


def may_be_revoked(task, before):
    return task.term("deadline_ms") or task.was_asked("cancel", "redrive", "delete", before=before)


def an_old_token_has_no_effect(task, facts):
    for asked, _, report, code in task.reported:
        newer = [lease for lease in task.leases.values()
                 if lease.number > number_of(report["token"]) and lease.told < asked]
        if newer and code == "OK":
            yield f"took a report of {report['token']} after {newer[0].token} was leased"


def attempts_are_bounded(task, facts):
    for lease in task.leases.values():
        if lease.line["attempt"] > lease.line["max_attempts"]:
            yield f"is in attempt {lease.line['attempt']} of {lease.line['max_attempts']}"
    if task.end and task.end[2] and task.end[2]["attempt"] > task.end[2]["max_attempts"]:
        yield f"had {task.end[2]['attempt']} attempts of {task.end[2]['max_attempts']}"


def an_end_has_its_reason(task, facts):
    told = task.end and task.end[2]
    if not told or not task.requests:
        return
    outcomes = {report["outcome"] for _, report in task.reporting}
    if told["state"] == "expired" and task.term("expires_ms") is None:
        yield "expired without an expiry"
    if told["state"] == "cancelled" and not task.was_asked("cancel") and "discarded" not in outcomes:
        yield "is cancelled, but nobody requested that"
    gave_up = any(report.get("retry") is False for _, report in task.reporting)
    if told["state"] == "dead" and not gave_up and told["attempt"] < told["max_attempts"] \
            and task.term("deadline_ms") is None:
        yield f"is dead after {told['attempt']} of {told['max_attempts']} attempts: {told.get('error')}"
    if told["state"] == "completed" and "completed" not in outcomes:
        yield "is completed, but nobody reported that"


def nothing_runs_before_its_time(task, facts):
    if task.was_asked("run-now", "redrive") or task.was_asked("edit"):
        return
    asked, wall = facts.first_asked.get(task.key, (None, None))
    for lease in task.leases.values():
        delay = task.term("delay_ms")
        if delay and asked and lease.told + CLOCKS_S < asked + delay / 1000:
            yield f"was leased {asked + delay / 1000 - lease.told:.3f} s before its time"
        if task.term("run_at") and lease.line["wall"] + CLOCKS_S < seconds_of(task.term("run_at")):
            yield "was leased before its run_at"
        for first, _, report, code in task.reported:
            wait = report.get("delay_ms")
            if wait and code == "OK" and lease.number > number_of(report["token"]) \
                    and lease.told + CLOCKS_S < first + wait / 1000:
                yield f"was leased ({lease.token}) before the delay of {report['token']} was over"


def seconds_of(rfc3339):
    return calendar.timegm(time.strptime(rfc3339, "%Y-%m-%dT%H:%M:%SZ"))


def nothing_begins_after_its_time(task, facts):
    if task.acknowledged is None or task.was_asked("redrive"):
        return
    for name in ("expires_ms", "deadline_ms"):
        for lease in task.leases.values():
            limit = task.term(name)
            if limit and lease.asked > task.acknowledged + limit / 1000 + LATE_S:
                yield f"was leased ({lease.token}) after its {name}"


def what_was_cancelled_or_deleted_stays_so(task, facts):
    for _, told, action, answer in task.commanded:
        is_over = action == "delete" or (action == "cancel" and answer["state"] == "cancelled")
        if not is_over or (action == "cancel" and task.was_asked("redrive")):
            continue
        for lease in task.leases.values():
            if lease.asked > told:
                yield f"was leased ({lease.token}) after its {action} was acknowledged"
        if task.end and task.end[2] and (action == "delete" or task.end[2]["state"] != "cancelled"):
            yield f"is {task.end[2]['state']} after its {action} was acknowledged"


def what_was_seen_stays_true(task, facts):
    for _, told_at, told in task.seen:
        if told is None:
            if not task.was_asked("delete", before=told_at):
                yield "was accepted but not found"
            continue
        may_return = task.was_asked("redrive", "delete") and told["state"] != "completed"
        end = task.end and task.end[2]
        if told["state"] in ENDED and end and end["state"] != told["state"] and not may_return:
            yield f"was seen {told['state']} but is {end['state']}"


def a_lease_carries_what_was_enqueued(task, facts):
    if not task.requests:
        return
    edits = [body for _, action, body in task.commands if action == "edit"]
    payloads = [request["payload"] for request in task.requests] + [b["payload"] for b in edits if "payload" in b]
    queues = {request.get("queue", "default") for request in task.requests}
    queues |= {body["queue"] for body in edits if "queue" in body}
    for lease in task.leases.values():
        if lease.line["payload"] not in payloads:
            yield f"was leased ({lease.token}) with another payload than it was given"
        if lease.line["queue"] not in queues:
            yield f"was leased from queue {lease.line['queue']}, where nobody put it"
        if bool(lease.line.get("sensitive")) != bool(task.term("sensitive")):
            yield f"was leased ({lease.token}) with another sensitivity than it was given"


def what_an_attempt_saved_comes_again(task, facts):
    for told, token, update in task.saved:
        for lease in task.leases.values():
            if lease.asked <= told or lease.number <= number_of(token):
                continue
            there = {step["name"]: step["result"] for step in lease.line.get("steps", [])}
            for step in update["steps"]:
                if there.get(step["name"]) not in results_of(task, number_of(token), step["name"]):
                    yield f"was leased ({lease.token}) without step {step['name']} that {token} had saved"
            newer = [other["checkpoint"]["data"] for _, by, other in task.saving
                     if number_of(by) >= number_of(token) and "checkpoint" in other]
            if "checkpoint" in update and lease.line.get("checkpoint", {}).get("data") not in newer:
                yield f"was leased ({lease.token}) without the checkpoint that {token} had saved"


def results_of(task, number, step):
    """Results that may exist once this attempt's save was acknowledged: its own and later ones."""
    return [other["result"] for _, by, update in task.saving if number_of(by) >= number
            for other in update["steps"] if other["name"] == step]


OF_TASKS = (no_acknowledged_task_is_lost, a_completed_task_is_over, one_lease_at_a_time, an_old_token_has_no_effect,
            attempts_are_bounded, an_end_has_its_reason, nothing_runs_before_its_time, nothing_begins_after_its_time,
            what_was_cancelled_or_deleted_stays_so, what_was_seen_stays_true, a_lease_carries_what_was_enqueued,
            what_an_attempt_saved_comes_again)


def a_key_admits_one_task(facts):
    for key, ids in facts.ids_of_key.items():
        kept = [name for name in ids if not facts.tasks[name].was_asked("delete")]
        if len(kept) > 1 or (len(ids) > 1 and len(kept) == len(ids)):
            yield f"key {key} admitted {sorted(ids)}"


def a_unique_key_admits_one_task_at_a_time(facts):
    """Breached if a task of the key shows life after another one was admitted."""
    for key, asked, told, answer in facts.unique:
        if answer["duplicate"]:
            continue
        for other_key, _, other_told, other in facts.unique:
            if other_key != key or other["id"] == answer["id"] or other_told > asked:
                continue
            twin = facts.tasks[other["id"]]
            lives = [lease.token for lease in twin.leases.values() if lease.asked > told]
            if lives and not twin.was_asked("redrive", "delete", "cancel"):
                yield f"key {key} admitted {answer['id']} while {lives[0]} lives"


def a_paused_queue_gives_no_task(facts):
    """Applies from the answer to a pause until the next request to resume."""
    leases = [lease for task in facts.tasks.values() for lease in task.leases.values()]
    for i, (told, kind, action, queue) in enumerate(facts.pauses):
        if (kind, action) != ("told", "pause"):
            continue
        resumed = next((t for t, _, again, other in facts.pauses[i:] if (again, other) == ("resume", queue)),
                       float("inf"))
        for lease in leases:
            if lease.line["queue"] == queue and lease.asked > told and lease.told < resumed:
                yield f"{lease.token} was leased from {queue}, which is paused"


def accepted_is_what_is_there_and_what_was_removed(facts):
    most = Counter()
    for _, queues in facts.queues:
        for queue in queues:
            there, gone = sum(queue["tasks"].values()), sum(queue["removed"].values())
            if queue["accepted"] != there + gone:
                yield f"queue {queue['name']} accepted {queue['accepted']}, has {there}, and removed {gone}"
            if queue["accepted"] < most[queue["name"]]:
                yield f"queue {queue['name']} had accepted {most[queue['name']]}, and now {queue['accepted']}"
            most[queue["name"]] = max(most[queue["name"]], queue["accepted"])


def the_numbers_are_those_of_the_outside(facts):
    """The server must have every task that a client got an answer for. It may have more, but only tasks that were
    requested and never answered: unique ones, which are not requested again, and those that a client gave up."""
    removed = Counter()
    for queue in facts.end_queues:
        removed.update(queue["removed"])
    created = sum(queue["accepted"] for queue in facts.end_queues) - removed["moved"]
    least = len(facts.acknowledged())
    given_up = sum(key not in facts.ids_of_key for key in facts.first_asked)
    most = least + given_up + facts.unique_asked - facts.unique_answered
    if not least <= created <= most:
        yield f"the server accepted {created} tasks, clients know of {least} to {most}"
    deleted = sum(any(action == "delete" for _, _, action, _ in task.commanded) for task in facts.tasks.values())
    asked = sum(task.was_asked("delete") for task in facts.tasks.values())
    if not deleted <= removed["deleted"] <= asked or removed["retention"] or removed["replaced"]:
        yield f"the server removed {dict(removed)}, clients know of {deleted} to {asked} deletions"


OF_ALL = (a_key_admits_one_task, a_unique_key_admits_one_task_at_a_time, a_paused_queue_gives_no_task,
          accepted_is_what_is_there_and_what_was_removed, the_numbers_are_those_of_the_outside)


def check(directory):
    """Returns the facts, and the breaches by rule."""
    facts, breaches = Facts(directory), {}
    for rule in OF_TASKS:
        breaches[rule.__name__] = [f"{task.name} {what}" for task in facts.tasks.values() for what in rule(task, facts)]
    for rule in OF_ALL:
        breaches[rule.__name__] = list(rule(facts))
    return facts, {rule: found for rule, found in breaches.items() if found}
