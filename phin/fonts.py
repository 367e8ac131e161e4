"""Fonts with Thai letters, on Linux, macOS and Windows; what is installed is used.

Those whose letters have loops come first: without them ล and ร look like a and s, and a page of notation is full of
both.
"""

THAI = (
    *("Noto Sans Thai Looped", "Noto Looped Thai", "Sarabun", "TH Sarabun New", "Loma", "Garuda", "Waree", "Thonburi"),
    *("Leelawadee UI", "Tahoma", "Sukhumvit Set", "Noto Sans Thai"),
)
IN_CSS = ", ".join(f'"{name}"' for name in THAI)
"""As a page's font-family takes them."""
