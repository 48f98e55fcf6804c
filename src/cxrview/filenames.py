r"""Any file name <-> text that every table format and every reader of UTF-8 accepts.

File names are bytes. Python represents bytes that are not UTF-8 as lone surrogates, which no table
format accepts. They are written as escapes, such as `\xe9`; in a name that already holds such an
escape the backslash is written as `\x5c`, so that every name can be restored. Other names stay.
"""

import re
from typing import Any

from cxrview.rows import Row, row_from_dict, row_to_dict

_TO_ESCAPE = re.compile(r"[\ud800-\udfff]|\\(?=x(?:5c|[89a-f][0-9a-f]))")
_ESCAPED = re.compile(r"\\x(5c|[89a-f][0-9a-f])")
_TEXT_COLUMNS = ("file", "header_source", "error", "warning", "reason", "model")
_NUL_OF_BYTES = 0xDC00  # surrogateescape (PEP 383): byte b is U+DC00 + b


def escape_name(text: str) -> str:
    """Text that may hold undecodable bytes -> valid Unicode."""
    if text.isascii() and "\\" not in text:  # fast path for nearly all names
        return text
    return _TO_ESCAPE.sub(_escape_match, text)


def unescape_name(text: str) -> str:
    """The inverse of `escape_name`."""
    if "\\" not in text:
        return text
    return _ESCAPED.sub(_restore_match, text)


def is_utf8(name: str) -> bool:
    """Whether a name is UTF-8, so that a label table, which has no escapes, can hold it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _escape_match(match: re.Match[str]) -> str:
    if match[0] == "\\":
        return r"\x5c"
    byte = ord(match[0]) - _NUL_OF_BYTES
    return rf"\x{byte:02x}" if 0x80 <= byte <= 0xFF else "\N{REPLACEMENT CHARACTER}"


def _restore_match(match: re.Match[str]) -> str:
    byte = int(match[1], 16)
    return "\\" if byte == ord("\\") else chr(_NUL_OF_BYTES + byte)


def printable(text: str) -> str:
    """Text for a terminal: control characters, which could move the cursor, become escapes."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in escape_name(text)
    )


def escaped_values(row: Row) -> dict[str, Any]:
    """Row -> values by column that every table format accepts."""
    values = row_to_dict(row)
    for name in _TEXT_COLUMNS:
        values[name] = escape_name(values[name])
    return values


def row_from_escaped(values: dict[str, Any]) -> Row:
    """The inverse of `escaped_values`; also accepts the all-text values of a CSV file."""
    return row_from_dict(
        {
            name: unescape_name(value)
            if name in _TEXT_COLUMNS and isinstance(value, str)
            else value
            for name, value in values.items()
        }
    )
