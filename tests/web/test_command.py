"""phin-web as it is typed: on this machine alone, without torch where a model is exported, ended by a signal."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from phin.cli.web import WebConfig, called, graph_of, listen
from phin.errors import InvalidConfig
from phin.generation.exported import GRAPHS, Manifest, Precision
from phin.generation.mobile_file import PROGRAM, MobileManifest
from phin.runtime.onnx_engine import OnnxEngine
from tests.cli.commands import phin
from tests.settings import composed
from tests.web.serving import Event, parsed

ROOT = Path(__file__).parents[2]
STARTED = """
import sys
from phin.cli.web import main
try:
    main()
finally:
    print("torch" if "torch" in sys.modules else "no torch", flush=True)
"""
ALONE = """
import sys
import phin.web.server, phin.web.app
assert not {"torch", "hydra", "omegaconf", "lightning"} & set(sys.modules), "phin.web alone"
"""


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a process, and where it serves."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", STARTED, *arguments], env=environment, stdout=-1, stderr=-1, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("http://"), process.communicate()
        yield process, line.split()[0]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_exported_model_is_served_without_torch_until_a_signal(
    exported_folder: Path, number: signal.Signals
) -> None:
    """Fails: a small machine must install torch; or Ctrl-C leaves listeners without a word, or a traceback."""
    with started(f"checkpoint={exported_folder}", "port=0") as (process, base):
        assert base.startswith("http://127.0.0.1:")
        with httpx.Client(base_url=base, timeout=30, trust_env=False) as client:
            about = client.get("/api/about").json()
            assert about["graph"] == Manifest.read(exported_folder).sha256["step.onnx"]
            assert about["samplers"]["nucleus"]["top_p"] == 0.98
            assert len(client.post("/api/generate", json={"lines": 1}).json()["tunes"]) == 1
            made = client.post("/api/streams", json={"endless": True}).json()
            with client.stream("GET", made["events"]) as answer:
                events = parsed(answer.iter_lines())
                assert next(events).kind == "begin"
                process.send_signal(number)
                (*_, last) = events
        assert (last.kind, last.data["where"]) == ("error", "server")
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "no torch" in out
        assert "Traceback" not in err, err


@pytest.mark.long
def test_twenty_who_listen_all_hear_that_a_server_ends(exported_folder: Path) -> None:
    """Fails: a server that is stopped under load hangs, is killed, and its listeners wait for notes that never come."""
    limits = ["limits.most_streams=20", "limits.most_listeners=20", "limits.ahead_seconds=1000"]
    with started(f"checkpoint={exported_folder}", "port=0", *limits) as (process, base):
        with httpx.Client(base_url=base, timeout=30, trust_env=False) as client:
            made = [client.post("/api/streams", json={"endless": True, "seed": seed}).json() for seed in range(20)]
            heard: list[list[Event]] = [[] for _ in made]

            def listen_to(place: int) -> None:
                with client.stream("GET", made[place]["events"]) as answer:
                    heard[place].extend(parsed(answer.iter_lines()))

            listeners = [threading.Thread(target=listen_to, args=(place,)) for place in range(20)]
            for each in listeners:
                each.start()
            while client.get("/api/health").json()["streams"] < 20:
                time.sleep(0.05)
            time.sleep(0.5)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            for each in listeners:
                each.join(20)
        _, err = process.communicate(timeout=20)
        assert time.monotonic() - began < 10
    assert process.returncode == 0
    assert "Traceback" not in err, err
    for events in heard:
        assert [event.number for event in events] == list(range(len(events)))
        assert (events[-1].kind, events[-1].data["reason"]) == ("error", "is being stopped")


def test_the_server_needs_neither_hydra_nor_torch() -> None:
    """Fails: who builds on the server must take the training framework with it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", ALONE], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_port_that_is_taken_is_one_line() -> None:
    """Fails: the second server dies with a page of traceback, after it loaded its model."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port={port}: cannot be had" in phin("web", "checkpoint=any", f"port={port}").complaint


MISTAKES = [
    ("port=70000", "port=70000: is no port"),
    ("host=nobody.invalid", "host=nobody.invalid: is no address"),
    ("host=203.0.113.7", "host=203.0.113.7: is no address of this machine"),
    ("precision=fp8", "precision=fp8: is no precision"),
    ("limits.most_streams=0", "limits.most_streams=0: is no limit"),
    ("limits.most_stream=1", "limits.most_stream"),
    ("checkpoint=nothing", "nothing"),
    ("origins=[tunes.example]", "origins=tunes.example: is no origin of pages. Write it as https://example.org."),
]


@pytest.mark.long
@pytest.mark.parametrize(("asked", "told"), MISTAKES, ids=[asked for asked, _ in MISTAKES])
def test_a_mistake_is_one_line(asked: str, told: str) -> None:
    """Fails: a slip in a setting is a page of traceback."""
    checkpoint = [] if asked.startswith("checkpoint") else ["checkpoint=any"]
    assert told in phin("web", *checkpoint, "port=0", asked).complaint


@pytest.mark.parametrize("asked", ["port=8001", "limits.most_streams=3", "limits.ahead_seconds=10"])
def test_a_folder_takes_no_settings_of_a_server(asked: str, tmp_path: Path) -> None:
    """Fails: whoever makes a site believes that they limited it."""
    told = phin("web", "checkpoint=any", f"out={tmp_path / 'site'}", asked).complaint
    assert f"{asked}: means nothing for a site" in told


def test_nobody_comes_from_outside_unless_it_was_typed() -> None:
    """Fails: a laptop in a café serves the café."""
    assert composed("web", "checkpoint=runs/a").host == WebConfig.host == "127.0.0.1"
    with listen("127.0.0.1", 0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
    for nowhere in ("256.1.1.1", "a..b", "a" * 64):
        with pytest.raises(InvalidConfig, match=f"host={re.escape(nowhere)}: is no address"):
            listen(nowhere, 0)


def test_a_server_answers_to_what_it_was_called() -> None:
    """Fails: the address that is printed says 403; or a page of another host asks through a visitor's browser."""
    assert {"127.0.0.1", "127.0.0.2"} <= set(called("127.0.0.2", "127.0.0.2"))
    assert "my-laptop" in called("my-laptop", "127.0.1.1")
    assert "[::1]" in called("::1", "::1")
    assert "example.org" not in called("127.0.0.1", "127.0.0.1")
    assert called("0.0.0.0", "0.0.0.0") == ()


def test_an_origin_is_written_as_browsers_write_it() -> None:
    """Fails: a page is allowed to ask, and never may."""
    assert WebConfig(origins=["https://Example.ORG:8443"]).origins == ["https://example.org:8443"]


@pytest.mark.slow
def test_the_graph_is_told_by_its_precision(exported_folder: Path) -> None:
    """Fails: a link says fp32 where eight bits drew the tune."""
    sums = Manifest.read(exported_folder).sha256
    for precision in Precision:
        engine = OnnxEngine(exported_folder, precision)
        assert graph_of(engine, str(exported_folder)) == (sums[GRAPHS[precision]], precision.value)
    told = {**Manifest.read(exported_folder).__dict__, "sha256": {PROGRAM: "of the program"}, "precision": "int8"}
    phone = SimpleNamespace(about=MobileManifest(**told))
    assert graph_of(phone, "tiny.pte") == ("of the program", "int8")


@pytest.mark.long
def test_every_setting_is_explained() -> None:
    """Fails: --help shows names and no meanings."""
    told = phin("web", "--help").out
    for said in ("The port to listen on", "Who may come", "Tunes in one answer", "sampler: greedy, nucleus, plain"):
        assert said in told


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_web_plays_the_newest_run_and_without_one_names_none(tmp_path: Path) -> None:
    """Fails: whoever has trained a second run hears the first; whoever has none is refused."""
    alone = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MAKE") and name not in ("ARGS", "MFLAGS")
    }

    def asked() -> str:
        command = ["make", "-f", ROOT / "Makefile", "-n", "web"]
        told = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, text=True)
        return told.stdout.splitlines()[-1].split("phin-web", 1)[1].strip()

    for needed in ("pyproject.toml", "constraints.txt"):
        (tmp_path / needed).touch()
    assert asked() == ""
    for age, name in ((50, "old"), (10, "new"), (30, "between")):
        saved = tmp_path / "runs" / name / "checkpoints" / "best.ckpt"
        saved.parent.mkdir(parents=True)
        saved.touch()
        os.utime(saved, (time.time() - age, time.time() - age))
    assert asked() == "checkpoint=runs/new"
