"""Files are opened, or refused in one line, whatever they hold."""

import os
from pathlib import Path

import pytest

from phin.errors import Defect, InvalidMidi, InvalidTune
from phin.music.opening import bytes_of


def test_a_file_is_read_whole_up_to_what_it_may_have(tmp_path: Path) -> None:
    """Fails: the last byte is lost; or a strange file fills the memory."""
    path = tmp_path / "tune"
    path.write_bytes(b"12345")
    assert bytes_of(path) == bytes_of(path, most=5) == b"12345"
    with pytest.raises(InvalidMidi, match="has more than 4 bytes") as refused:
        bytes_of(path, 4, InvalidMidi)
    assert refused.value.defect is Defect.TOO_LARGE


@pytest.mark.parametrize("kind", ["nothing", "a folder", "a pipe", "a link to nothing"])
def test_what_is_no_file_is_refused_by_name_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    """Fails: the program waits for ever, or tells of a fault of its own."""
    path = tmp_path / "tune"
    if kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a link to nothing":
        path.symlink_to(tmp_path / "gone")
    with pytest.raises(
        InvalidTune, match=r"tune: cannot be opened \(.*\)\. (Check the path|Name a file in it)"
    ) as refused:
        bytes_of(path)
    assert refused.value.defect is Defect.UNREADABLE
