"""Inputs that tools in this field have garbled or refused: the picture, or the true reason."""

import csv
import os
from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from cxrview.errors import UnreadableImage
from cxrview.inference.classification import row_of
from cxrview.model.classifier import load
from cxrview.readers.decode import decode
from cxrview.sources.find import item_of_bytes
from makers_cases import CASES, IMPLAUSIBLE, lateral
from readers_makers import assert_shows, read

READ = [case for case in CASES if not case.refused]
REFUSED = [case for case in CASES if case.refused]


@pytest.fixture(scope="module")
def classifier():
    return load()


@pytest.mark.parametrize("case", READ, ids=str)
def test_the_picture_is_read(case):
    radiograph = read(case.make())
    assert_shows(radiograph, lateral(16), case.tolerance)
    codes = {warning.partition(":")[0] for warning in radiograph.warnings}
    assert case.warning == "*" or codes == ({case.warning} if case.warning else set())


@pytest.mark.parametrize("case", READ[::6], ids=str)
def test_the_verdict_is_lateral(case, classifier):
    row = row_of(item_of_bytes("case", case.make()), classifier)
    assert (row.view, row.error) == ("lateral", "")
    assert row.p_lateral > 0.97


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_cannot_be_read_is_refused_for_its_true_reason(case):
    with pytest.raises(UnreadableImage) as raised:
        read(case.make())
    assert raised.value.code == case.refused


@pytest.mark.parametrize("case", IMPLAUSIBLE, ids=str)
def test_what_no_header_tells_is_doubted(case):
    warnings = read(case.make()).warnings
    assert {warning.partition(":")[0] for warning in warnings} == {case.warning}


def test_each_kind_has_siblings():
    kinds = Counter(case.kind for case in (*READ, *IMPLAUSIBLE))
    assert len(kinds) == 10
    assert min(kinds.values()) >= 4


def folder() -> Path:
    """The inputs made from public reports: `cases`, a sibling of the data."""
    data = os.environ.get("CXRVIEW_DATA")
    shared = Path(data).parent if data else Path(__file__).parents[2] / "shared"
    return shared / "cases" / "readers"


def expectations() -> list[dict[str, str]]:
    index = folder() / "expect.csv"
    if not index.is_file():
        return []
    with index.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.skipif(not expectations(), reason=f"no cases in {folder()} (set CXRVIEW_DATA)")
@pytest.mark.parametrize("case", expectations(), ids=lambda case: case["file"])
def test_the_cases_of_public_reports(case, classifier):
    data = (folder() / case["file"]).read_bytes()
    row = row_of(item_of_bytes(case["file"], data), classifier)
    if case["file"].startswith("14_"):
        assert decode(BytesIO(data)).warnings[0].startswith("suspect: high and low bytes")
        return
    assert row.view == "lateral", row.error
    if "288x269" in case["expected"]:
        assert (row.width, row.height) == (288, 269)


def test_phantom_is_no_symmetric_picture():
    """Mirrored, turned or inverted reading would be seen."""
    pixels = lateral(8).astype(float)
    for other in (pixels[::-1], pixels[:, ::-1], 255 - pixels):
        assert np.abs(pixels - other).mean() > 10
