"""The layers of DESIGN: imports go only to higher layers, absolute, from the defining module."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "cxrview"
LAYERS: list[set[str]] = [  # each imports only from those above it, or from inside itself
    {"errors", "views"},
    {"csv_text"},
    {"limits", "images", "rows", "labels", "atomic", "extras"},
    {"filenames"},
    {"readers", "sources", "model", "engines", "metrics", "report"},
    {"phantom"},
    {"inference", "datasets"},
    {"evaluation", "stats", "audit"},
    {"training"},
    {"labeling"},
    {"comparison"},
    {"pages"},
    {"cli"},
]
BANNED = {"utils", "helpers", "common", "core", "manager", "base", "misc"}
FILES = sorted(PACKAGE.rglob("*.py"))
PUBLIC_MODULES = {PACKAGE / "__init__.py", PACKAGE / "__main__.py"}


def subpackage(module: str) -> str:
    return module.split(".")[1]


def layer_of(name: str) -> int:
    return next(number for number, names in enumerate(LAYERS) if name in names)


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> list[tuple[str, list[str], bool]]:
    """(module, names, is at module level) of each import of our own."""
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


INSIDE = [path for path in FILES if path not in PUBLIC_MODULES]


@pytest.mark.parametrize("path", INSIDE, ids=module_of)
def test_imports_go_to_higher_layers_and_the_defining_module(path):
    here = subpackage(module_of(path))
    for module, names, _ in imports(path):
        if module == "cxrview":
            assert names == ["__version__"], f"{path} imports {names} through the package"
            continue
        target = PACKAGE.parent / (module.replace(".", "/") + ".py")
        assert target.is_file(), f"{path} imports {names} through the package {module}"
        there = subpackage(module)
        if there != here:
            assert layer_of(there) < layer_of(here), (
                f"{module_of(path)} imports {module} of a lower layer"
            )


def test_every_layer_exists():
    assert set().union(*LAYERS) == {subpackage(module_of(path)) for path in INSIDE}


@pytest.mark.parametrize("path", INSIDE, ids=module_of)
def test_every_module_belongs_to_a_layer(path):
    parts = module_of(path).split(".")
    layer_of(parts[1])
    assert not BANNED & set(parts)


def optional(tree: ast.AST) -> list[ast.AST]:
    """Imports in a `try` that handles ModuleNotFoundError: of what an extra installs."""
    return [
        node
        for attempt in ast.walk(tree)
        if isinstance(attempt, ast.Try)
        and any("ModuleNotFoundError" in ast.unparse(h.type) for h in attempt.handlers if h.type)
        for node in attempt.body
    ]


START_TIME = {  # (package, what it may import in functions): each would slow down every start
    ("readers", "pydicom"),  # 0.17 s, for few files
    ("inference", "cxrview.readers.decode"),  # 0.07 s, in the process that only hands out work
    ("inference", "cxrview.inference.contact_sheet"),
    ("inference", "cxrview.inference.upright"),  # pydicom
}


def is_for_start_time(node: ast.AST, path: Path) -> bool:
    module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
    return any(
        path.parent.name == package and (module + ".").startswith(name + ".")
        for package, name in START_TIME
    )


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_lazy_imports_only_in_cli_and_where_named(path):
    if module_of(path).split(".")[1:2] in (["cli"], []) or path in PUBLIC_MODULES:
        return
    tree = ast.parse(path.read_text())
    inner = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and node not in tree.body
        and node not in optional(tree)
        and not is_for_start_time(node, path)
    ]
    assert not inner, f"{path}: line {inner[0].lineno}"


def test_no_circular_imports():
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
