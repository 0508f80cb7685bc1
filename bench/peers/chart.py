"""The result as a picture: one panel of bars for each throughput, drawn as SVG."""

from xml.sax.saxutils import escape

from report import amount

PANELS = {
    "batched_per_s": "Enqueue, batches of 100, tasks/s",
    "single_per_s": "Enqueue, 32 in flight, one task a call, tasks/s",
    "drain_per_s": "Drain, each task acknowledged, tasks/s",
}
OWN, SYNCED, UNSYNCED = "#0b6e4f", "#4a6fa5", "#c3cad5"
WIDTH, NAMES, VALUES, MARGIN, ROW, BAR = 800, 220, 80, 16, 22, 14  # pixels
BARS = WIDTH - 2 * MARGIN - NAMES - VALUES


def text(x, y, words, **attributes):
    extra = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x}" y="{y}"{extra}>{escape(words)}</text>'


def rectangle(x, y, width, colour):
    return f'<rect x="{x}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" fill="{colour}"/>'


def colour_of(contestant):
    if contestant["name"] == "treadle":
        return OWN
    return SYNCED if contestant["syncs"] else UNSYNCED


def panel(contestants, key, title, top):
    """The shapes of one panel, and where the next begins. Without the figure there is no bar."""
    shown = [each for each in contestants if key in each["figures"]]
    most = max((each["figures"][key] for each in shown), default=1)
    shapes = [text(MARGIN, top + 16, title, font_weight="bold", font_size=14)]
    y = top + 26
    for each in sorted(shown, key=lambda one: -one["figures"][key]):
        value = each["figures"][key]
        width = max(1, value / most * BARS)
        shapes += [
            text(MARGIN + NAMES - 8, y + BAR - 3, each["title"], text_anchor="end"),
            rectangle(MARGIN + NAMES, y, width, colour_of(each)),
            text(round(MARGIN + NAMES + width + 6, 1), y + BAR - 3, amount(value)),
        ]
        y += ROW
    return shapes, y + 12


def legend(top):
    """What the colours mean."""
    shapes, x = [], MARGIN
    for colour, words in (
        (OWN, "Treadle: syncs each acknowledgement"),
        (SYNCED, "a peer that does too"),
        (UNSYNCED, "a peer that does not"),
    ):
        shapes += [rectangle(x, top, BAR, colour), text(x + BAR + 6, top + BAR - 3, words)]
        x += BAR + 40 + 7 * len(words)
    return shapes, top + ROW + 8


def chart(result):
    """The whole picture as a text."""
    shapes, y = legend(MARGIN)
    for key, title in PANELS.items():
        more, y = panel(result["contestants"], key, title, y)
        shapes += more
    shapes.append(
        text(
            MARGIN,
            y + 4,
            f"{result['date']}, {result['machine']['processor']}, {result['machine']['cores']} cores, "
            "256-byte payloads, clients on the same machine",
            fill="#666",
        )
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + MARGIN}" '
            f'viewBox="0 0 {WIDTH} {y + MARGIN}" '
            'font-family="sans-serif" font-size="12" fill="#222" role="img" '
            'aria-label="Tasks a second of Treadle and its peers">',
            '<rect width="100%" height="100%" fill="#fff"/>',
            *shapes,
            "</svg>",
            "",
        ]
    )
