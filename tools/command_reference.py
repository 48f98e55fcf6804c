"""Write docs/commands.md, the command reference, from the definitions of the commands themselves.

python tools/command_reference.py            # write the page
python tools/command_reference.py --check    # exit status 1 if the page is out of date
"""

import os
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.update(COLUMNS="120", NO_COLOR="1")  # help texts must not depend on the terminal

import typer

from cxrview.cli.main import app

PAGE = Path(__file__).parent.parent / "docs" / "commands.md"
WIDTH = 118
HEAD = """\
# Command reference

<!-- Written by tools/command_reference.py (`make commands`). Do not edit. -->

Every command also takes `-h` or `--help`. `cxrview --version` prints the version.

`N` is a whole number, `X` a number, `P` a share from 0 to 1, `PX` pixels. `FILE.csv`, `DIR`, `NAME`
and so on are what you write; words in lower case, separated by `|`, are to be written as they are.

`cxrview --install-completion` makes the Tab key complete commands, options and their values in the
shell that runs it (bash, zsh, fish); `cxrview --show-completion` prints the script instead.
"""
METAVARS = {
    "<int>": "N",
    "<int range>": "N",
    "<float>": "X",
    "<float range>": "X",
    "<str>": "TEXT",
    "<path>": "PATH",
}


def commands() -> dict[str, Any]:
    """Every subcommand that is not hidden, by name, in alphabetical order."""
    group: Any = typer.main.get_command(app)
    return {name: command for name, command in sorted(group.commands.items()) if not command.hidden}


def page() -> str:
    """The whole page as Markdown."""
    sections = ["\n".join(section(name, command)) for name, command in commands().items()]
    return "\n".join([HEAD, *sections])


def section(name: str, command: Any) -> Iterator[str]:
    """Lines of the section of one command: usage, description, arguments, options."""
    context = command.make_context(name, [], resilient_parsing=True)
    records = [record_of(parameter, context) for parameter in command.params]
    arguments = [metavar for kind, metavar, _ in records if kind == "argument" and metavar]
    usage = " ".join(["cxrview", name, "[OPTIONS]", *arguments])
    yield f"## {name}\n"
    yield f"```text\n{usage}\n```\n"
    for paragraph in re.split(r"\n\s*\n", (command.help or "").strip()):
        example = paragraph.removeprefix("Example: ")
        is_example = example != paragraph
        yield f"```console\n$ {example}\n```\n" if is_example else wrapped(paragraph) + "\n"
    for title, wanted in (("Arguments", "argument"), ("Options", "option")):
        found = [
            wrapped(f"- `{names}`: {description}", indent="  ")
            for kind, names, description in records
            if kind == wanted and names
        ]
        if found:
            yield f"**{title}**\n"
            yield "\n".join(found) + "\n"


def record_of(parameter: Any, context: Any) -> tuple[str, str, str]:
    """Kind (argument or option), spelling and description; empty texts for a hidden parameter."""
    kind = parameter.param_type_name
    record = parameter.get_help_record(context)
    if record is None:
        return kind, "", ""
    names, description = (" ".join(text.split()) for text in record)
    if kind == "argument":
        names = re.sub(r" <[^>]*>$", "", names)
    for metavar, replacement in METAVARS.items():
        names = names.replace(metavar, replacement)
    description = re.sub(
        r"\[([^\[\]]*(?:default|required|x[<>]=?)[^\[\]]*)\]$", r"(\1)", description
    )
    return kind, names, re.sub(r"(\d)<=x", r"\1 <= x", re.sub(r"x([<>]=?)", r"x \1 ", description))


def wrapped(text: str, indent: str = "") -> str:
    """One paragraph or list item, in lines of at most WIDTH characters, special ones escaped."""
    plain = " ".join(text.split())
    parts = plain.split("`")  # what stands between backticks is not escaped
    parts[::2] = [re.sub(r"([*_<>\[\]|])", r"\\\1", part) for part in parts[::2]]
    return textwrap.fill(
        "`".join(parts),
        WIDTH,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def main() -> int:
    """Write or check the page; returns the exit status."""
    content = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(content, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == content:
        return 0
    sys.stderr.write(f"{PAGE} is out of date: make commands\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
