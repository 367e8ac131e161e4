"""phin-web: a server that draws tunes for a page in the browser; or that page as a folder, which draws by itself."""

import errno
import re
import signal
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import yaml

from phin.checksum import sha256_of
from phin.cli.app import run
from phin.cli.engine import is_exported, open_engine, refuse_missing, refuse_precision
from phin.cli.typed import refuse_unheard
from phin.config import choices_of, conf_dir
from phin.corpus.copies import Copies
from phin.counted import counted
from phin.errors import InvalidConfig, PhinError, to_install
from phin.generation.exported import GRAPHS, Manifest, Precision
from phin.generation.mobile_file import PROGRAM, MobileManifest
from phin.generation.mobile_file import SUFFIX as MOBILE
from phin.generation.play import Engine, learned_from
from phin.generation.request import SamplerConfig
from phin.pretrained import PRETRAINED
from phin.web.limits import FOR_SEVERAL, ServerLimits
from phin.writable import refuse_folder, refuse_unwritable

ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d+)?|\*")


@dataclass
class WebConfig:
    """Settings of phin-web."""

    checkpoint: str = PRETRAINED
    """A .ckpt, .safetensors or .pte file, the folder of a run, or an exported model's, which is faster; or pretrained,
    the model that comes with phin."""
    out: str | None = None
    """A folder for a site that needs no server of phin's: its page draws in the browser, also without a net. Nothing
    is served then; a run is exported first, on which `precision` may be chosen too."""
    precision: str | None = None
    """Of an exported model: fp32, which plays what the checkpoint plays, or int8, which is smaller, and faster where
    phin-web serves (in a browser it is slower)."""
    port: int = 8000
    """The port to listen on; 0: any that is free."""
    host: str = "127.0.0.1"
    """Who may come: this machine alone (127.0.0.1), or whoever reaches it (0.0.0.0, which anybody may who can)."""
    cache: str = "cache"
    """Where prepared corpora lie: by the one that the model learned from, what is copied is told. For a site: what a
    run's export is tried on, and where ONNX Runtime for browsers is kept."""
    origins: list[str] = field(default_factory=list)
    """Other sites whose pages may ask the API, as [https://example.org]; none, unless named."""
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    """How notes are drawn, as far as a request does not say."""
    limits: ServerLimits = field(default_factory=ServerLimits)
    """How much may be asked for."""

    def __post_init__(self) -> None:
        refuse_precision(self.precision)
        if not 0 <= self.port < 2**16:
            raise InvalidConfig(f"port={self.port}", "is no port", "take 1024 to 65535")
        self.origins = [origin.lower() for origin in self.origins]  # as browsers write them
        for origin in self.origins:
            if not ORIGIN.fullmatch(origin):
                raise InvalidConfig(f"origins={origin}", "is no origin of pages", "write it as https://example.org")


def main() -> None:
    """Console script."""
    run("web", WebConfig, serve_or_write)


def serve_or_write(config: WebConfig) -> None:
    """Serves, or writes a site, and nothing half."""
    try:
        import_module("phin.web.app")
    except ModuleNotFoundError as error:
        if error.name not in ("fastapi", "uvicorn", "starlette", "pydantic"):
            raise
        remedy = f"install what the server needs: {to_install('web')}"
        raise PhinError(error.name, "is not installed", remedy) from None
    serve(config) if config.out is None else write(config, config.out)


def write(config: WebConfig, out: str) -> None:
    """Writes the page as a folder that draws by itself; a run is exported for it."""
    from phin.web.onnxruntime_web import runtime_files
    from phin.web.service import Model
    from phin.web.site import refuse_other, write_site

    of_a_server = ["host", "port", "origins", *(f"limits.{name}" for name in FOR_SEVERAL)]
    refuse_unheard(of_a_server, "means nothing for a site: who has the folder serves it")
    refuse_other(out)
    refuse_folder("out", out)
    if Path(out).is_dir():
        refuse_unwritable(Path(out).resolve().parent)  # where it is written before it takes its place
    checkpoint = config.checkpoint
    if Path(checkpoint).suffix == MOBILE:
        raise InvalidConfig(f"checkpoint={checkpoint}", "plays on phones, and in no browser", "name a run")
    refuse_missing(checkpoint)
    runtime = runtime_files(config.cache, print)
    with tempfile.TemporaryDirectory(prefix="phin-web-") as desk:
        exported = Path(checkpoint)
        if not is_exported(checkpoint):
            from phin.evaluation.exports import export_proven

            export_proven(checkpoint, config.cache, exported := Path(desk) / "exported", print)
        engine = open_engine(str(exported), config.precision)
        graph, precision = graph_of(engine, str(exported))
        name = Path(checkpoint).resolve().name
        model = Model(engine, name, graph, precision, config.sampler, samplers())
        bytes_of = write_site(out, model, exported, config.limits, runtime)
    told = f"{counted(len(bytes_of), 'file')}, {sum(bytes_of.values()) / 1e6:.1f} MB, the model in {precision}"
    print(f"{out}: {told}. Serve it from any host, or: python -m http.server -d {out}", flush=True)
    print(f"Model licence: {engine.about.licence}", flush=True)


def serve(config: WebConfig) -> None:
    """Serves until it is told to stop (Ctrl-C, SIGTERM); open streams are told so."""
    from phin.web.app import create_app
    from phin.web.server import serve_app
    from phin.web.service import Model, Service

    listening = listen(config.host, config.port)
    with listening:
        engine = open_engine(config.checkpoint, config.precision)
        graph, precision = graph_of(engine, config.checkpoint)
        name = Path(config.checkpoint).resolve().name
        model = Model(engine, name, graph, precision, config.sampler, samplers(), _copied(engine, config.cache))
        service = Service(model, config.limits)
        host, port = listening.getsockname()[:2]
        print(f"http://{in_addresses(host)}:{port}  Ctrl-C ends it. Model licence: {engine.about.licence}", flush=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a queue's way to say Ctrl-C
        names = called(config.host, host)
        with suppress(KeyboardInterrupt):  # which uvicorn raises once it has ended in peace
            serve_app(create_app(service, names, config.origins), service, listening)


def called(host: str, address: str) -> tuple[str, ...]:
    """What a browser may call a server that listens at an address of this machine alone, which was typed as `host`;
    nothing where others reach it too, for then it may be called anything.
    """
    from phin.web.app import LOOPBACK

    return (*LOOPBACK, in_addresses(address), host) if ip_address(address).is_loopback else ()


def in_addresses(host: str) -> str:
    """An IP address as it stands in the address of a page: one of version 6 in brackets."""
    return f"[{host}]" if ":" in host else host


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises InvalidConfig where the port is taken, or nobody has the host."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(128)
        except BaseException:
            made.close()
            raise
        return made
    except (socket.gaierror, UnicodeError):
        raise InvalidConfig(f"host={host}", "is no address of this machine", "take 127.0.0.1, or 0.0.0.0") from None
    except PermissionError:
        raise InvalidConfig(f"port={port}", "is not for you", "take 1024 to 65535") from None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL or "assign" in (error.strerror or ""):
            raise InvalidConfig(f"host={host}", "is no address of this machine", "take 127.0.0.1, or 0.0.0.0") from None
        remedy = f"take another, as port={port + 1 if port < 2**16 - 1 else 8000}, or end who has it"
        raise InvalidConfig(f"port={port}", f"cannot be had ({error.strerror or 'unknown error'})", remedy) from None


def graph_of(engine: Engine, checkpoint: str) -> tuple[str, str]:
    """A hash of what draws, and how precise its weights are."""
    about = engine.about
    if isinstance(about, MobileManifest):
        return about.sha256[PROGRAM], about.precision
    if isinstance(about, Manifest):
        precision = Precision(getattr(engine, "precision", Precision.FP32))
        return about.sha256[GRAPHS[precision]], precision.value
    from phin.model.checkpoint import find

    return sha256_of(find(checkpoint)), Precision.FP32.value


def samplers() -> dict[str, dict[str, Any]]:
    """All that the files of settings of the sampler say, by their names."""
    texts = {name: (conf_dir() / "sampler" / f"{name}.yaml").read_text("utf-8") for name in choices_of("sampler")}
    return {name: asdict(SamplerConfig(**yaml.safe_load(text))) for name, text in texts.items()}


def _copied(engine: Engine, cache: str) -> Callable[..., str | None] | None:
    """What tells of copies, if a corpus that it learned from is here."""
    copies = Copies.of(learned_from(engine.about), cache)
    return copies and copies.told
