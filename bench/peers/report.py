"""The result as a table in Markdown, with what it was measured on and what it does not say; and its place in a page."""

import textwrap

from figures import HELD, held
from measure import LONGER

BEGIN, END = "<!-- peers: ./dev peers --publish writes from here -->", "<!-- peers: to here -->"

COLUMNS = [
    "contestant",
    "syncs each ack",
    "enqueue, batches of 100, tasks/s",
    "enqueue, 32 in flight, tasks/s",
    "drain, tasks/s",
    "p50 / p99 ms at {rate:,}/s",
    "bytes RAM a task",
]

DOES_NOT_SAY = """\
### What the table does not say

- **These are different things.** Redis lists and streams with a bare client have no retries,
  delays, results or dead letters. beanstalkd, gearmand and NATS have some of them. Celery and
  BullMQ do their clients' work in Python and JavaScript. Faster is not better where something is
  missing.
- **Durability.** Only peers whose acknowledgement waits for the disk promise what Treadle promises.
  When the machine fails, the others may lose what they acknowledged: the last second with everysec,
  half a minute with Faktory, up to two minutes with NATS, everything in memory only.
- **One machine.** Client and server share the cores, so a peer with an expensive client has less
  left for its server. Nothing is replicated, which NATS and RabbitMQ are made for.
- **Short runs** of one queue, with payloads of 256 bytes, handlers that do nothing, and a backlog
  that is drained at once. They contain no checkpoint, compaction, rewrite or vacuum of an hour's
  work.
- **Steady rates.** Clients in C++ begin their calls on time. Those in Go, Python and JavaScript may
  begin 50 µs late or more, which counts as latency.
- **Celery** counts a task when it starts; the others, when it is acknowledged.
- **Missing peers**: Sidekiq, graphile-worker, pg-boss, the services of clouds. Servers are those of
  Debian 12; newer ones of RabbitMQ, NATS and Redis exist.
- **Noise** of 20 % is usual on a virtual machine. Compare within this run only."""


def amount(value):
    """A figure for people: three significant digits at least, and commas."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def drained(figures):
    text = amount(figures.get("drain_per_s"))
    return f"{text} ({amount(figures['unpipelined_per_s'])} unpipelined)" if "unpipelined_per_s" in figures else text


def latency(figures, rate):
    if "latency_p50_ms" not in figures:
        return "–"
    text = f"{amount(figures['latency_p50_ms'])} / {amount(figures['latency_p99_ms'])}"
    return text if held(figures, rate) else f"holds only {amount(figures['latency_per_s'])}/s: {text}"


def row(contestant, rate):
    figures = contestant["figures"]
    return [
        contestant["title"],
        "yes" if contestant["syncs"] else "no",
        amount(figures.get("batched_per_s")),
        amount(figures.get("single_per_s")),
        drained(figures),
        latency(figures, rate),
        amount(figures.get("bytes_per_task")),
    ]


def markdown_table(rows):
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def table(result):
    rate = result["plan"]["rate"]
    head = [column.format(rate=rate) for column in COLUMNS]
    return markdown_table([head, *(row(each, rate) for each in result["contestants"])])


def measured_on(result):
    """A paragraph: when, where, how."""
    machine, plan = result["machine"], result["plan"]
    return wrapped(
        f"{result['date']}, {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']:g} GiB, "
        f"{machine['system']}, {machine['file_system']}. Append of 4 KiB and fdatasync: "
        f"{machine['append_sync_p50_ms']:.2f} ms (p50); into blocks written before: "
        f"{machine['overwrite_sync_p50_ms']:.2f} ms. Medians of {plan['rounds']} rounds, each measurement "
        f"{plan['seconds']:g} s on a fresh server, contestants in turn; a backlog of {plan['backlog']:,} tasks, or "
        f"what could be enqueued in {plan['seconds'] * LONGER:g} s. \"Holds only\": less than {HELD * 100:.0f} % of "
        "the rate came through."
    )


def wrapped(text, indent=""):
    """At most 100 columns, as every page."""
    return textwrap.fill(text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def settings(result):
    """A list: what was measured of each, and how it was set."""
    items = [
        wrapped(f"- **{each['title']}** ({each['version']}): {each['setting']}", "  ")
        for each in result["contestants"]
    ]
    return "\n".join(["### Versions and settings\n", "Each is set as its own documentation advises.\n", *items])


def missing(result):
    """A paragraph on those that could not be measured, or nothing."""
    lines = [f"- {each['title']}: {each['reason'].splitlines()[0]}" for each in result["skipped"]]
    return ["Not measured:\n\n" + "\n".join(lines)] if lines else []


def page(result, folder):
    """All between the markers; `folder` is where chart and raw result are, from the page."""
    parts = [
        table(result),
        measured_on(result),
        f"![Tasks a second of Treadle and its peers]({folder}/peers.svg)",
        f"Every figure of every round is in [peers.json]({folder}/peers.json).",
        *missing(result),
        DOES_NOT_SAY,
        settings(result),
    ]
    return "\n\n".join(parts)


def placed(text, content):
    """The page `text` with `content` between the markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no lines '{BEGIN}' and '{END}'")
    return f"{before}{BEGIN}\n\n{content}\n\n{END}{after}"
