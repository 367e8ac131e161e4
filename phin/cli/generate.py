"""phin-generate: new tunes from a checkpoint."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from phin.cli.app import run
from phin.cli.engine import open_engine, refuse_missing, refuse_precision
from phin.cli.typed import refuse_unheard, typed
from phin.cli.unheard import refuse_unheard_drawing
from phin.corpus.copies import Copies
from phin.counted import counted
from phin.errors import InvalidConfig, PhinError
from phin.generation.choice import Choice, Chosen
from phin.generation.given import Given, Use, with_examples
from phin.generation.play import Engine, learned_from
from phin.generation.recipe import Recipe
from phin.generation.request import MOST_TUNES, SamplerConfig, TuneRequest, refuse_draw
from phin.generation.wishes import Wishes
from phin.generation.write import FORMATS, endings_of, refuse_there, write_tunes
from phin.music.lai import NO_LAI
from phin.music.phrase import Metre, Phrase
from phin.music.readers import read_tune
from phin.pretrained import PRETRAINED
from phin.writable import refuse_folder


@dataclass
class GenerateConfig(TuneRequest):
    """Settings of phin-generate."""

    checkpoint: str = PRETRAINED
    """A .ckpt, .safetensors or .pte file, the folder of a run, or an exported model's; or pretrained, the model that
    comes with phin."""
    precision: str | None = None
    """Of an exported model: fp32, which plays what the checkpoint plays, or int8, which is smaller and faster. The
    model that comes with phin plays in int8, unless fp32 is asked for."""
    count: int = 4
    """How many tunes."""
    seed: int = 0
    """The same seed gives the same tunes; tune 3 of a seed is the same among four and among forty."""
    out: str = "tunes"
    """The folder the tunes are written to."""
    formats: list[str] = field(default_factory=lambda: list(FORMATS))
    """Endings of the files that each tune is written as."""
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    choose: Choice = field(default_factory=Choice)
    """Which of the tunes drawn are kept."""
    cache: str = "cache"
    """Where prepared corpora lie: by the one that the model learned from, what is copied is told."""
    keep: Wishes = field(default_factory=Wishes)
    """What each tune must keep to, whatever the model would rather play."""
    given: str | None = None
    """A file with a tune (MIDI, letters, tablature, ABC) that something is made of."""
    use: str = Use.CONTINUE.value
    """What is made of it: continue, decorate, rhythm or rewrite."""
    rewrite: str | None = None
    """For use=rewrite: the hong to play anew, as 3-6."""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_draw(self.count, self.seed)
        candidates = self.choose.candidates
        if self.count * candidates > MOST_TUNES:
            reason = f"of count={self.count} are {self.count * candidates} tunes, and {MOST_TUNES} are the most at once"
            raise InvalidConfig(f"choose.candidates={candidates}", reason, "take fewer of either")
        drawn_anew = {"candidates": candidates, "tries": self.choose.tries}
        anew = [f"choose.{name}={value}" for name, value in drawn_anew.items() if value != getattr(Choice, name)]
        if self.sampler.is_greedy and (anew or self.count > 1):
            asked = anew[0] if anew else f"count={self.count}"
            reason = "asks for tunes that are all one where the likeliest note is drawn every time"
            remedy = "leave it out" if anew else "take count=1"
            raise InvalidConfig(asked, reason, f"{remedy}, or take sampler=nucleus")
        endings_of(self.formats)
        if self.like is None:  # else it says what is asked for, once it is read
            self.keep.constraints(self)
        refuse_precision(self.precision)
        if self.use not in (uses := [use.value for use in Use]):
            raise InvalidConfig(
                f"use={self.use}", "is nothing that is made of a tune", f"take one of {', '.join(uses)}"
            )
        if self.given is None and (self.use != Use.CONTINUE.value or self.rewrite is not None):
            key = f"use={self.use}" if self.use != Use.CONTINUE.value else f"rewrite={self.rewrite}"
            raise InvalidConfig(key, "means nothing without a tune", "say which file, as given=tune.mid")

    @property
    def material(self) -> Given | None:
        """The tune that is given. Raises PhinError where there is none in its file, or no such hong in the tune."""
        if self.given is None:
            return None
        hong = None
        if self.rewrite is not None:
            first, dash, last = self.rewrite.partition("-")
            last = last if dash else first
            if not (first.isdecimal() and last.isdecimal()):
                raise InvalidConfig(f"rewrite={self.rewrite}", "names no hong", "write the first and the last, as 3-6")
            hong = int(first), int(last)
        path = Path(self.given)
        phrase = read_tune(path)
        return Given(replace(phrase, title=phrase.title or path.name), Use(self.use), hong)


def main() -> None:
    """Console script."""
    run("generate", GenerateConfig, generate)


def generate(config: GenerateConfig) -> None:
    """Draws the tunes and writes them."""
    refuse_unheard_drawing(config, config.sampler)
    if not config.out:
        raise InvalidConfig("out=", "is empty", "name a folder for the tunes")
    if config.given is None:
        refuse_unheard(["use"], "means nothing without a tune", "say which file, as given=tune.mid")
    given, asked = config.material, with_examples(config)
    if given:
        refuse_said_by(given)
    request: TuneRequest = given.request(asked) if given else asked
    recipe = Recipe(request, config.sampler, config.seed, config.keep, given)
    refuse_missing(config.checkpoint)
    name = f"tune-{config.seed}"
    refuse_folder("out", config.out)  # what is mistyped is said before what is there already
    refuse_there(config.out, name, config.count, config.formats)  # drawing them would be for nothing
    engine = open_engine(config.checkpoint, config.precision)
    copies = find_copies(config, engine)
    copied = copies.told if copies else None
    chosen = recipe.choose(engine, config.count, config.choose, copied, progress=True)
    chosen = [_named(each, config.seed, place) for place, each in enumerate(chosen, start=1)]
    finished = [recipe.finish(each, copied if config.choose.copies else None) for each in chosen]
    written = write_tunes([tune for tune, _ in finished], config.out, name, formats=config.formats)
    for number, ((tune, said), files) in enumerate(zip(finished, written, strict=True), start=1):
        if files.first is None:
            print(
                f"{name}-{number}  not written: {'; '.join(said.replace(': not written', '') for said in files.said)}"
            )
            continue
        told = [counted(len(tune), "note"), _lai(tune, request.lai)]
        print(f"{files.first}  {', '.join(told)}")
        for line in (*said, *files.said):
            print(f"  {line}")
    for line in given.against(config.keep, request) if given else []:
        print(line)
    there = sum(files.first is not None for files in written)
    if not there:
        reason = f"no page could hold any of {counted(len(chosen), 'tune')}"
        wanted = ", ".join(endings_of(config.formats))
        raise PhinError(f"formats={wanted}", reason, "take mid among them, or keep.lai=true with a lai")
    if copies is None:
        print(f"no copy is looked for: what the model learned from, {engine.about.corpus}, is not in {config.cache}")
    forms = ", ".join(form for form in endings_of(config.formats) if any(form in files.of for files in written))
    print(f"{counted(there, 'tune')} ({forms}) in {config.out}. Model licence: {engine.about.licence}")


def refuse_said_by(given: Given) -> None:
    """Raises InvalidConfig where a length or a metre was typed that the given tune says itself."""
    where = given.where
    if given.use is not Use.CONTINUE:
        refuse_unheard(
            ["lines", "hong", "about"], f"means nothing with use={given.use.value}: {where} says how long it is"
        )
    metre = given.phrase.metre
    if metre and (asked := next(iter(typed("metre")), None)) and Metre.parse(asked.partition("=")[2]) != metre:
        raise InvalidConfig(asked, f"{where} is in {metre}", "leave it out")


def find_copies(config: GenerateConfig, engine: Engine) -> Copies | None:
    """The training tunes of a model, as far as their corpus is here. Raises InvalidConfig where it must be."""
    copies = Copies.of(learned_from(engine.about), config.cache)
    if copies is None and (not config.choose.copies or config.cache != GenerateConfig.cache):
        key = f"cache={config.cache}" if config.choose.copies else "choose.copies=false"
        reason = f"cannot be: the corpus {engine.about.corpus} that it learned from is not in {config.cache}"
        remedy = "prepare it, with phin-prepare, or say where it lies, as cache=FOLDER"
        raise InvalidConfig(key, reason, remedy)
    return copies


def _named(chosen: Chosen, seed: int, place: int) -> Chosen:
    """A tune of phin's by its place among those that were kept, as its files are, whichever it was among all drawn."""
    played = chosen.played
    if not played.phrase.title.startswith(f"phin {seed}-"):
        return chosen
    return chosen._replace(played=played._replace(phrase=replace(played.phrase, title=f"phin {seed}-{place}")))


def _lai(tune: Phrase, asked: str | None) -> str:
    """Which lai the notes of a tune are in, and whether that is what was asked for."""
    found = "in no lai" if tune.lai == NO_LAI else f"in lai {tune.lai}"
    return found if asked in (None, tune.lai) else f"{found} ({asked} was asked for)"
