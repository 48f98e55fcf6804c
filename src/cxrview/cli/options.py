"""Options and arguments that several commands share, declared and checked once.

A command imports the ones it needs and uses them as annotations:

    from cxrview.cli.options import Jobs, Quiet, Seed, fraction

    def train(
        labels: Annotated[Path, typer.Argument(...)],
        share: Annotated[float, typer.Option(parser=fraction, metavar="P", help=...)] = 0.5,
        seed: Seed = 0,
        jobs: Jobs = None,    # None: one for each processor; pass it on to `engine_for`
        quiet: Quiet = False,
    ) -> None: ...

Metavars: N is a whole number, X a number, P a share from 0 to 1, PX pixels; FILE.csv, DIR, NAME and
so on are what the user writes; words in lower case, separated by |, are to be written as they are.

Their bounds hold for every command, so that a nonsense value ends in a message and exit status 2.
`fraction`, `positive` and `number` refuse NaN and infinity, which the ranges of Typer accept.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cxrview.limits import MAX_SEED

MAX_JOBS = 4096


class OutputFormat(StrEnum):
    """Format of the rows on stdout."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many unreadable images do not change the exit status: a number, or a share of all."""

    count: int = 0
    share: float = 0.0

    def covers(self, unreadable: int, images: int) -> bool:
        """Whether this many unreadable images of all are allowed."""
        return unreadable <= max(self.count, self.share * images)


def allowance(text: str) -> Allowance:
    """A number of images (12) or a share of them (0.5%)."""
    if text.endswith("%"):
        return Allowance(share=fraction(str(number(text[:-1]) / 100)))
    if not text.isdecimal():
        raise typer.BadParameter(f"{text} is neither a number of images nor a share such as 1%")
    return Allowance(int(text))


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    value = number(text)
    if not 0 <= value <= 1:
        raise typer.BadParameter(f"{text} is not a number from 0 to 1")
    return value


def positive(text: str) -> float:
    """A finite number greater than 0."""
    value = number(text)
    if not value > 0:
        raise typer.BadParameter(f"{text} is not greater than 0")
    return value


def number(text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise typer.BadParameter(f"{text} is not a number")
    return value


def file_path(text: str) -> Path:
    """A path that is not empty, as an unset variable in a script would make it."""
    if not text:
        raise typer.BadParameter("the path is empty")
    return Path(text)


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Import modules that need an extra of this package; MissingExtra where it is absent."""
    try:
        yield
    except ModuleNotFoundError as error:
        from cxrview.extras import missing_extra

        raise missing_extra(error, extra) from error


Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=0,
        max=MAX_JOBS,
        metavar="N",
        show_default="one per processor",
        help="Number of worker processes. 0: work in this process, where a file that crashes a "
        "decoder ends the run.",
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "--model", metavar="NAME|FILE", help="open, paper, or the path of a model file (.onnx)."
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        min=0,
        max=MAX_SEED,
        metavar="N",
        help="Seed of the random numbers. The same seed gives the same result.",
    ),
]
Device = Annotated[
    str, typer.Option(metavar="DEVICE", help="auto, cpu, or as torch names it (cuda).")
]
OutputFolder = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="DIR", parser=file_path, help="New folder for the results."
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show only errors, also those of unreadable images.")
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Also replace files that this command did not write, or that have changed since.",
    ),
]
AllowUnreadable = Annotated[
    Allowance | None,
    typer.Option(
        parser=allowance,
        metavar="N|P%",
        help="Exit with status 0 if at most so many images, or this share of them, are unreadable.",
        show_default="0",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]

# Of the commands that serve pages
MAX_PORT = 65_535
Port = Annotated[
    int, typer.Option("--port", min=0, max=MAX_PORT, metavar="N", help="Port. 0: any that is free.")
]
Host = Annotated[
    str,
    typer.Option(
        "--host",
        metavar="ADDRESS",
        help="Address to listen at. Beyond 127.0.0.1, everybody in the network who knows the "
        "password sees the images, and the connection is not encrypted.",
    ),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        parser=file_path,
        help="File with the password; needed with --host.",
    ),
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Only print the address.")]
