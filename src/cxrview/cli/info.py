"""`cxrview info` and `cxrview summary`: version, model card, formats, columns; the layers."""

from typing import Any

import typer

from cxrview import __version__
from cxrview.cli.options import AsJson, Model
from cxrview.model.card import DEFAULT_MODEL
from cxrview.rows import COLUMN_MEANINGS, IDENTITY_MEANINGS

FORMATS: dict[str, str] = {
    "DICOM": "with and without preamble; uncompressed, deflated, RLE, JPEG (8 and 12 bit, "
    "lossless), JPEG-LS, JPEG 2000, HTJ2K, JPEG XL",
    "JPEG": "also lossless and 12 bit, JPEG-LS, JPEG XL",
    "JPEG 2000": "JP2 and codestreams, also HTJ2K",
    "PNG": "1 to 16 bit",
    "TIFF": "also BigTIFF; of several pages the largest, of equal ones the middle one",
    "BMP": "",
    "archives": "zip, tar, tar.gz, tar.bz2, tar.xz: each member is an image",
}
EXIT_CODES: dict[int, str] = {
    0: "all images were classified",
    1: "more could not be read than --allow-unreadable; their rows give the reason",
    2: "wrong use: nothing was started, or the output could not be written",
    130: "interrupted (143: ended by SIGTERM); with -o, the same command continues from there",
}


def info(model: Model = DEFAULT_MODEL, as_json: AsJson = False) -> None:
    """Show the model card, the formats read, the columns of the table and the exit codes.

    Example: cxrview info --model open
    """
    import json

    from cxrview.model.classifier import load

    classifier = load(model)
    if as_json:
        facts = facts_of(classifier.label, classifier.card.as_dict())
        typer.echo(json.dumps(facts, indent=1))
        return
    typer.echo(f"cxrview {__version__}, model {classifier.label}\n\n{classifier.card.text()}")
    for title, table in (
        ("formats read", FORMATS), ("columns", COLUMN_MEANINGS),
        ("columns with --ids", IDENTITY_MEANINGS), ("exit codes", EXIT_CODES),
    ):  # fmt: skip
        typer.echo(f"\n{title}\n{two_columns(table)}")


def facts_of(label: str, card: dict[str, Any]) -> dict[str, Any]:
    """Everything that is printed, as plain values."""
    return {
        "version": __version__,
        "model": label,
        "card": card,
        "formats": FORMATS,
        "columns": COLUMN_MEANINGS,
        "columns_with_ids": IDENTITY_MEANINGS,
        "exit_codes": {str(code): meaning for code, meaning in EXIT_CODES.items()},
    }


def two_columns(table: dict[Any, str]) -> str:
    """Name and meaning, line by line."""
    width = max(len(str(name)) for name in table)
    return "\n".join(f"  {name!s:<{width}}  {meaning}".rstrip() for name, meaning in table.items())


def summary() -> None:
    """Print the layers of the paper's network with their output shapes and parameters.

    For the network of a model, see info.

    Example: cxrview summary
    """
    from cxrview.model.layers import PAPER_NETWORK, SIDE, Dense, parameter_count, summarize

    row = "{:<24}{:<14}{:>10}  {}".format
    typer.echo(row("layer", "output", "parameters", "activation"))
    typer.echo(row("input", f"{SIDE}, {SIDE}, 3", 0, "grey, repeated three times"))
    for line in summarize(PAPER_NETWORK):
        name, output = line.layer.name, ", ".join(map(str, line.output_shape))
        is_conv = line.parameters and not isinstance(line.layer, Dense)
        activation = "relu" if is_conv else getattr(line.layer, "activation", "")
        typer.echo(row(name, output, f"{line.parameters:,}", activation).rstrip())
    typer.echo(row("total, all trainable", "", f"{parameter_count(PAPER_NETWORK):,}", "").rstrip())
