"""Samples to label depend on the seed alone, contain readable images and name the reason."""

import csv
import re
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cxrview.cli import progress
from cxrview.cli.main import app
from cxrview.inference.table_writers import open_table_writer
from cxrview.labeling.active_learning import (
    THUMBNAIL_SIDE,
    DrawReason,
    Features,
    select_images,
    typical_images,
)
from cxrview.model.preprocess import mirror_correlation
from makers_collections import IMAGE, put
from makers_film import collection, png
from makers_model import model_bytes
from makers_row import a_row


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.onnx").write_bytes(model_bytes())
    collection(tmp_path / "films")
    return tmp_path


def sample(*words):
    command = ["sample", *words, "--jobs", "0", "--model", "plain.onnx"]
    return CliRunner().invoke(app, list(map(str, command)))


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("how", ["random", "typical"])
def test_a_folder_gives_a_table_to_fill_in(place, how):
    result = sample("films", "-n", 6, "--how", how, "-o", "to_label.csv")
    assert result.exit_code in (0, 1), result.output
    table = rows(place / "to_label.csv")
    assert list(table[0]) == [
        "file", "view", "patient", "source", "licence", "original_view", "split", "rotation",
        "inverted", "reason",
    ]  # fmt: skip
    assert len({row["file"] for row in table}) == 6
    assert all((place / row["file"]).is_file() and not row["view"] for row in table)
    assert not any(row["file"].startswith("films/d/") for row in table)


def test_names_that_look_like_escapes_or_hold_line_ends_are_sampled(place):
    names = [r"lit\xe9.png", "cr\rx.png"]
    for name in names:
        put(place / "odd", name, png("frontal"))
    result = sample("odd", "-n", 2, "-o", "to_label.csv")
    assert result.exit_code == 0, result.output
    assert {row["file"] for row in rows(place / "to_label.csv")} == {
        f"odd/{name}" for name in names
    }


@pytest.mark.parametrize("how", ["random", "typical"])
def test_the_progress_is_shown(place, how, monkeypatch):
    monkeypatch.setattr(progress, "FIRST_LINE_SECONDS", 0.0)
    result = sample("films", "-n", 6, "--how", how, "-o", "to_label.csv")
    assert re.match(r"1 of [0-9]+, .* images/s, .* left\n", result.stderr)


@pytest.mark.parametrize("how", ["random", "typical"])
def test_the_sample_depends_on_the_seed(place, how):
    drawn = []
    for seed in (3, 3, 4):
        sample("films", "-n", 4, "--how", how, "--seed", seed, "-o", f"{len(drawn)}.csv")
        drawn.append([row["file"] for row in rows(place / f"{len(drawn)}.csv")])
    assert drawn[0] == drawn[1] != drawn[2]


def test_unreadable_images_are_named_and_replaced(place):
    result = sample("films", "-n", 9, "-o", "t.csv")
    assert result.exit_code == 1
    assert len(rows(place / "t.csv")) == 9
    assert len(rows(place / "t.problems.csv")) == 3
    assert "films/d/empty.png: unknown_format" in result.stderr


def test_fewer_than_asked_for_is_reported(place):
    result = sample("films/b", "-n", 50, "-o", "t.csv")
    assert result.exit_code == 0
    assert "fewer than 50" in result.stderr
    assert len(rows(place / "t.csv")) == 3


def test_patient_and_source_of_a_label_table_are_copied(place):
    text = "file,view,patient,source\nb/a frontal.png,frontal,p1,x\nb/uncertain.png,other,p2,y\n"
    (place / "films" / "labels.csv").write_text(text)
    assert sample("films/labels.csv", "-n", 2, "-o", "t.csv").exit_code == 0
    found = {(row["file"], row["view"], row["patient"], row["source"])
             for row in rows(place / "t.csv")}  # fmt: skip
    assert found == {("films/b/a frontal.png", "", "p1", "x"),
                     ("films/b/uncertain.png", "", "p2", "y")}  # fmt: skip


STATED = {"licence": "CC-BY-4.0", "original_view": "AP", "split": "test", "rotation": "90",
          "inverted": "true"}  # fmt: skip


def stated(path):
    return [{name: row[name] for name in STATED} for row in rows(path)]


@pytest.mark.parametrize("how", ["random", "typical"])
def test_the_other_columns_of_a_label_table_are_copied(place, how):
    text = f"file,view,{','.join(STATED)}\nb/a frontal.png,PA,{','.join(STATED.values())}\n"
    (place / "films" / "labels.csv").write_text(text)
    assert sample("films/labels.csv", "--how", how, "-o", "t.csv").exit_code == 0
    assert stated(place / "t.csv") == [STATED]


def test_a_view_position_is_copied_as_original_view(place):
    (place / "films" / "labels.csv").write_text("file,view\nb/a frontal.png,PA\n")
    assert sample("films/labels.csv", "-o", "t.csv").exit_code == 0
    (row,) = rows(place / "t.csv")
    assert (row["view"], row["original_view"]) == ("", "PA")


def test_verdicts_of_a_model_are_not_copied(place):
    with open_table_writer(place / "views.csv", "m") as write:
        write(a_row("films/b/a frontal.png", rotation=90, inverted=True, reason="modality MR"))
    assert sample("views.csv", "-o", "t.csv").exit_code == 0
    assert stated(place / "t.csv") == [dict.fromkeys(STATED, "")]
    assert [row["reason"] for row in rows(place / "t.csv")] == ["random"]


@pytest.mark.parametrize(("before", "after"), [
    ("typical", "typical"), ("asymmetric", "asymmetric"), ("random", "random"), ("", "random"),
])  # fmt: skip
def test_a_random_draw_from_a_selected_sample_is_not_random(place, before, after):
    text = f"file,view,reason\nb/a frontal.png,,{before}\n"
    (place / "films" / "drawn.csv").write_text(text)
    assert sample("films/drawn.csv", "-o", "t.csv").exit_code == 0
    assert [row["reason"] for row in rows(place / "t.csv")] == [after]


def test_an_archive_is_drawn_from(place):
    with zipfile.ZipFile(place / "a.zip", "w") as archive:
        archive.writestr("one.png", png("frontal"))
        archive.writestr("two.png", png("lateral"))
    assert sample("a.zip", "-n", 2, "-o", "t.csv").exit_code == 0
    assert {row["file"] for row in rows(place / "t.csv")} == {"a.zip::one.png", "a.zip::two.png"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "not there"),
        (["films", "--how", "best"], "no rule 'best'"),
        (["empty"], "no images"),
        (["bad.csv"], "no column 'file'"),
        (["nameless.csv"], "no file is named"),
        (["latin.csv"], "not a CSV table"),
        (["films", "-o", "t.txt"], "ends in .csv"),
    ],
)
def test_wrong_use(place, words, message):
    (place / "empty").mkdir()
    (place / "bad.csv").write_text("name\na.png\n")
    (place / "nameless.csv").write_text("file,view\n,frontal\n")
    (place / "latin.csv").write_bytes(b"file,view\ncaf\xe9,\n")
    result = sample(*(words if "-o" in words else [*words, "-o", "t.csv"]))
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (place / "t.csv").exists()


def test_a_name_that_is_no_utf8_is_reported(tmp_path):
    put(tmp_path, "in/caf\udce9.png", IMAGE)
    put(tmp_path, "in/a.png", IMAGE)
    result = sample(tmp_path / "in", "-n", 2, "-o", tmp_path / "t.csv")
    assert result.exit_code == 1
    assert [row["file"] for row in rows(tmp_path / "t.csv")] == ["in/a.png"]


def random_features(count, seed):
    rng = np.random.default_rng(seed)
    return [
        Features(rng.random((THUMBNAIL_SIDE, THUMBNAIL_SIDE), np.float32), float(p), float(chest))
        for p, chest in rng.random((count, 2))
    ]


@settings(max_examples=25)
@given(st.integers(0, 30), st.integers(1, 40), st.integers(0, 99))
def test_as_many_as_there_are_each_once(total, count, seed):
    seen = random_features(total, seed)
    chosen = select_images(seen, count, 0.5, np.random.default_rng(seed))
    assert len(chosen) == len({index for index, _ in chosen}) == min(count, total)
    assert chosen == select_images(seen, count, 0.5, np.random.default_rng(seed))
    for index, reason in chosen:
        if reason in (DrawReason.LIKELY_LATERAL, DrawReason.ASYMMETRIC):
            assert seen[index].p_chest >= 0.5


def test_the_most_likely_lateral_is_drawn():
    seen = random_features(40, 0)
    seen[7] = Features(seen[7].thumbnail, 2.0, 1.0)
    assert (7, DrawReason.LIKELY_LATERAL) in select_images(seen, 8, 0.5, np.random.default_rng(0))


def test_identical_images_are_drawn():
    seen = [Features(np.ones((THUMBNAIL_SIDE, THUMBNAIL_SIDE), np.float32), 0.5, 1.0)] * 12
    assert len(select_images(seen, 10, 0.5, np.random.default_rng(0))) == 10


def test_a_mirror_image_is_as_symmetric_and_a_shifted_axis_counts():
    rng = np.random.default_rng(1)
    half = rng.random((5, 32, 14))
    even = np.concatenate([rng.random((5, 32, 4)), half, half[:, :, ::-1]], axis=2)
    odd = rng.random((5, 32, 32))
    np.testing.assert_allclose(mirror_correlation(odd), mirror_correlation(odd[:, :, ::-1]))
    assert mirror_correlation(even).min() > 0.99 > mirror_correlation(odd).max()


def test_every_cluster_is_represented():
    rng = np.random.default_rng(2)
    kinds = (
        rng.random((3, 1, THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        + rng.random((3, 20, THUMBNAIL_SIDE, THUMBNAIL_SIDE)) / 50
    )
    found = typical_images(
        kinds.reshape(60, THUMBNAIL_SIDE, THUMBNAIL_SIDE), 3, np.random.default_rng(0)
    )
    assert sorted(index // 20 for index in found) == [0, 1, 2]
