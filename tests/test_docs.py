"""The documentation agrees with the program: lines, links, commands, columns, public names."""

import ast
import re
import shlex
from pathlib import Path

import pytest

import cxrview
from command_reference import PAGE, commands, page

ROOT = Path(__file__).parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*DOCS, *sorted(ROOT.glob("*.md")), ROOT / "benchmarks" / "README.md",
         *sorted((ROOT / ".github").rglob("*.md"))]  # fmt: skip
LINE_LENGTH = 120
STANDALONE_OPTIONS = ("--help", "--version", "--install-completion", "--show-completion")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
IMPORTS = (ast.Import, ast.ImportFrom)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def slugs(text: str) -> set[str]:
    """Anchors of the headings of a page, as MkDocs and GitHub form them."""
    titles = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def long_lines(text: str) -> list[str]:
    """Lines over the limit; rows of tables are exempt, for they cannot be broken."""
    return [
        line for line in text.split("\n") if len(line) > LINE_LENGTH and not line.startswith("|")
    ]


def broken_links(text: str, path: Path) -> list[str]:
    """Links within the repository whose file or heading does not exist."""
    broken = []
    for target in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = path.parent / name
        is_there = there.exists()
        if is_there and anchor:
            is_there = anchor in slugs(there.read_text() if name else text)
        if not is_there:
            broken.append(target)
    return broken


def shell_lines(text: str) -> list[str]:
    """Every line of the shell blocks of a page that calls cxrview."""
    found = []
    for language, block in FENCE.findall(text):
        if language in ("console", "sh", "bash"):
            lines = block.replace("\\\n", " ").split("\n")
            found += [line.removeprefix("$ ") for line in lines]
    return [line for line in found if line.startswith("cxrview ")]


def mentions(text: str) -> list[str]:
    """Every `cxrview ...` of the inline code of a page; these may leave out required parts."""
    return re.findall(r"`(cxrview [a-z-][^`]*)`", FENCE.sub("", text))


def complaint(line: str, may_be_incomplete: bool = False) -> str:
    """Why the command line does not parse; empty if it does."""
    words = shlex.split(re.split(r"[|;&>]", line)[0], comments=True)[1:]
    words = [re.sub(r"^[A-Z]$|\$[A-Z_]+", "1", word) for word in words]  # `-n N`, `--jobs $CPUS`
    if not words or words[0] in STANDALONE_OPTIONS:
        return ""
    if words[0] not in commands():
        return f"no command {words[0]}"
    command = commands()[words[0]]
    hidden = [name for option in command.params if getattr(option, "hidden", False)
              for name in option.opts]  # fmt: skip
    if set(hidden) & set(words):
        return f"an old spelling: {set(hidden) & set(words)}"
    try:
        command.make_context(words[0], words[1:])
    except Exception as error:  # of whichever parser Typer brings
        if type(error).__name__ == "Exit":  # an option that prints and ends, as --show-recipe
            return ""
        if may_be_incomplete and type(error).__name__ == "MissingParameter":
            return ""
        return f"{type(error).__name__}: {getattr(error, 'message', error)}"
    return ""


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_lines_are_short_and_links_lead_somewhere(path):
    text = path.read_text()
    assert not long_lines(text)
    assert not broken_links(text, path)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_command_line_parses(path):
    text = path.read_text()
    found = {line: complaint(line) for line in shell_lines(text)}
    found |= {line: complaint(line, may_be_incomplete=True) for line in mentions(text)}
    assert not {line: why for line, why in found.items() if why}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_programs_and_targets_that_are_named_exist(path):
    text = path.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`(?:\$ )?make ([a-z-]+)", text)) <= targets
    programs = re.findall(r"\b((?:benchmarks|tools|tests|examples)/\w+\.(?:py|ipynb|toml))", text)
    assert not [program for program in programs if not (ROOT / program).is_file()]


def test_the_command_reference_is_up_to_date():
    assert PAGE.read_text() == page(), "make commands"


def test_every_column_and_error_code_is_documented():
    cells = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "columns.md").read_text(), re.MULTILINE)
    readme = (ROOT / "README.md").read_text()
    assert not [column for column in cxrview.COLUMNS if f"`{column}`" not in readme]
    codes = {error.code for error in all_subclasses(cxrview.UnreadableImage)}
    assert [cell for cell in cells if cell in cxrview.COLUMNS] == list(cxrview.COLUMNS)
    assert codes <= set(cells)


def all_subclasses(cls: type) -> list[type]:
    return [each for sub in cls.__subclasses__() for each in (sub, *all_subclasses(sub))]


def test_the_api_page_lists_the_public_names():
    listed = re.findall(
        r"^::: cxrview\.(\w+)", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE
    )
    assert sorted(listed) == sorted(name for name in cxrview.__all__ if name != "__version__")


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_python_examples_use_names_that_exist(path):
    for language, block in FENCE.findall(path.read_text()):
        if language == "python":
            tree = ast.parse(block)
            lines = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, IMPORTS)]
            exec("\n".join(line for line in lines if "cxrview" in line), {})  # noqa: S102
            assert set(re.findall(r"\bcxrview\.(\w+)\(", block)) <= set(cxrview.__all__)


def test_the_checks_find_what_is_wrong():
    assert long_lines("a" * 121) == ["a" * 121]
    assert long_lines("| " + "a" * 121 + " |") == []
    assert broken_links(
        "[a](none.md) [b](#there) [c](#not-there)\n# There", ROOT / "README.md"
    ) == ["none.md", "#not-there"]
    assert complaint("cxrview classify films --no-such-option")
    assert complaint("cxrview clasify films")
    assert complaint("cxrview classify -o views.csv")
    assert complaint("cxrview classify -o views.csv", may_be_incomplete=True) == ""
    assert complaint("cxrview classify films --sheet-images many")
    assert complaint("cxrview classify films -o views.csv | grep lateral") == ""
