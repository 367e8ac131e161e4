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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", [command for command in RUN if command != "convert help"])  # argparse is silent
def test_output_that_has_no_room_is_one_line(command: str, tmp_path: Path) -> None:
    """Fails: a full disk under a log file is told in twenty lines, or not at all."""
    ended = run(command, tmp_path, ">/dev/full")
    assert ended.returncode == 1
    (said,) = ended.stderr.splitlines()
    assert said.startswith(f"phin-{command.split()[0]}: the output cannot be written (No space left on device)")
