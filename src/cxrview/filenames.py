r"""Any file name <-> text that every table format and every reader of UTF-8 accepts.

File names are bytes. Python holds bytes that are no UTF-8 as lone surrogates, which no file format
takes. They are written as `\xE9` would be in a program; a name that already holds such letters has
its backslash written as `\x5c`, so that every name comes back as it was. All others stay.
"""

import re
from typing import Any

from cxrview.rows import Row, row_from_dict, row_to_dict

_STRANGE = re.compile(r"[\ud800-\udfff]|\\(?=x(?:5c|[89a-f][0-9a-f]))")
_SPELT = re.compile(r"\\x(5c|[89a-f][0-9a-f])")
_TEXTS = ("file", "header_source", "error", "model")  # all other text is ours, and plain
_NUL_OF_BYTES = 0xDC00  # surrogateescape (PEP 383): byte b is U+DC00 + b


def escape_name(text: str) -> str:
    """Text, perhaps with undecodable bytes -> valid Unicode."""
    if text.isascii() and "\\" not in text:  # nearly all are, of millions
        return text
    return _STRANGE.sub(_spelt, text)


def unescape_name(text: str) -> str:
    """The inverse of `spell`."""
    if "\\" not in text:
        return text
    return _SPELT.sub(_plain, text)


def _spelt(match: re.Match[str]) -> str:
    if match[0] == "\\":
        return r"\x5c"
    byte = ord(match[0]) - _NUL_OF_BYTES
    return rf"\x{byte:02x}" if 0x80 <= byte <= 0xFF else "\N{REPLACEMENT CHARACTER}"


def _plain(match: re.Match[str]) -> str:
    byte = int(match[1], 16)
    return "\\" if byte == ord("\\") else chr(_NUL_OF_BYTES + byte)


def spelt_values(row: Row) -> dict[str, Any]:
    """Row -> values by column that every format takes."""
    values = row_to_dict(row)
    for name in _TEXTS:
        values[name] = escape_name(values[name])
    return values


def row_of_values(values: dict[str, Any]) -> Row:
    """The inverse of `spelt_values`; also takes the all-text values of a CSV file."""
    return row_from_dict(
        {
            name: unescape_name(value) if isinstance(value, str) else value
            for name, value in values.items()
        }
    )
