"""Parts -> the rows of the table, in the order of the inputs."""

from collections.abc import Iterable, Iterator

from cxrview.errors import UnusableOutput, WrongUse
from cxrview.inference.chunks import Part
from cxrview.inference.run_folder import RunFolder
from cxrview.rows import Row

PLAN = "plan"


def joined(folder: RunFolder, parts: Iterable[Part]) -> Iterator[Row]:
    """All rows; raises UnusableOutput for a part that a disk has lost or spoilt."""
    for part in parts:
        made = folder.rows_of(part)
        if len(made) != len(part):
            folder.part_path(part).unlink(missing_ok=True)
            raise UnusableOutput(
                f"{folder.path}: the disk has spoilt a part of the run; the same command makes it "
                "again"
            )
        yield from (one.row for one in made)


def note_plan(folder: RunFolder, share: tuple[int, int], label: str, parts: list[Part]) -> None:
    """What one of several processes saw, for whoever joins."""
    names = [[part.name, len(part)] for part in parts]
    values = {"share": [*share], "label": label, "maker": folder.maker, "parts": names}
    folder.write(f"{PLAN}-{folder.share}.json", values)


def plan_of(folder: RunFolder) -> tuple[str, str, list[Part]]:
    """What all processes of an array saw -> label of the model, maker, parts.

    Raises WrongUse, saying which are missing, where they are not all there or saw other inputs.
    """
    plans = [folder.read(path.name) for path in sorted(folder.path.glob(f"{PLAN}-*.json"))]
    plans = [plan for plan in plans if plan]
    if not plans:
        raise WrongUse(f"{folder.path}: no part of a run with --part is there")
    newest = max(plans, key=lambda plan: (folder.path / _name(plan)).stat().st_mtime_ns)
    of = newest["share"][1]
    same = {plan["share"][0] for plan in plans if _saw(plan) == _saw(newest)}
    missing = [str(k) for k in range(1, of + 1) if k not in same]
    if missing:
        many = len(missing) > 1
        raise WrongUse(
            f"not done, or done with other inputs: part{'s' if many else ''} {', '.join(missing)} "
            f"of {of}: run {'them' if many else 'it'} (again) with --part"
        )
    parts, start = [], 0
    for name, count in newest["parts"]:
        parts.append(Part(name, start, start + count))
        start += count
    return newest["label"], newest["maker"], parts


def _name(plan: dict[str, list[int]]) -> str:
    number, of = plan["share"]
    return f"{PLAN}-{share_name(number, of)}.json"


def _saw(plan: dict[str, list[int]]) -> tuple[object, ...]:
    return plan["maker"], plan["parts"], plan["share"][1]


def share_name(number: int, of: int) -> str:
    """K, N -> K-of-N."""
    return f"{number}-of-{of}"
