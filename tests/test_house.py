"""The floors of the house: imports run downhill, absolute, from the file that defines the name."""

import ast
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "src" / "cxrview"
FLOORS: list[set[str]] = [
    {"errors", "views"},
    {"images", "rows", "labels", "aside"},
    {"readers", "model", "phantom", "evaluation", "engines"},
    {"pipeline", "training", "labelling"},
    {"service", "assessment", "comparison", "datasets", "stats"},
    {"cli"},
]
CRAFTS = FLOORS[2]
BANNED = {"utils", "helpers", "common", "core", "manager", "base", "misc"}
FILES = sorted(HOUSE.rglob("*.py"))
FACES = {HOUSE / "__init__.py", HOUSE / "__main__.py"}


def room(module: str) -> str:
    return module.split(".")[1]


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


def module_of(path: Path) -> str:
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> list[tuple[str, list[str], bool]]:
    """(module, names, stands at the top) of each import of our own."""
    tree = ast.parse(path.read_text())
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {path}"
            if (node.module or "").split(".")[0] == "cxrview":
                found.append((node.module, [a.name for a in node.names], node in tree.body))
        elif isinstance(node, ast.Import):
            found += [
                (a.name, [], node in tree.body)
                for a in node.names
                if a.name.split(".")[0] == "cxrview"
            ]
    return found


INSIDE = [path for path in FILES if path not in FACES]


@pytest.mark.parametrize("path", INSIDE, ids=module_of)
def test_imports_run_downhill_and_not_through_a_face(path):
    here = room(module_of(path))
    for module, names, _ in imports(path):
        if module == "cxrview":
            assert names == ["__version__"], f"{path} imports {names} through the face"
            continue
        target = HOUSE.parent / (module.replace(".", "/") + ".py")
        assert target.is_file(), f"{path} imports {names} through the face of {module}"
        there = room(module)
        if there != here:
            assert floor(there) < floor(here), f"{module_of(path)} -> {module} runs uphill"


@pytest.mark.parametrize("path", INSIDE, ids=module_of)
def test_every_file_stands_in_a_room_with_a_true_name(path):
    parts = module_of(path).split(".")
    floor(parts[1])
    assert not BANNED & set(parts)


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_lazy_imports_stand_in_cli_only(path):
    if module_of(path).split(".")[1:2] in (["cli"], []) or path in FACES:
        return
    tree = ast.parse(path.read_text())
    inner = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and node not in tree.body
    ]
    assert not inner, f"{path}: line {inner[0].lineno}"


def test_no_circles():
    graph = {module_of(p): {m for m, _, _ in imports(p)} for p in INSIDE}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module in done:
            return
        for target in graph.get(module, ()):
            visit(target, (*trail, module))
        done.add(module)

    for module in graph:
        visit(module, ())
