"""Numbers with their nouns, as a person says them."""


def counted(number: int, one: str, more: str = "", style: str = "") -> str:
    """`1 note`, `2 notes`; `more` is the plural where it is not `one` with an s, `style` how the number is written."""
    return f"{number:{style}} {one if number == 1 else more or one + 's'}"
