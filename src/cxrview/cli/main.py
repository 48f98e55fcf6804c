"""The command `cxrview`: its subcommands, and the last door for errors.

Everything heavy is imported inside the commands, so that `cxrview --help` is instant.
"""

import os
import signal
import sys
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cxrview import __version__
from cxrview.cli.classify import classify
from cxrview.cli.compare import compare
from cxrview.cli.dataset import dataset
from cxrview.cli.evaluate import evaluate
from cxrview.cli.extend import extend
from cxrview.cli.info import info
from cxrview.cli.join import join
from cxrview.cli.phantom import phantom
from cxrview.cli.sample import sample
from cxrview.cli.stats import stats
from cxrview.cli.summary import summary
from cxrview.cli.train import train
from cxrview.errors import CxrviewError

WRONG_USE = 2
INTERRUPTED = 128 + signal.SIGINT
ENDED = 128 + signal.SIGTERM
NOBODY_READS = 128 + signal.SIGPIPE


class Commands(TyperGroup):
    """The subcommands; none of them ends in a traceback over something that was foreseen."""

    def invoke(self, ctx: Any) -> Any:
        """Run one; translate what it raises into a line and an exit status."""
        try:
            return super().invoke(ctx)
        except CxrviewError as error:
            typer.echo(f"cxrview: {error}", err=True)
            raise typer.Exit(WRONG_USE) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(INTERRUPTED) from error
        except BrokenPipeError as error:  # `cxrview classify ... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(NOBODY_READS) from error


app = typer.Typer(
    cls=Commands,
    help="Frontal or lateral, for every chest X-ray in a collection.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # frames around the help cost a third of the time to show it
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(is_wanted: bool) -> None:
    """Print the version and leave."""
    if is_wanted:
        typer.echo(f"cxrview {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options that stand before the subcommand."""


for command in (
    classify, compare, dataset, evaluate, extend, info, join, phantom, sample, stats, summary,
    train,
):  # fmt: skip
    app.command()(command)


def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the form of a handler
    """A polite request to end, as batch queues send it: leave by the way that tidies up."""
    raise SystemExit(128 + number)


def run() -> None:
    """Entry point of the command line."""
    signal.signal(signal.SIGTERM, end)
    app()
