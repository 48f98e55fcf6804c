"""Verdicts from probabilities, and views from header fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrview.images import HeaderFields, HeaderView, header_view_of
from cxrview.views import (
    VIEW_CODES,
    VIEW_POSITIONS,
    Agreement,
    Thresholds,
    Verdict,
    View,
    agreement,
    decide,
    view_of_code,
    view_of_orientation,
    view_of_position,
)

shares = st.floats(0, 1)


@pytest.mark.parametrize(("p_lateral", "p_chest", "verdict"), [
    (0.00, 1.0, "frontal"),
    (0.05, 1.0, "frontal"),      # thresholds are inclusive
    (0.051, 1.0, "uncertain"),
    (0.50, 1.0, "uncertain"),
    (0.949, 1.0, "uncertain"),
    (0.95, 1.0, "lateral"),
    (1.00, 0.5, "lateral"),
    (1.00, 0.499, "not_chest"),  # the gate decides first
    (0.00, 0.0, "not_chest"),
    (1.00, float("nan"), "not_chest"),
    (float("nan"), 1.0, "uncertain"),
])  # fmt: skip
def test_verdicts(p_lateral, p_chest, verdict):
    assert decide(p_lateral, p_chest, Thresholds()) == verdict


@given(shares, shares, shares)
def test_a_higher_probability_never_makes_it_less_lateral(one, other, p_chest):
    order = [Verdict.FRONTAL, Verdict.UNCERTAIN, Verdict.LATERAL]
    low, high = (decide(p, p_chest, Thresholds()) for p in sorted((one, other)))
    if low is not Verdict.NOT_CHEST:
        assert order.index(low) <= order.index(high)


@pytest.mark.parametrize("values", [
    {"frontal": 0.6, "lateral": 0.4}, {"frontal": -0.1}, {"lateral": 1.1}, {"chest": 2.0},
    {"frontal": 0.5, "lateral": 0.5},
])  # fmt: skip
def test_thresholds_out_of_order_cannot_be_built(values):
    with pytest.raises(ValueError, match="threshold"):
        Thresholds(**values)


@pytest.mark.parametrize(("verdict", "header", "expected"), [
    ("frontal", "frontal", "agree"),
    ("lateral", "lateral", "agree"),
    ("frontal", "lateral", "conflict"),
    ("lateral", "frontal", "conflict"),
    ("uncertain", "lateral", "absent"),
    ("not_chest", "lateral", "absent"),
    ("frontal", None, "absent"),
    (None, "frontal", "absent"),
])  # fmt: skip
def test_agreement(verdict, header, expected):
    found = agreement(verdict and Verdict(verdict), header and View(header))
    assert found is Agreement(expected)


@pytest.mark.parametrize(("text", "view"), [
    ("PA", "frontal"), ("ap", "frontal"), (" AP_PORTABLE ", "frontal"), ("LLD", "frontal"),
    ("LL", "lateral"), ("Lateral", "lateral"), ("left  lateral", "lateral"),
    ("RAO", None), ("", None), ("SWIMMERS", None), ("AP AXIAL", None),
])  # fmt: skip
def test_view_positions(text, view):
    assert view_of_position(text) == view


@pytest.mark.parametrize(("code", "view"), [
    ("399348003", "frontal"), ("R-10206", "frontal"), ("r-10236 ", "lateral"),
    ("399067008", "lateral"), ("399135007", None), ("", None),
])  # fmt: skip
def test_view_codes(code, view):
    assert view_of_code(code) == view


@pytest.mark.parametrize(("text", "view"), [
    ("L\\F", "frontal"), ("R\\H", "frontal"), ("A\\F", "lateral"), ("P\\FL", "lateral"),
    ("H\\L", "frontal"), ("F\\A", "lateral"),  # lying on the side
    ("L\\P", None), ("A", None), ("", None), ("L\\F\\H", None), ("X\\F", None),
])  # fmt: skip
def test_orientations(text, view):
    assert view_of_orientation(text) == view


@pytest.mark.parametrize(("tags", "view", "source"), [
    ({}, None, ""),
    ({"view_position": "PA"}, "frontal", "ViewPosition"),
    ({"view_position": "RAO", "view_code": "R-10236"}, "lateral", "ViewCodeSequence"),
    ({"patient_orientation": "A\\F"}, "lateral", "PatientOrientation"),
    ({"view_position": "LL", "patient_orientation": "L\\F"}, "lateral", "ViewPosition"),
])  # fmt: skip
def test_the_most_direct_tag_wins(tags, view, source):
    assert header_view_of(HeaderFields(**tags)) == HeaderView(view and View(view), source)


def test_table_keys_are_normalized():
    assert all(view_of_position(text) is view for text, view in VIEW_POSITIONS.items())
    assert all(view_of_code(code) is view for code, view in VIEW_CODES.items())
