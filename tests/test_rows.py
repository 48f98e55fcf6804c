"""A row that is converted and converted back is the same row."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given

from cxrview.errors import UnreadableImage
from cxrview.filenames import escape_name, escaped_values, row_from_escaped, unescape_name
from cxrview.rows import COLUMN_MEANINGS, COLUMNS, Row, row_from_dict, row_to_dict
from cxrview.views import Verdict
from makers_row import a_failure, a_row, names, rows


@given(rows)
def test_a_row_survives_a_dict(row):
    assert row_from_dict(row_to_dict(row)) == row
    assert row_from_escaped(escaped_values(row)) == row


@given(names)
@example("\udce9")
@example("\\xe9")
@example("\\\udce9")
@example("\\x5cx80")
def test_any_name_is_escaped_as_valid_unicode_and_restored(name):
    escape_name(name).encode()
    assert unescape_name(escape_name(name)) == name


@given(names.filter(lambda name: "\\" not in name and not any(c >= "\udc80" for c in name)))
def test_an_ordinary_name_is_unchanged(name):
    assert escape_name(name) == name


def test_other_surrogates_are_replaced():
    assert escape_name("a\ud800") == "a\N{REPLACEMENT CHARACTER}"


def test_every_column_has_a_meaning():
    assert tuple(COLUMN_MEANINGS) == COLUMNS


@pytest.mark.parametrize("values", [{}, {"view": Verdict.LATERAL, "error": "damaged: so"}])
def test_a_row_has_a_view_or_an_error(values):
    with pytest.raises(ValueError, match="either a view or an error"):
        Row(file="a.png", **values)


def test_a_rotation_is_a_quarter_turn():
    with pytest.raises(ValueError, match="a rotation is one of"):
        a_row(rotation=45)


def test_values_are_plain():
    plain = {str, int, float, bool, type(None)}
    for row in (a_row(rotation=90, inverted=True), a_failure()):
        assert {type(value) for value in row_to_dict(row).values()} <= plain


DOCS = Path(__file__).parent.parent / "docs" / "columns.md"


def test_the_documents_hold_the_columns_as_they_are():
    plain = DOCS.read_text().replace("`", "")
    for name, meaning in COLUMN_MEANINGS.items():
        assert re.search(
            rf"^\| {name} \| \w+ \| {re.escape(meaning.replace('`', ''))} \|$", plain, re.MULTILINE
        )


def test_the_documents_hold_every_error_code():
    for error in UnreadableImage.__subclasses__():
        assert f"| `{error.code}` |" in DOCS.read_text()
