"""A run's folder: what is begun in it, what it is of, and the files that appear in it whole."""

import json
from dataclasses import dataclass
from pathlib import Path

from cxrview.atomic import atomic_write, translate_os_errors
from cxrview.errors import UnusableOutput, WrongUse
from cxrview.training.memory import Memory

STATE = "state"  # what a run that was broken off goes on from
BEGUN = "begun.json"
MODEL = "model.onnx"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder that belongs to one order."""

    path: Path
    created: str  # ISO date on which the run was begun

    @property
    def model(self) -> Path:
        """The last file to appear."""
        return self.path / MODEL

    @property
    def is_done(self) -> bool:
        """Whether a model stands in it."""
        return self.model.exists()

    def memory(self, name: str) -> Memory:
        """Where the state of one net's training is kept."""
        return Memory(self.state / f"{name.replace(' ', '-')}.pt")

    @property
    def state(self) -> Path:
        """The folder of what is only needed until the model stands."""
        return self.path / STATE

    def write(self, name: str, content: str | bytes) -> Path:
        """One file, whole or not at all; raises UnusableOutput."""
        path = self.path / name
        with atomic_write(path) as file:
            data = content.encode() if isinstance(content, str) else content
            with translate_os_errors(path):
                file.write(data)
        return path


def open_run(path: Path, mark: str, today: str) -> RunFolder:
    """A new folder, or the one that the same order was begun in.

    Raises WrongUse if another order was begun there, UnusableOutput if it cannot be written or
    holds other people's files.
    """
    begun = path / STATE / BEGUN
    if begun.is_file():
        return _begun(path, begun, mark)
    with translate_os_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        held = [one.name for one in path.iterdir() if one.name != STATE]
        if held:
            raise UnusableOutput(f"{path}: the folder holds files already; name a new one")
        begun.parent.mkdir(exist_ok=True)
    folder = RunFolder(path, today)
    folder.write(f"{STATE}/{BEGUN}", json.dumps({"mark": mark, "created": today}))
    return folder


def _begun(path: Path, begun: Path, mark: str) -> RunFolder:
    try:
        told = json.loads(begun.read_text())
        found, created = str(told["mark"]), str(told["created"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnusableOutput(f"{begun} cannot be read: name a new folder") from error
    if found != mark:
        raise WrongUse(
            f"{path}: another training was begun here (other labels, recipe, seed, options or "
            "version): name a new folder"
        )
    return RunFolder(path, created)
