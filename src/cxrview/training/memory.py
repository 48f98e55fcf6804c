"""The state of a training on the disc, whole after each pass: a pass is the most that is lost."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from cxrview.atomic import atomic_write
from cxrview.errors import WrongUse
from cxrview.training.groups import Lesson
from cxrview.training.net import Net
from cxrview.training.recipe import Schedule


@dataclass(frozen=True, slots=True)
class Memory:
    """One file, replaced whole each time."""

    path: Path

    def keep(self, mark: str, state: dict[str, Any]) -> None:
        """Write the state of the course with this mark; raises UnusableOutput."""
        with atomic_write(self.path) as file:
            torch.save({"mark": mark, "state": state}, file)

    def recall(self, mark: str) -> dict[str, Any] | None:
        """The state that was kept, None where there is none yet; raises WrongUse if of another."""
        if not self.path.exists():
            return None
        try:
            kept = torch.load(self.path, map_location="cpu", weights_only=True)
            found, state = kept["mark"], kept["state"]
        except (OSError, RuntimeError, UnpicklingError, EOFError, KeyError, TypeError) as error:
            raise WrongUse(f"{self.path} cannot be read: remove it to begin again") from error
        if found != mark:
            raise WrongUse(
                f"{self.path} is of a training with other images, another recipe, seed or version: "
                "name a new folder"
            )
        return dict(state)


def fingerprint_of(
    lesson: Lesson, held: Lesson | None, schedule: Schedule, seed: int, start: Net | None
) -> str:
    """A digest of all that decides the end of a course."""
    digest = hashlib.sha256(f"{asdict(schedule)} {seed} {torch.__version__}".encode())
    for one in (lesson, held):
        if one is not None:
            for array in (one.pictures, one.classes, one.weights):
                digest.update(array.tobytes())
    if start is not None:
        for weights in start.state_dict().values():
            digest.update(weights.numpy().tobytes())
    return digest.hexdigest()
