"""What was typed that no drawing would hear, whichever command draws."""

from phin.cli.typed import refuse_unheard
from phin.generation.request import MEANS_NOTHING_GREEDY, NOT_GREEDY, SamplerConfig, TuneRequest


def refuse_unheard_drawing(request: TuneRequest, sampler: SamplerConfig) -> None:
    """Raises InvalidConfig for a way to draw that was typed where nothing is drawn by lot, and for a second length."""
    if request.hong is not None:
        refuse_unheard(["lines"], f"is another length than hong={request.hong}", "leave one of them out")
    if sampler.is_greedy:
        names = ["seed", *(f"sampler.{name}" for name in NOT_GREEDY)]
        refuse_unheard(names, MEANS_NOTHING_GREEDY, "leave it out, or take sampler=nucleus")
