"""The result as a table in Markdown, with what it was measured on and what it does not say; and its place in a page."""

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
What it does not say:

- These are different things. Redis lists and streams with a bare client have no retries, delays, results or dead
  letters; beanstalkd, gearmand and NATS have some of them. Celery and BullMQ do their clients' work in Python and
  JavaScript. Faster is not better where something is missing.
- Only peers whose acknowledgement waits for the disk promise what Treadle promises. The others may lose what they
  acknowledged when the machine fails: the last second of it with everysec, half a minute of it with Faktory, up to two
  minutes with NATS, all of it in memory only.
- One machine, client and server on the same cores: a peer whose client costs more has less left for its server, and
  nothing is replicated, which NATS and RabbitMQ are made for.
- Payloads of 256 bytes, handlers that do nothing, one queue, a backlog drained as soon as it is there, short runs: no
  checkpoint, compaction, rewrite or vacuum of an hour's work.
- Calls at a steady rate begin on time in clients written in C++. In those in Go, Python and JavaScript they may begin
  50 µs late or more, which counts as latency.
- Others that people use are missing: Sidekiq, graphile-worker, pg-boss, the services of clouds.
- Servers are those of Debian 12; newer ones of RabbitMQ, NATS and Redis exist.
- Celery's tasks count when they start, those of the others when they are acknowledged.
- Noise of 20 % is usual on a virtual machine. Compare within this run only."""


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
    return (
        f"{result['date']}, {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']:g} GiB, "
        f"{machine['system']}, {machine['file_system']}. Append of 4 KiB and fdatasync: "
        f"{machine['append_sync_p50_ms']:.2f} ms (p50); into blocks written before: "
        f"{machine['overwrite_sync_p50_ms']:.2f} ms. Medians of {plan['rounds']} rounds, each measurement "
        f"{plan['seconds']:g} s on a fresh server, contestants in turn; a backlog of {plan['backlog']:,} tasks, or "
        f"what could be enqueued in {plan['seconds'] * LONGER:g} s. \"Holds only\": less than {HELD * 100:.0f} % of "
        "the rate came through."
    )


def settings(result):
    rows = [[each["title"], each["version"], each["setting"]] for each in result["contestants"]]
    return markdown_table([["contestant", "version", "set as its documentation advises"], *rows])


def missing(result):
    """A paragraph on those that could not be measured, or nothing."""
    lines = [f"- {each['title']}: {each['reason'].splitlines()[0]}" for each in result["skipped"]]
    return ["Not measured:\n\n" + "\n".join(lines)] if lines else []


def page(result, folder):
    """All that stands between the markers; `folder` is where chart and raw result lie, from the page."""
    parts = [
        measured_on(result),
        table(result),
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
