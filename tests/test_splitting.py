"""A split parts no patient, holds what it promises, and obeys the table that brings its own."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrview.errors import WrongUse
from cxrview.labels import read_labels
from cxrview.training.recipe import DEFAULT_RECIPE, PAPER_RECIPE, SplitRecipe
from cxrview.training.splitting import TEST, TRAINING, VALIDATION, split_at_random, split_labels
from makers_labels import labels_of

TABLE = Path("labels.csv")
patients = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(any), min_size=1, max_size=60
)


def counts(labels, parts):
    """(3, 2): frontals and laterals of each part."""
    lateral = np.array([label.is_lateral for label in labels])
    return [[int((parts == i)[lateral == side].sum()) for side in (False, True)] for i in range(3)]


@given(patients, st.integers(0, 2**32 - 1))
def test_no_patient_is_in_two_parts(patients, seed):
    labels = labels_of(patients)
    parts = split_at_random(labels, SplitRecipe(training=0.6, validation=0.2), seed)
    seen = defaultdict(set)
    for label, part in zip(labels, parts, strict=True):
        seen[label.patient].add(int(part))
    assert all(len(where) == 1 for where in seen.values())


@pytest.mark.parametrize(
    ("patients", "expected"),
    [
        # enough of both: the paper's own numbers, the rest for testing
        ([(2, 1)] * 400 + [(1, 0)] * 300 + [(0, 1)] * 300,
         [[451, 409], [113, 103], [536, 188]]),
        # few laterals: theirs by shares
        ([(1, 0)] * 600 + [(0, 1)] * 40, [[451, 24], [113, 8], [36, 8]]),
        ([(1, 0)] * 50 + [(0, 1)] * 50, [[30, 30], [10, 10], [10, 10]]),
    ],
)  # fmt: skip
def test_the_papers_numbers_where_the_table_is_large_enough(patients, expected):
    labels = labels_of(patients)
    assert counts(labels, split_at_random(labels, PAPER_RECIPE.split, seed=1)) == expected


def test_everything_is_used_where_shares_add_up_to_one():
    labels = labels_of([(3, 1)] * 20)
    parts = split_at_random(labels, SplitRecipe(), seed=0)
    assert not (parts == TEST).any()
    assert counts(labels, parts)[:2] == [[48, 16], [12, 4]]


def test_the_seed_decides():
    labels = labels_of([(1, 1)] * 40)
    first, again, other = (split_at_random(labels, SplitRecipe(), seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def with_splits(labels, splits):
    return [
        replace(label, split=split, line=line)
        for line, (label, split) in enumerate(zip(labels, splits, strict=True), start=2)
    ]


def test_a_table_may_bring_its_own_split():
    labels = with_splits(
        labels_of([(1, 1), (1, 0), (0, 1)]), ["training"] * 2 + ["validation", "test"]
    )
    parts = split_labels(labels, PAPER_RECIPE, 0, TABLE)
    assert parts.tolist() == [TRAINING, TRAINING, VALIDATION, TEST]


@pytest.mark.parametrize(
    ("patients", "splits", "words"),
    [
        ([(2, 1)], ["training", "test", "training"],
         r"line 3: 0-frontal-1.png: patient p0 is in test here and in training in line 2"),
        ([(1, 1)], ["training", ""], "line 3: 0-lateral-0.png: no split"),
        ([(1, 0), (0, 1)], ["training", "test"], "no lateral image to train on"),
        ([(5, 0)], [""] * 5, "no lateral image to train on"),
        ([(0, 5)], [""] * 5, "no frontal image to train on"),
    ],
)  # fmt: skip
def test_splits_that_cannot_be(patients, splits, words):
    with pytest.raises(WrongUse, match=words):
        split_labels(with_splits(labels_of(patients), splits), PAPER_RECIPE, 0, TABLE)


def test_phantoms_stand_for_a_view_without_labels():
    parts = split_labels(labels_of([(5, 0)]), DEFAULT_RECIPE, 0, TABLE)
    assert sorted(set(parts.tolist())) == [TRAINING]  # of one patient


def test_the_column_split_is_read_in_the_fields_spellings(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("file,view,split\na.png,frontal,Train\nb.png,lateral,val\nc.png,frontal,\n"
                     "d.png,lateral,excluded\n")  # fmt: skip
    assert [label.split for label in read_labels(table)] == ["training", "validation", "", "test"]
    table.write_text("file,view,split\na.png,frontal,holdout\n")
    with pytest.raises(WrongUse, match="line 2: the split is 'holdout', expected one of training"):
        read_labels(table)


@pytest.mark.parametrize(
    "wrong", [{"training": 0.9}, {"training": 0}, {"frontals": (-1, 3)}, {"validation": -0.1}]
)
def test_shares_that_cannot_be(wrong):
    with pytest.raises(ValueError):
        SplitRecipe(**wrong)
