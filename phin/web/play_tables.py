"""What a page that draws without a server (`static/js/play`) takes from this program, so that none of it is written a
second time: the numbers and words that stand neither in an exported folder's manifest nor elsewhere in `about`.
"""

import re
from dataclasses import asdict
from typing import Any

from phin import lookup, motif
from phin.generation import choice, constraints, given, limits, play, stream, verses, wishes
from phin.generation.request import MEANS_NOTHING_GREEDY, MOST_LINES, NOT_GREEDY, SamplerConfig
from phin.music import drone, fingering, fretboard, grid, lai, letters, notation, page, phrase, snapping, suggestion
from phin.web import asked, refusals, tune
from phin.web.browser_patterns import for_a_browser
from phin.web.read_tables import read_tables
from phin.web.write_tables import write_tables

REMARKS = ("title", "description", "default")
"""Of a JSON schema: what a program that checks by it does without."""


def play_tables(sampler: SamplerConfig, see: str = refusals.SEE) -> dict[str, Any]:
    """All of it, in primitives; `sampler` says how notes are drawn where a request does not, and `see` what helps who
    asks for something of another kind.
    """
    return {
        "sampler": asdict(sampler),
        "drawing": {
            "most_notes_a_hong": play.MOST_NOTES_A_HONG,
            "drawn_again": play.DRAWN_AGAIN,
            "again": play.AGAIN,
            "scarce": play.SCARCE,
            "much": choice.MUCH,
            "fewest_lines": verses.FEWEST_LINES,
            "most_heard": verses.MOST_HEARD,
            "most_together": constraints.MOST_TOGETHER,
            "kinds": {kind.name.lower(): int(kind) for kind in limits.Kind},
            "after": {name: list(shape) for name, shape in limits.AFTER.items()},
            "tries": choice.Choice.tries,
            "most_rest": constraints.MOST_REST,
            "longest_given": given.LONGEST,
            "most_lines": MOST_LINES,
            "not_greedy": {name: getattr(SamplerConfig(), name) for name in NOT_GREEDY},
            "fewest_of_lai": wishes.FEWEST_OF_LAI,
        },
        "reading": {
            "shortest_motif": motif.SHORTEST,
            "longest_motif": motif.LONGEST,
            "longest_bar": lookup.LONGEST_BAR,
            "bars_counted": lookup.BARS_COUNTED,
            "hong_counted": lookup.HONG_COUNTED,
            "lookups": {name: [place.start, place.stop] for name, place in lookup.LOOKUPS.items()},
            "positions": list(lookup.POSITIONS),
        },
        "lai": {
            "roots": {each.name: each.root for each in lai.LAI},
            "tonic_above_root": {family.value: above for family, above in lai.TONIC_ABOVE_ROOT.items()},
            "pentatonic": list(lai.PENTATONIC),
            "pentatonic_share": lai.PENTATONIC_SHARE,
            "none": lai.NO_LAI,
        },
        "hand": {
            "costs": asdict(fingering.COSTS),
            "elsewhere": fingering.ELSEWHERE,
            "lowest": phrase.LOWEST_PITCH,
            "highest": phrase.HIGHEST_PITCH,
            "fewest_strings": fretboard.FEWEST_STRINGS,
            "most_strings": fretboard.MOST_STRINGS,
            "measured_lowest": fretboard.MEASURED_E3,
            "drone_loudness": drone.DRONE_LOUDNESS,
            "assumed_tempo": phrase.ASSUMED_TEMPO,
            "default_tuning": fretboard.DEFAULT.name,
        },
        "page": {
            "letters": letters.LETTERS,
            "natural": list(letters.NATURAL),
            "up": letters.UP,
            "down": letters.DOWN,
            "unmarked_do": letters.UNMARKED_DO,
            "most_octaves": letters.MOST_OCTAVES,
            "slots_per_hong": grid.SLOTS_PER_HONG,
            "shares": list(snapping.SHARES),
            "duple": str(phrase.DUPLE),
            "largest_metre": phrase.LARGEST_METRE,
            "longest_title": tune.LONGEST_TITLE,
            "most_characters": page.MAX_CHARACTERS,
            "one_kind": {chr(sign): plain for sign, plain in notation.ONE_KIND.items()},
            "facts": page.FACTS,
            "words": for_a_browser(page.WORDS),
            "symbol": for_a_browser(re.compile(letters.SYMBOL)),
        },
        "techniques": {name: int(technique) for name, technique in tune.TECHNIQUES.items()},
        "suggestion": suggestion.load().to_dict(),
        "writing": write_tables(),
        "files": read_tables(),
        "asked": _kinds_of_requests(),
        "words": {
            "like": asked.LIKE,
            "let_it_end": stream.LET_IT_END,
            "greedy": MEANS_NOTHING_GREEDY,
            "see": see,
            "most_said": refusals.MOST_SAID,
        },
    }


def _kinds_of_requests() -> dict[str, Any]:
    """JSON schemas of what may be asked, by name."""
    found = dict[str, Any]()
    for model in (asked.TunesAsked, asked.TuneAsked):
        schema = model.model_json_schema()
        found |= {**schema.pop("$defs"), model.__name__: schema}
    return {name: _bare(schema) for name, schema in found.items()}


def _bare(schema: Any) -> Any:
    """A schema without its remarks; properties may have their names."""
    if isinstance(schema, list):
        return [_bare(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    named = {name: _bare(each) for name, each in schema.get("properties", {}).items()}
    said = {key: _bare(each) for key, each in schema.items() if key not in (*REMARKS, "properties")}
    return said | ({"properties": named} if "properties" in schema else {})
