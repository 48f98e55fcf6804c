"""A CSV table, as programs and spreadsheets write it -> its rows by column name.

The one reader for all tables that people bring along: label tables, tables of results, the indices
of public collections. Spreadsheets add a byte order mark or write UTF-16, separate with semicolons
or tabs, put `sep=;` into the first line, end lines with CR LF and turn 288 into 288.0.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from cxrview.errors import MissingInput, WrongUse

DELIMITERS = (",", ";", "\t")
LONGEST_FIELD = 1 << 20  # characters: PadChest contains whole reports
HEAD = 256  # bytes that show the encoding
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # byte order marks
NO_TEXT = (  # first bytes of what is given a name that ends in .csv by mistake
    (b"PK\3\4", "an Excel workbook or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (b"PAR1", "a Parquet file"),
    (b"\x1f\x8b", "a gzip file whose name does not end in .gz"),
)
_UNREADABLE = (csv.Error, EOFError, UnicodeError, zlib.error, gzip.BadGzipFile)

Row = dict[str, str]  # column -> text, "" where the row ends before the column


def read_table(
    path: Path, needed: Sequence[str] = (), *, lower_case: bool = False
) -> Iterator[tuple[int, Row]]:
    """Yield (line number, row) of a CSV table in UTF-8 or UTF-16, packed if it ends in .gz.

    The delimiter is that of `sep=`, else the comma, semicolon or tab that the header contains.
    Rows without any value are skipped. needed: columns that must be there. lower_case: convert
    the names of columns to lower case. Raises MissingInput if the file cannot be read, and
    WrongUse, naming file and cause, if it is no such table.
    """
    try:
        with _opened(path) as text:
            yield from _rows(text, path, needed, lower_case)
    except _UNREADABLE as error:
        raise WrongUse(f"{path}: not a CSV table: {_cause(error)}") from error
    except OSError as error:
        raise MissingInput(f"{path}: {error.strerror or error}") from error


def encoding_of(head: bytes) -> str:
    """Return the encoding of a text from its first bytes. Raises UnicodeError with the cause."""
    if head.startswith(UTF_16):
        return "utf-16"
    for magic, name in NO_TEXT:
        if head.startswith(magic):
            raise UnicodeError(f"it is {name}")
    if b"\0" in head:
        raise UnicodeError("it contains zero bytes, as UTF-16 without a byte order mark does")
    return "utf-8-sig"


def number(text: str) -> float:
    """Return a number with a decimal point or comma. Raises ValueError if it is none."""
    return float(text.replace(",", ".") if "." not in text else text)


def integer(text: str) -> int:
    """Return an integer, also where it is written as `288.0`. Raises ValueError if it is none."""
    if text.isdecimal():
        return int(text)
    value = number(text)
    if not value.is_integer():  # also infinity and not-a-number
        raise ValueError(f"{text!r} is not an integer")
    return int(value)


def _opened(path: Path) -> io.TextIOWrapper:
    file = gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # noqa: SIM115
    try:
        return io.TextIOWrapper(file, encoding_of(file.peek(HEAD)[:HEAD]), newline="")
    except BaseException:
        file.close()
        raise


def _rows(
    text: io.TextIOWrapper, path: Path, needed: Sequence[str], lower_case: bool
) -> Iterator[tuple[int, Row]]:
    csv.field_size_limit(LONGEST_FIELD)
    first, skipped = text.readline(), 0
    separator = first.rstrip("\r\n").removeprefix("sep=")
    if first.startswith("sep=") and len(separator) <= 1:
        first, skipped = text.readline(), 1
    else:
        separator = ""
    delimiter = separator or _delimiter(first, needed)
    reader = csv.reader(chain([first], text), delimiter=delimiter)
    names = [name.strip() for name in next(reader, [])]
    names = [name.lower() for name in names] if lower_case else names
    _check_columns(path, names, needed)
    for values in reader:
        if any(values):
            if len(values) != len(names):
                _pad(values, len(names), f"{path}, line {reader.line_num + skipped}")
            yield reader.line_num + skipped, dict(zip(names, values, strict=False))


def _delimiter(header: str, needed: Sequence[str]) -> str:
    """Return the most frequent delimiter, preferably one that separates the needed columns."""
    candidates = sorted(DELIMITERS, key=header.count, reverse=True)
    for delimiter in candidates:
        names = next(csv.reader([header], delimiter=delimiter), [])
        if {*needed} <= {name.strip().lower() for name in names}:
            return delimiter
    return candidates[0]


def _check_columns(path: Path, names: Sequence[str], needed: Sequence[str]) -> None:
    for column in needed:
        if column not in names:
            found = ", ".join(repr(name) for name in names[:12] if name)
            raise WrongUse(f"{path}: no column {column!r}; the first line has {found or 'none'}")
        if names.count(column) > 1:
            raise WrongUse(f"{path}: several columns {column!r}")


def _pad(values: list[str], count: int, where: str) -> None:
    """Append empty values to a short row; WrongUse for a row with more values than columns."""
    if any(values[count:]):
        raise WrongUse(
            f"{where}: {len(values)} values for {count} columns; quote values with a delimiter"
        )
    values += [""] * (count - len(values))


def _cause(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        if error.encoding.startswith("utf-16"):
            return "UTF-16 text that breaks off"
        byte = error.object[error.start]
        return f"byte 0x{byte:02x} is not UTF-8; save the table as UTF-8"
    return str(error)
