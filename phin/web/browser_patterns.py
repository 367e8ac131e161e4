"""Python's regular expressions as a browser takes them, so that a page reads by the very ones that Python reads by."""

import re

BLANK = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""What is white space to Python, as it stands between square brackets; a browser's own is another."""
_WORD = r"[\p{L}\p{N}_]"
_ESCAPED = {
    "s": f"[{BLANK}]",
    "S": f"[^{BLANK}]",
    "d": r"\p{Nd}",
    "b": f"(?:(?<={_WORD})(?!{_WORD})|(?<!{_WORD})(?={_WORD}))",
}
_ESCAPED_IN_BRACKETS = {"s": BLANK, "d": r"\p{Nd}"}
_PIECE = re.compile(
    r"\\(?P<escaped>.)|(?P<brackets>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<remark>\s+#[^\n]*|\s)|(?P<plain>\(\?P<|.)"
)


def for_a_browser(pattern: re.Pattern[str]) -> str:
    """The same expression, to be taken with the flag u, and i where Python's ignores case.

    A browser knows no remarks (here what begins with a blank and `#`) and no P before a group's name, and has other
    blanks, digits, letters and ends of lines.
    """
    is_verbose, of_lines = pattern.flags & re.VERBOSE, pattern.flags & re.MULTILINE
    plain = {
        "(?P<": "(?<",
        ".": r"[^\n]",
        "^": r"(?<![^\n])" if of_lines else "(?<![^])",
        "$": r"(?![^\n])" if of_lines else r"(?=\n?(?![^]))",
    }

    def piece(match: re.Match[str]) -> str:
        if match["escaped"]:
            return _ESCAPED.get(match["escaped"], _escaped(match["escaped"]))
        if match["brackets"]:
            return re.sub(r"\\(.)", lambda inner: _ESCAPED_IN_BRACKETS.get(inner[1], inner[0]), match["brackets"])
        if match["remark"]:
            return "" if is_verbose else match["remark"]
        return plain.get(match["plain"], match["plain"])

    return _PIECE.sub(piece, pattern.pattern)


def _escaped(letter: str) -> str:
    """An escape that a browser takes: it has no word for what needs none."""
    return f"\\{letter}" if letter in r"^$\.*+?()[]{}|/nrtfv" else letter
