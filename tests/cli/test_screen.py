"""Where nobody reads on, or nothing more can be written, a command ends without a page."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from phin.cli.screen import READER_LEFT

RUN = {
    "convert": ["tune.txt", "tune.mid"],
    "convert help": ["--help"],
    "generate help": ["--help"],
    "generate settings": ["--cfg", "job"],
}


def run(command: str, desk: Path, out: str) -> subprocess.CompletedProcess[str]:
    """A command, its output going where a shell sends it."""
    name = command.split()[0]
    (desk / "tune.txt").write_text("| - - - ล | - ด - ร |\n", encoding="utf-8")
    line = f"import sys; sys.argv[0] = 'phin-{name}'; from phin.cli.{name} import main; main()"
    script = f'"$@" {out}; exit ${{PIPESTATUS[0]}}'
    arguments = ["bash", "-c", script, "bash", sys.executable, "-c", line, *RUN[command]]
    return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120, cwd=desk)


@pytest.mark.parametrize("command", RUN)
def test_a_reader_that_has_left_is_no_mistake(command: str, tmp_path: Path) -> None:
    """Fails: `phin-generate --help | head` ends in a traceback."""
    ended = run(command, tmp_path, "| true" if command == "convert" else "| head -c 1")
    assert ended.stderr == ""
    assert ended.returncode in (0, READER_LEFT)  # 0 where all had been said before it left


def test_a_reader_that_leaves_while_tunes_are_told_is_no_mistake(tmp_path: Path) -> None:
    """Fails: `phin-generate | head -1` has Hydra say that an error came up in a job."""
    line = "import sys; sys.stdout.reconfigure(line_buffering=True); from phin.cli.generate import main; main()"
    asked = ["count=1", "lines=1", "formats=[mid]"]
    arguments = ["bash", "-c", '"$@" | true; exit ${PIPESTATUS[0]}', "bash", sys.executable, "-c", line, *asked]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (READER_LEFT, "")


def test_an_interrupt_before_a_command_has_begun_is_one_line(tmp_path: Path) -> None:
    """Fails: who mistyped, and sees it while torch is loaded, gets a page of torch's files, or is not heard at all."""
    of_a_shell = "import os, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    script = "sys.argv[0] = '/bin/phin-train'; import phin.cli\ntry: os.kill(os.getpid(), 2)\nexcept: print('mine')"

    def ended(line: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", of_a_shell + line]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    at_once = ended(script)
    assert (at_once.stdout, at_once.stderr) == ("", "phin-train: interrupted\n"), "no library takes it for its own"
    assert at_once.returncode == -signal.SIGINT, "which shells know as 130"
    assert ended(script.replace("phin-train", "pytest")).stdout == "mine\n", "whose own affair it is"
    begun = "sys.argv[0] = '/bin/phin-train'; from phin.cli.interrupts import loaded, loading\nloaded()\n"
    late = ended(f"{begun}with loading('interrupted; go on'): os.kill(os.getpid(), 2)")
    assert late.stderr == "phin-train: interrupted; go on\n", "what a sweep has to say"
    again = f"{begun}with loading(''): pass\nos.kill(os.getpid(), 2)"
    assert "KeyboardInterrupt" in ended(again).stderr, "a command hears of it, and says how it goes on"


def ended_of(command: str, line: str, desk: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that is played a trick on by a line of Python before it begins."""
    of_a_shell = "import os, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"
    name = f"sys.argv[0] = '/bin/phin-{command}'"
    script = "\n".join([of_a_shell, name, line, f"from phin.cli.{command} import main; main()"])
    run = [sys.executable, "-c", script, *arguments]
    return subprocess.run(run, capture_output=True, text=True, check=False, timeout=120, cwd=desk)


def test_an_interrupt_while_the_engine_is_loaded_is_one_line(tmp_path: Path) -> None:
    """Fails: Ctrl-C a second after phin-generate began is fifty lines, since pybind11 makes an ImportError of it."""
    (tmp_path / "onnxruntime.py").write_text(
        "import signal\n"
        "try: signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt as error: raise ImportError('initialization failed') from error\n"
    )
    ended = ended_of("generate", f"sys.path.insert(0, {str(tmp_path)!r})", tmp_path)
    assert (ended.stdout, ended.stderr) == ("", "phin-generate: interrupted\n")
    assert ended.returncode == -signal.SIGINT


@pytest.mark.parametrize(("number", "said"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "stopped")])
@pytest.mark.parametrize("command", ["convert", "generate"])
def test_who_is_stopped_while_it_writes_leaves_nothing_half_written(
    tmp_path: Path, command: str, number: signal.Signals, said: str
) -> None:
    """Fails: after a `timeout` or a queue's SIGTERM hidden files lie beside the tunes, which nobody ever removes; or
    what is interrupted in a picture's libraries is told in fifty lines.
    """
    (tmp_path / "tune.txt").write_text("| - - - ล | - ด - ร |\n", encoding="utf-8")
    trick = f"""
from phin.music.writers import WRITERS
from phin.whole_file import whole_file
def write(tune, path):
    with whole_file(path) as partial:
        partial.touch()
        try: signal.raise_signal({int(number)})
        except BaseException as error: raise ImportError("initialization failed") from error
WRITERS[".wav"] = write
"""
    asked = ["tune.txt", "tune.wav"] if command == "convert" else ["count=1", "lines=1", "formats=[mid,wav]"]
    ended = ended_of(command, trick, tmp_path, *asked)
    assert ended.stderr.splitlines()[-1] == f"phin-{command}: {said}"
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 128 + number
    assert [file.name for file in tmp_path.iterdir()] == ["tune.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", [command for command in RUN if command != "convert help"])  # argparse is silent
def test_output_that_has_no_room_is_one_line(command: str, tmp_path: Path) -> None:
    """Fails: a full disk under a log file is told in twenty lines, or not at all."""
    ended = run(command, tmp_path, ">/dev/full")
    assert ended.returncode == 1
    (said,) = ended.stderr.splitlines()
    assert said.startswith(f"phin-{command.split()[0]}: the output cannot be written (No space left on device)")
