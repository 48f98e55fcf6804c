"""No test depends on timing, and Hypothesis runs every test under the one profile of conftest."""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.py"))
MAY_SLEEP = {"waiting.py", "makers_engine.py"}  # the polling wait; items that hang on purpose


def name_of(node: ast.expr) -> str:
    """`a.b.c(...)`, `a.b.c` -> "a.b.c"."""
    return ast.unparse(node.func if isinstance(node, ast.Call) else node)


def sleeps(tree: ast.Module) -> list[str]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [name_of(call) for call in calls if name_of(call) in ("time.sleep", "sleep")]


def own_profiles(tree: ast.Module) -> list[str]:
    """Settings of Hypothesis that belong into the profile."""
    return [
        keyword.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and name_of(node) == "settings"
        for keyword in node.keywords
        if keyword.arg in ("deadline", "suppress_health_check", "derandomize", "print_blob")
    ]


def measured_times(tree: ast.Module) -> list[str]:
    """Assertions about elapsed time: `assert time.monotonic() - start < 2`."""
    asserts = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    tests = [ast.unparse(node.test) for node in asserts]
    return [test for test in tests if "time.monotonic()" in test or "time.perf_counter()" in test]


def fixtures_of_property_tests(tree: ast.Module) -> list[str]:
    """Arguments of `@given` tests that no strategy and no table of cases provides."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        calls = [each for each in node.decorator_list if isinstance(each, ast.Call)]
        drawn = [call for call in calls if name_of(call) == "given"]
        tables = [call for call in calls if name_of(call) == "pytest.mark.parametrize"]
        names = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
        provided = " ".join(ast.unparse(call.args[0]) for call in tables)
        for call in drawn:
            provided += " ".join(keyword.arg or "" for keyword in call.keywords)
            names = names[: len(names) - len(call.args)]  # positional strategies fill the last
            found += [f"{node.name}({name})" for name in names if name not in provided]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_test_depends_on_timing(path):
    tree = ast.parse(path.read_text())
    assert path.name in MAY_SLEEP or not sleeps(tree)
    assert path.name in MAY_SLEEP or not measured_times(tree)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_hypothesis_has_one_profile_and_no_fixtures(path):
    tree = ast.parse(path.read_text())
    assert path.name == "conftest.py" or not own_profiles(tree)
    assert not fixtures_of_property_tests(tree)


def test_violations_are_found():
    tree = ast.parse(
        "@settings(max_examples=9, deadline=None)\n"
        "@pytest.mark.parametrize('kind', 'ab')\n"
        "@given(st.integers())\n"
        "def test_a(content, kind, seed):\n"
        "    time.sleep(1)\n"
        "    assert time.monotonic() - start < 2\n"
    )
    assert sleeps(tree) == ["time.sleep"]
    assert own_profiles(tree) == ["deadline"]
    assert len(measured_times(tree)) == 1
    assert fixtures_of_property_tests(tree) == ["test_a(content)"]
