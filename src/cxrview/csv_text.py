"""A CSV table, as programs and spreadsheets write it -> its rows by column name; and lines of one.

The one reader for all tables that people bring along: label tables, tables of results, the indices
of public collections. Spreadsheets add a byte order mark or write UTF-16, separate with semicolons
or tabs, put `sep=;` into the first line, end lines with CR LF and turn 288 into 288.0.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from cxrview.errors import MissingInput, WrongUse

DELIMITERS = (",", ";", "\t")
MAX_FIELD_CHARACTERS = 1 << 20  # characters: PadChest contains whole reports
HEAD_BYTES = 256  # bytes that show the encoding
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # byte order marks
BINARY_SIGNATURES = (  # first bytes of what is given a name that ends in .csv by mistake
    (b"PK\3\4", "an Excel workbook or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (b"PAR1", "a Parquet file"),
    (b"\x1f\x8b", "a gzip file whose name does not end in .gz"),
)
# Not left to the csv module: with lines that end in a line feed, that of Python 3.11 writes a lone
# carriage return without quotes, and every reader takes it for the end of the line.
_NEEDS_QUOTES = re.compile(r'[",\r\n]')
_READ_ERRORS = (csv.Error, EOFError, UnicodeError, zlib.error, gzip.BadGzipFile)

TableRow = dict[str, str]  # column -> text, "" where the row ends before the column
Line = tuple[int, list[str]]  # line number in the file, a value for each column


def read_table(
    path: Path,
    needed: Sequence[str] = (),
    *,
    lower_case: bool = False,
    errors: list[str] | None = None,
) -> Iterator[tuple[int, TableRow]]:
    """Yield (line number, row) of a CSV table in UTF-8 or UTF-16, packed if it ends in .gz.

    needed: columns that must be there. lower_case: convert the names of columns to lower case.
    errors: receives what is wrong in single lines, which are then left out. Raises MissingInput if
    the file cannot be read, and WrongUse, naming file and cause, if it is no such table.
    """
    with open_table(path, needed, errors) as (names, lines):
        columns = [name.lower() for name in names] if lower_case else names
        _check_columns(path, columns, needed)
        for number, values in lines:
            yield number, dict(zip(columns, values, strict=True))


@contextmanager
def open_table(
    path: Path, expected: Sequence[str] = (), errors: list[str] | None = None
) -> Iterator[tuple[list[str], Iterator[Line]]]:
    """Open a CSV table -> names of its columns, and its lines, without those that have no value.

    The delimiter is that of `sep=`, else the comma, semicolon or tab that the header contains,
    preferably one that separates the expected columns. errors, and what it raises, also while
    lines are read: as `read_table`.
    """
    try:
        with _open_text(path) as text:
            csv.field_size_limit(MAX_FIELD_CHARACTERS)
            first, skipped = text.readline(MAX_FIELD_CHARACTERS), 0
            separator = first.rstrip("\r\n").removeprefix("sep=")
            if first.startswith("sep=") and len(separator) <= 1:
                first, skipped = text.readline(MAX_FIELD_CHARACTERS), 1
            else:
                separator = ""
            delimiter = separator or _delimiter(first, expected)
            reader = csv.reader(chain([first], text), delimiter=delimiter)
            names = [name.strip() for name in next(reader, [])]
            yield names, _lines(reader, len(names), skipped, path, errors)
    except _READ_ERRORS as error:
        raise WrongUse(f"{path}: not a CSV table: {_cause(error)}") from error
    except IsADirectoryError as error:
        raise MissingInput(f"{path}: a folder, not a table") from error
    except OSError as error:
        raise MissingInput(f"{path}: {error.strerror or error}") from error


def csv_field(text: str) -> str:
    """Return a value as RFC 4180 has it, quoted if it must be."""
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text


def cell_text(value: object) -> str:
    """Return a value as text: empty for None, true or false for a boolean."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def csv_line(values: Iterable[object]) -> str:
    """Return a line with a comma between the values and a line feed at its end."""
    return ",".join(csv_field(cell_text(one)) for one in values) + "\n"


def csv_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return the names of the columns and the rows, a line for each."""
    return "".join(map(csv_line, chain([columns], rows)))


def encoding_of(head: bytes) -> str:
    """Return the encoding of a text from its first bytes. Raises UnicodeError with the cause."""
    if head.startswith(UTF_16):
        return "utf-16"
    for magic, name in BINARY_SIGNATURES:
        if head.startswith(magic):
            raise UnicodeError(f"it is {name}")
    start = head[:16]  # of a header line, whose letters have a zero byte each in UTF-16
    if len(start) > 3 and not (any(start[::2]) and any(start[1::2])):
        raise UnicodeError("it is an image or another binary file, or UTF-16 without a byte order "
                           "mark, to be saved as UTF-8")  # fmt: skip
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


def identifier(text: str) -> str:
    """Return a number that is a name, such as a patient's, without the `.0` of a spreadsheet."""
    digits, _, fraction = text.partition(".")
    return digits if digits.isdecimal() and fraction in ("", "0") else text


def _open_text(path: Path) -> io.TextIOWrapper:
    file = gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # noqa: SIM115
    try:
        return io.TextIOWrapper(file, encoding_of(file.peek(HEAD_BYTES)[:HEAD_BYTES]), newline="")
    except BaseException:
        file.close()
        raise


def _lines(
    reader: Any, count: int, skipped: int, path: Path, errors: list[str] | None
) -> Iterator[Line]:
    """Yield lines of `count` values: short ones are padded, long ones are errors."""
    for values in reader:
        if len(values) != count:
            if any(values[count:]):
                error = (
                    f"line {reader.line_num + skipped}: {len(values)} values for {count} "
                    "columns; quote values that contain a delimiter"
                )
                if errors is None:
                    raise WrongUse(f"{path}, {error}")
                errors.append(error)
                continue
            values = [*values[:count], *[""] * (count - len(values))]
        if any(values):
            yield reader.line_num + skipped, values


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


def _cause(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        if error.encoding.startswith("utf-16"):
            return "UTF-16 text that breaks off"
        byte = error.object[error.start]
        return f"byte 0x{byte:02x} is not UTF-8; save the table as UTF-8"
    return str(error)
