"""The frame of a page that any browser opens, from the disk, without a network."""

from collections.abc import Iterable
from html import escape

from phin.fonts import IN_CSS

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --bar: #b5651d; }
body { font: 16px/1.5 system-ui, THAI, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .6rem; vertical-align: top; }
tr { border-bottom: 1px solid var(--line); } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
""".replace("THAI", IN_CSS)


def document(title: str, heading: str, parts: Iterable[str], style: str = "") -> str:
    """HTML: a title, a heading, and what stands below it, which is HTML already; `style` is added to the common one."""
    head = (
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style></head><body>",
        f"<h1>{escape(heading)}</h1>",
    )
    return "\n".join([*head, *parts, "</body></html>"]) + "\n"
