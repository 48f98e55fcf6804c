"""A run's folder, and the checkpoints in it from which an interrupted training resumes."""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from cxrview.atomic import atomic_write, translate_os_errors
from cxrview.errors import UnusableOutput, WrongUse

# What torch raises for damaged bytes; not MemoryError, which says nothing about them
_DAMAGE_ERRORS = (ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError,
                  RuntimeError, TypeError, UnpicklingError, ValueError, struct.error)  # fmt: skip
STATE_FOLDER = "state"  # what an interrupted run resumes from
STARTED_FILE = "started.json"
MODEL_FILE = "model.onnx"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of one network's training in a file that is replaced whole after each epoch."""

    path: Path

    def save(self, fingerprint: str, state: dict[str, Any]) -> None:
        """Write the state of the training with this fingerprint; raises UnusableOutput."""
        with atomic_write(self.path) as file:
            torch.save({"fingerprint": fingerprint, "state": state}, file)

    def load(self, fingerprint: str) -> dict[str, Any] | None:
        """Return the saved state or None.

        Raises WrongUse for the state of another training, and for a file that cannot be read.
        """
        if not self.path.exists():
            return None
        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            found, state = saved["fingerprint"], saved["state"]
            if not isinstance(state, dict):
                raise TypeError
        except _DAMAGE_ERRORS as error:
            raise WrongUse(f"{self.path} cannot be read: remove it to start again") from error
        if found != fingerprint:
            raise WrongUse(
                f"{self.path} is of a training with other images, another recipe, seed or version: "
                "name a new folder"
            )
        return state


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder that belongs to one training run."""

    path: Path
    created: str  # ISO date on which the run was started

    @property
    def model(self) -> Path:
        """The last file to appear."""
        return self.path / MODEL_FILE

    @property
    def is_complete(self) -> bool:
        """Whether the model exists."""
        return self.model.exists()

    @property
    def state(self) -> Path:
        """The folder of what is needed only until the model exists."""
        return self.path / STATE_FOLDER

    def write(self, name: str, content: str | bytes) -> Path:
        """Write one file, whole or not at all; raises UnusableOutput."""
        path = self.path / name
        with atomic_write(path) as file:
            data = content.encode() if isinstance(content, str) else content
            with translate_os_errors(path):
                file.write(data)
        return path

    def remove_state(self) -> None:
        """Delete checkpoints and caches; what identifies the run stays."""
        with translate_os_errors(self.state):
            for path in sorted(self.state.rglob("*"), reverse=True):
                if path.is_dir():
                    path.rmdir()
                elif path.name != STARTED_FILE:
                    path.unlink()

    def discard(self, names: Sequence[str]) -> None:
        """Delete the state, these files, and the folder if nothing else is in it."""
        self.remove_state()
        with translate_os_errors(self.path):
            for path in (self.state / STARTED_FILE, *(self.path / name for name in names)):
                path.unlink(missing_ok=True)
            self.state.rmdir()
            if not any(self.path.iterdir()):
                self.path.rmdir()


def today() -> str:
    """Return the ISO date for a card."""
    return datetime.now(UTC).date().isoformat()


def open_run(path: Path, fingerprint: str) -> RunFolder:
    """Return a new folder, or the one in which the same run was started.

    Raises WrongUse if another run was started there, UnusableOutput if it cannot be written or
    holds other files.
    """
    started = path / STATE_FOLDER / STARTED_FILE
    if started.is_file():
        return _reopen_run(path, started, fingerprint)
    with translate_os_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        if any(entry.name != STATE_FOLDER for entry in path.iterdir()):
            raise UnusableOutput(f"{path}: the folder holds files already; name a new one")
        started.parent.mkdir(exist_ok=True)
    folder = RunFolder(path, today())
    content = json.dumps({"fingerprint": fingerprint, "created": folder.created})
    folder.write(f"{STATE_FOLDER}/{STARTED_FILE}", content)
    return folder


def _reopen_run(path: Path, started: Path, fingerprint: str) -> RunFolder:
    try:
        values = json.loads(started.read_text())
        found, created = str(values["fingerprint"]), str(values["created"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnusableOutput(f"{started} cannot be read: name a new folder") from error
    if found != fingerprint:
        raise WrongUse(
            f"{path}: another training was started here (other labels, images, recipe, seed, "
            "options or version): name a new folder"
        )
    return RunFolder(path, created)
