"""Weights & Biases: offline unless the person is logged in, in the run's folder, under the run's name."""

from pathlib import Path
from unittest.mock import MagicMock

import pytest

from phin.training.loggers import is_logged_in, wandb_logger


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without any login."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    return tmp_path


def login(home: Path, host: str) -> None:
    file = home / ".netrc"
    file.write_text(f"machine {host} login user password 0123\n", encoding="utf-8")
    file.chmod(0o600)


def test_nobody_is_logged_in_at_first() -> None:
    """Fails: a newcomer's first training stops to ask for a key."""
    assert not is_logged_in()


def test_a_key_in_the_environment_is_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: who is logged in finds nothing online."""
    monkeypatch.setenv("WANDB_API_KEY", "0123")
    assert is_logged_in()


@pytest.mark.parametrize("mode", ["offline", "disabled"])
def test_who_asked_to_be_offline_is_offline(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """Fails: notes leave a machine whose owner said no."""
    monkeypatch.setenv("WANDB_API_KEY", "0123")
    monkeypatch.setenv("WANDB_MODE", mode)
    assert not is_logged_in()


def test_a_login_file_is_a_login_for_its_host_alone(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: another program's login is taken for one to W&B, and training stops to ask for a key."""
    login(nobody, "example.org")
    assert not is_logged_in()
    login(nobody, "api.wandb.ai")
    assert is_logged_in()


def test_a_broken_login_file_is_no_login(nobody: Path) -> None:
    """Fails: somebody else's file in the home folder stops training."""
    (nobody / ".netrc").write_text("machine\n", encoding="utf-8")
    assert not is_logged_in()


def test_the_logger_is_offline_for_nobody_and_writes_into_the_run(tmp_path: Path) -> None:
    """Fails: curves are lost, or lie where nobody looks."""
    run = tmp_path / "runs" / "first"
    logger = wandb_logger("phin", str(run))
    assert run.is_dir()
    assert logger._offline
    assert logger.save_dir == str(run)
    assert logger._name == "runs-first"


def test_wandb_is_asked_for_nothing_that_it_warns_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: each training begins with a warning of a setting that nobody has set."""
    asked: dict[str, object] = {}
    monkeypatch.setattr("wandb.init", lambda **settings: asked.update(settings) or MagicMock())
    _ = wandb_logger("phin", str(tmp_path)).experiment
    assert asked["project"] == "phin"
    assert "anonymous" not in asked
