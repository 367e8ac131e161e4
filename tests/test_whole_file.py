"""Files are there whole or not at all, and a disk without room is said as what it is, whoever was writing."""

import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
import torch

from phin.errors import CannotWrite
from phin.training.checkpointing import WholeCheckpoints
from phin.training.metrics_file import MetricsFile
from phin.whole_file import whole_file, whole_files, whole_folder, write_text

ROOM = 10_000


@pytest.fixture
def little_room() -> Iterator[None]:
    """The system takes no file of more than ROOM bytes, as a full disk would not."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def of_plain_bytes(file: BinaryIO) -> None:
    file.write(bytes(2 * ROOM))


def of_torch(file: BinaryIO) -> None:
    torch.save({"weight": torch.zeros(ROOM)}, file)


@pytest.mark.usefixtures("little_room")
@pytest.mark.parametrize("write", [of_plain_bytes, of_torch])
def test_a_file_that_there_is_no_room_for_leaves_the_one_before(
    tmp_path: Path, write: Callable[[BinaryIO], None]
) -> None:
    """Fails: a full disk ends in a traceback of torch's writer, or costs the checkpoint that was there."""
    path = tmp_path / "last.ckpt"
    write_text(path, "the one before")
    with (
        pytest.raises(CannotWrite, match=r"last\.ckpt: cannot be written \(File too large\)"),
        whole_file(path) as partial,
        partial.open("wb") as file,
    ):
        write(file)
    assert [found.name for found in tmp_path.iterdir()] == ["last.ckpt"]
    assert path.read_text() == "the one before"


@pytest.mark.usefixtures("little_room")
def test_a_checkpoint_that_there_is_no_room_for(tmp_path: Path) -> None:
    """Fails: Lightning's own way, through memory and the system's temporary files, is taken again."""
    with pytest.raises(CannotWrite, match=r"last\.ckpt"):
        WholeCheckpoints().save_checkpoint({"weight": torch.zeros(ROOM)}, tmp_path / "last.ckpt")
    assert not list(tmp_path.iterdir())


def log_on(logger: MetricsFile) -> None:
    for step in range(ROOM):
        logger.log_metrics({"loss": 1 / 3}, step)


@pytest.mark.usefixtures("little_room")
def test_a_row_that_there_is_no_room_for_is_not_taken_for_the_terminals_fault(tmp_path: Path) -> None:
    """Fails: the run says that its output cannot be written, and means its table."""
    logger = MetricsFile(str(tmp_path / "metrics.csv"))
    with pytest.raises(CannotWrite, match=r"metrics\.csv: cannot be written"):
        log_on(logger)


def write_two(folder: Path) -> None:
    with whole_files(folder) as desk:
        write_text(desk / "a", "second")
        raise OSError(28, "No space left on device")


def test_of_several_files_all_are_there_or_none(tmp_path: Path) -> None:
    """Fails: a comparison's page is of today, and its table of yesterday."""
    folder = tmp_path / "there" / "comparison"
    with whole_files(folder) as desk:
        write_text(desk / "a", "first")
        write_text(desk / "b", "first")
    with pytest.raises(CannotWrite, match="No space left"):
        write_two(folder)
    assert {file.name: file.read_text() for file in folder.iterdir()} == {"a": "first", "b": "first"}
    with pytest.raises(CannotWrite), whole_files(tmp_path / "new"):
        raise OSError(28, "No space left on device")
    assert not (tmp_path / "new").exists()


def test_what_else_goes_wrong_stays_what_it_is(tmp_path: Path) -> None:
    """Fails: a fault of ours is blamed on the disk."""
    with pytest.raises(RuntimeError, match="ours"), whole_file(tmp_path / "x"):
        raise RuntimeError("ours")
    with pytest.raises(ValueError, match="ours"), whole_folder(tmp_path / "y"):
        raise ValueError("ours")
    assert not list(tmp_path.iterdir())
