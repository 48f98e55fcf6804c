"""`cxrview summary`: the network's layers, shapes and parameters, as the paper's table has them."""

import typer


def summary() -> None:
    """Print the table of the network's layers with their output shapes and parameters."""
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
