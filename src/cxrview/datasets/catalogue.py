"""The root of a collection -> its rows, and all that did not become one."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from cxrview.datasets.adapters import COLLECTIONS, Collection
from cxrview.datasets.entry import Entry
from cxrview.datasets.findings import Fault, Findings, Row
from cxrview.datasets.headers import HeaderLabel, claims_of, merged
from cxrview.datasets.index import Index, entries_in, index_of
from cxrview.datasets.tree import Tree
from cxrview.engines.outcomes import Engine
from cxrview.errors import MissingInput, WrongUse
from cxrview.views import View

Read = Callable[[Path, bytes, Engine], Findings]

_FAULTS = {"unknown_format": Fault.NO_DICOM, "no_pixels": Fault.NO_PIXELS}


def catalogue(name: str, root: Path, key: bytes, engine: Engine) -> Findings:
    """A collection by name and the folder that it lies in -> what was found there.

    key: for the pseudonyms of patients in `dicom`. Raises WrongUse for an unknown name, a root or
    an index that is not there, or an index that is no such table.
    """
    if name in COLLECTIONS:
        return _indexed(COLLECTIONS[name], root, engine)
    if name not in UNINDEXED:
        raise WrongUse(f"no collection {name!r}: {', '.join(NAMES)}")
    return UNINDEXED[name](root, key, engine)


def _start(tree: Tree) -> Findings:
    findings = Findings()
    for folder, reason in tree.refused:
        findings.complain(Fault.UNREADABLE, folder, reason)
    return findings


def _indexed(collection: Collection, root: Path, engine: Engine) -> Findings:
    """Images that an index names."""
    if not os.path.isdir(root):  # noqa: PTH112 - is_dir raises for long names
        raise MissingInput(f"{root}: no such folder")
    index, files = index_of(root, collection.indices)
    entries = (entry for file in files for entry in entries_in(file, index))
    first = next(entries, None)
    if first is None:
        raise WrongUse(f"{files[0]}: the index has no rows")
    tree = Tree(root)
    findings = _start(tree)
    found = _found(_chained(first, entries), tree, findings)
    if index.asks_headers:
        found = _asked(found, root, engine, findings)
    for file, entry in found.items():
        findings.rows.append(Row(file, entry.view, entry.patient, entry.original_view))
    _unnamed(tree, index, findings)
    return findings


def _chained(first: Entry, rest: Iterator[Entry]) -> Iterator[Entry]:
    yield first
    yield from rest


def _found(entries: Iterator[Entry], tree: Tree, findings: Findings) -> dict[str, Entry]:
    """File -> its entry; the first of several, as VinDr-CXR has one for each reader."""
    found: dict[str, Entry] = {}
    missing: set[str] = set()
    for entry in entries:
        file = tree.find(entry.places)
        if file is None:
            if entry.places[0] not in missing:
                findings.complain(Fault.MISSING, entry.places[0], "named in the index")
                missing.add(entry.places[0])
        elif found.setdefault(file, entry).view != entry.view:
            said = f"{found[file].original_view!r}, then {entry.original_view!r}"
            findings.complain(Fault.REPEATED, file, f"named twice: {said}")
    return found


def _asked(
    found: dict[str, Entry], root: Path, engine: Engine, findings: Findings
) -> dict[str, Entry]:
    """Entries completed by the headers of their files; unreadable ones are left out."""
    claims = claims_of((os.path.join(root, file) for file in found), b"", engine)  # noqa: PTH118
    complete = {}
    for (file, entry), claim in zip(found.items(), claims, strict=True):
        if claim.problem:
            findings.complain(Fault.UNREADABLE, file, claim.problem)
        else:
            complete[file] = merged(entry, claim, is_public=True)
    return complete


def _unnamed(tree: Tree, index: Index, findings: Findings) -> None:
    """What lies there and is named nowhere."""
    named = {row.file for row in findings.rows}
    named.update(problem.file for problem in findings.problems)
    for file in tree.files:
        if file not in named:
            findings.complain(Fault.UNNAMED, file, f"not in {', '.join(index.patterns)}")


def _folders(root: Path, key: bytes, engine: Engine) -> Findings:  # noqa: ARG001 - the form
    """Images sorted by hand: frontal/ and lateral/, with whatever lies below."""
    tree = Tree(root)
    if not any((root / view).is_dir() for view in View):
        raise MissingInput(f"{root}: looked for the folders {', '.join(View)}")
    findings = _start(tree)
    for file in tree.files:
        folder = file.partition("/")[0]
        if folder in set(View) and "/" in file:
            findings.rows.append(Row(file, folder, "", folder))
        else:
            findings.complain(Fault.UNNAMED, file, f"in neither of {', '.join(View)}")
    return findings


def _dicom(root: Path, key: bytes, engine: Engine) -> Findings:
    """Any tree of DICOM files: the views that their headers claim, patients under false names."""
    tree = Tree(root)
    findings = _start(tree)
    claims = claims_of((os.path.join(root, file) for file in tree.files), key, engine)  # noqa: PTH118
    for file, claim in zip(tree.files, claims, strict=True):
        _take_claim(file, claim, findings)
    return findings


def _take_claim(file: str, claim: HeaderLabel, findings: Findings) -> None:
    if claim.problem:
        fault = _FAULTS.get(claim.code, Fault.UNREADABLE)
        findings.complain(fault, file, claim.problem)
        return
    entry = merged(Entry((file,), "", "", ""), replace(claim), is_public=False)
    findings.rows.append(Row(file, entry.view, entry.patient, entry.original_view))


UNINDEXED: dict[str, Read] = {"folders": _folders, "dicom": _dicom}
NAMES = (*COLLECTIONS, *UNINDEXED)
