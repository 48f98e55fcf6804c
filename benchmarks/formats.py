"""A folder of DICOM files -> what is decoded and what refused, by transfer syntax, as Markdown.

python benchmarks/formats.py FOLDER
"""

import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from cxrview.errors import UnreadableImage
from cxrview.limits import Limits
from cxrview.readers.decode import decode
from cxrview.readers.dicom_file import open_dicom
from cxrview.readers.transfer_syntaxes import TRANSFER_SYNTAXES
from cxrview.sources.find import Item, find


@dataclass
class Tally:
    """What became of the files of one transfer syntax."""

    decoded: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by error code


def syntax_of(item: Item) -> str:
    """The transfer syntax that the file claims, "" if it claims none."""
    with item.open() as stream:
        return open_dicom(stream, Limits()).transfer_syntax


def tally(items: list[Item]) -> dict[str, Tally]:
    found: dict[str, Tally] = defaultdict(Tally)
    for item in items:
        count = found[syntax_of(item)]
        try:
            with item.open() as stream:
                decode(stream)
        except UnreadableImage as error:
            count.refused[error.code] += 1
        else:
            count.decoded += 1
    return found


def table(found: dict[str, Tally]) -> Iterator[str]:
    yield "| transfer syntax | | decoded | refused |"
    yield "|---|---|---:|---|"
    for syntax, name in ((uid, known.name) for uid, known in TRANSFER_SYNTAXES.items()):
        if syntax in found:
            yield row(syntax, name, found[syntax])
    for syntax in sorted(found.keys() - TRANSFER_SYNTAXES.keys()):
        yield row(syntax, "unknown", found[syntax])
    decoded = sum(count.decoded for count in found.values())
    refused = sum(count.refused.total() for count in found.values())
    yield f"| all | | {decoded} | {refused} |"


def row(syntax: str, name: str, count: Tally) -> str:
    reasons = ", ".join(f"{n} {code}" for code, n in sorted(count.refused.items()))
    return f"| {syntax} | {name} | {count.decoded} | {reasons} |"


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # pydicom on headers that break a rule
    print("\n".join(table(tally(find(sys.argv[1:])))))
