"""What a page reads of ABC notation by itself, against a server: tunes of each kind, each refusal, and nonsense."""

from typing import Any

import numpy as np
import pytest

from tests.broken_files import FILES
from tests.web.playing import Playground, both
from tests.web.serving import Served, file

pytestmark = pytest.mark.slow
HEAD = "M:4/4\nL:1/4\nK:C"
MUSIC = (
    "G2 A | B4 c | d4",
    "| G2 A | B",
    "Z2 | z2 CD | E4 |",
    "Zz3 C | X | E4 | D x Z C |",
    "C D E F |\nG A\nB c | d4 |\n",
    "C>D E<F | G>>A B<<<<c | z>d e",
    "(3CDE (3:2:4FGAB (5CDEFG | (2cd (7:4cdefgab (:c (9:::ddd",
    "C/2D/E//F/3G3/2A,B,,c'd'' ^F_G=F^^F__G F | F",
    "^F4- | F4 | F-^F F- | F ^F- F | C4-|1 C2 D2 :|2 C4 |]",
    '[CEG]2 [C2E4G] [C-E]C [CC] +CEG+ [^F_GA] | [Ce-] [Ee] | ["x"C ~E] [C\n2E]/ +ff+ C',
    'C3 Hx || D4 "D.C."x | E !fermata!x |]',
    '"Am"C ~D .E TF {g}G {/ga}A !trill!B +f+c ((d e)) uf vg y2 `a * $b \\\nw: words\n% more\nC D!\nE !F',
    "|: C D :|: E F :: G A :| B2 ||",
    "|: C4 |1 D4 :|2 E4 |] F4 |",
    "C4 |[1 D4 [K:G] F :|[2 F4 || F4 |",
    "C4 |1,3 D4 | D4 :|2,4 E4 | F4 |1 G |2-3 A :|",
    "C D & A2\\\n| E F & z2 |]*",
    "C [Q:1/4=60] D [M:3/4] E | [L:1/8] F G [K:D] F C | [V:2] C D\n[V:1] E",
    "A\n2 B\n/ [c\ne]2 | ^F =3DF |=20\nG =\nA |",
    "C D |\n\nA faded bag, edged.\n\n",
    "C D |\n\nE F |\n",
    "C3 D3 | E3 F3\nG3 A3\n\nB3 c3 |",
    "C๒ D/๓ B𝟚 (3EFG |๑ A :|๒ B |",
    "E,F,| C,,, ^g''' | c'''''",
)
HEADS = (
    "M:none\nL:1/4\nK:G",
    *(
        f"M:{metre}\nL:1/8\nK:C"
        for metre in ("C", "C|", "6/8", "2/2]", "(2+3)/8", "FREI4/4", "0/4", "3/7", "2/4", "๓/๔")
    ),
    *(
        f"T:A tune\nT:another\nM:6/8\nQ:{tempo}\nK:C"
        for tempo in (
            "1/4=120",
            "3/8=120",
            '"Slow" 1/2 = 60',
            "1/4 1/8=80",
            "120",
            '"Slowly"',
            "1/4=0",
            "1/7=640",
        )
    ),
    *(
        f"L:1/8\nK:{key}"
        for key in (
            *("G", "F# Minor", "Am", "EM", "A Dorian", "D Mixolydian", "Bphr", "Clyd", "F#loc", "C#", "Bb", "Cb"),
            *(
                "Gm clef=bass",
                "G treble",
                "Hp",
                "none",
                "nones",
                "",
                "Gm ^f =b",
                "Dmix=c",
                "D exp _e ^f",
                "bass",
                "C\u00a0min",
            ),
        )
    ),
    "V:1\nV:2 merge\nK:C\n[V:1] CD|\n[V:2] E,F,|\n[V:1] EF|",
    "K:C\nV:2\nE,F,|\nV:1\nEF|",
    "T:Jotted down\nL:1/4",
)
REFUSED = (
    *("", "\n \n", "z4 | z4 |", "CDEF |\nGABc | d 4 |", "CD | 62 | EF", "CD | This is no music", "C # D", 'C "Am D'),
    *(
        "C {DE",
        "C [DE",
        "C [D>E]",
        "C [z]",
        "C ^3D",
        "C0",
        "C/0",
        "C99999",
        "C,,,,,,",
        "> C",
        "C |\nK:Bn\nD",
        "C |\nK:H\nD",
    ),
    *(
        "[L:x] C",
        "[M:none] Z C",
        "[Q:1/32=7] C",
        "[Q:99/1=99999] C",
        "C/9999 (7D/9998 E/9997 F/9995",
        "C \x00",
        "C \ufeff",
        "C \U0001f3b5",
        "C \x85 D",
        "C '\"",
        "C ลา",
    ),
)
WHOLE = (
    "% a book\r\n\r\nX: 7 % seven\r\nK:C\r\nC|\r\n\r\nX:8\r\nK:C\r\nD|\r\n",
    "X:1\rT:Only returns\rK:C\rC D E\r",
    "no tune in here",
    "",
    "X:7\nT:A tune\nK:Q\nC",
    "  X: 3a \n T: \x1c Blanks\u2003 \nK:C\nC D \\% E",
)
PIECES = (
    *(
        "C D E F |",
        "G2 A/",
        "[CEG]",
        "^F",
        "_B,",
        "z2",
        "Z",
        "(3abc",
        "c'>d",
        "-",
        "|1",
        ":|2",
        "|]",
        "::",
        "\n",
        "\n\n",
        '"G7"',
    ),
    *(
        "{gf}",
        "!p!",
        "[K:D]",
        "M:3/4\n",
        "[L:1/16]",
        "[V:2]",
        "V:1\n",
        "& c",
        "+f+",
        "y",
        "x",
        "/",
        ">",
        "<<",
        "5",
        "%",
        "T:t\n",
    ),
    *("\\", "=", "~", "(", ")", "ล", "S", "[2", "//", "C12", "\t", "+CE+"),
)
SEED = 20_261_129
NUM_RANDOM = 300


def ask(ground: Playground, drawer: Served, pages: list[str | bytes]) -> list[Any]:
    """Holds page and server to each other; what the server answered."""
    return both(ground, drawer, "read", [file(page, "abc", name="my tunes.abc") for page in pages])


def tune(music: str, head: str = HEAD) -> str:
    return f"X:1\n{head}\n{music}\n"


def test_tunes_are_read_as_a_server_reads_them(ground: Playground, drawer: Served) -> None:
    """Fails: a folk tune that is opened on a phone has another rhythm, key, beat or tempo there."""
    pages = [tune(music, head) for music in MUSIC for head in (HEAD, "M:12/8\nK:D", "M:2/4\nK:Gm", "L:1/8\nK:Hp")]
    answers = ask(ground, drawer, [*pages, *(tune("CDEF|GABc|", head) for head in HEADS)])
    assert sum("notes" in answer for answer in answers) > 100
    told = [(answer["metre"], answer["tempo"], answer["title"]) for answer in answers if "notes" in answer]
    assert len({metre for metre, *_ in told}) > 4
    assert len({tempo for _, tempo, _ in told}) > 3


def test_what_is_no_tune_is_refused_by_line_and_bar_alike(ground: Playground, drawer: Served) -> None:
    """Fails: a mistake in a tune is told in other words, or of another line, than where phin-web serves."""
    broken = [path.read_bytes() for path in sorted(FILES.rglob("*.abc"))]
    encoded = [f"X:1\nT:Été\nK:F\nF{each}".encode(form) for each in ("", "|é") for form in ("utf-8-sig", "latin-1")]
    answers = ask(ground, drawer, [*(tune(music) for music in REFUSED), *WHOLE, *broken, *encoded])
    assert sum("refused" in answer for answer in answers) > 40


@pytest.mark.long
def test_whatever_is_written_page_and_server_read_it_alike(ground: Playground, drawer: Served) -> None:
    """Fails: some tunes are read otherwise by a page without a server, which nobody would know."""
    rng = np.random.default_rng(SEED)
    sane = PIECES.index("5")
    pages = [
        tune("".join(rng.choice(PIECES[: sane if number % 2 else None], size=rng.integers(2, 14)).tolist()), head)
        for number, head in enumerate(rng.choice(HEADS, size=NUM_RANDOM).tolist())
    ]
    answers = ask(ground, drawer, list(pages))
    assert NUM_RANDOM / 4 < sum("notes" in answer for answer in answers) < NUM_RANDOM
