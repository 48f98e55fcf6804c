"""What `import cxrview` offers: one image or many, by path, bytes or array; nothing heavy."""

import io
import logging
import os
import re
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import IPython
import numpy as np
import pydicom
import pytest
from PIL import Image

import cxrview
from cxrview.cli import progress
from cxrview.filenames import unescape_name
from cxrview.readers.decode import translate_decoder_errors
from makers_film import FILES, collection, dicom, picture
from makers_model import model_bytes


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "plain.onnx"
    path.write_bytes(model_bytes())
    return path


@pytest.fixture
def loaded(model):
    return cxrview.load(model)


def test_importing_it_loads_nothing_heavy():
    program = (
        "import sys, cxrview; "
        "heavy = {'numpy', 'onnxruntime', 'pydicom', 'PIL', 'typer'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_all_public_names_exist():
    assert all(hasattr(cxrview, name) for name in cxrview.__all__)


def test_every_interface_gives_the_same_rows(tmp_path, model, loaded):
    folder = collection(tmp_path / "images")
    rows = list(cxrview.classify([folder], model, jobs=2))
    assert rows == list(cxrview.classify(folder, str(model), jobs=0))
    assert [loaded.classify(row.file) for row in rows] == rows
    for row in rows:
        assert loaded.classify(Path(row.file).read_bytes(), name=row.file) == row


class Cell:
    """The output of a notebook's cell: each state of one display."""

    def __init__(self):
        self.states = []

    def display(self, bundle, raw, display_id):
        assert raw
        assert display_id
        self.update(bundle, raw)
        return self

    def update(self, bundle, raw):
        assert raw
        self.states.append(bundle)


def test_progress_in_a_notebook_is_a_bar_of_html(tmp_path, model, monkeypatch, capsys):
    cell = Cell()
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=None))
    monkeypatch.setattr(IPython.display, "display", cell.display)
    folder = collection(tmp_path / "images")
    rows = list(cxrview.classify(folder, model, jobs=0, progress=True))
    assert rows == list(cxrview.classify(folder, model, jobs=0))
    total, errors = len(rows), sum(row.view is None for row in rows)
    assert f'<progress max="{total}" value="0">' in cell.states[0]["text/html"]
    assert f'<progress max="{total}" value="{total}">' in cell.states[-1]["text/html"]
    assert cell.states[-1]["text/plain"].startswith(f"{total} of {total}, ")
    assert cell.states[-1]["text/plain"].endswith(f" images/s, {errors} unreadable")
    assert capsys.readouterr() == ("", "")


def test_progress_elsewhere_is_that_of_the_command_line(tmp_path, model, monkeypatch, capsys):
    monkeypatch.setattr(progress, "FIRST_LINE_SECONDS", 0.0)
    folder = collection(tmp_path / "images")
    total = len(list(cxrview.classify(folder, model, jobs=0, progress=True)))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"1 of {total}, ")


def test_a_script_without_a_main_guard_can_use_processes(tmp_path, model):
    folder = collection(tmp_path / "images")
    script = tmp_path / "script.py"
    script.write_text(
        f"import cxrview\nfor row in cxrview.classify({str(folder)!r}, {str(model)!r}, jobs=2):\n"
        "    print(row.view or 'error')\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert len(done.stdout.split()) == len(FILES)
    assert done.stderr == ""


def test_wrong_use_is_raised_before_the_first_row(tmp_path):
    with pytest.raises(cxrview.WrongUse):
        cxrview.classify(tmp_path / "nowhere")
    with pytest.raises(cxrview.WrongUse):
        cxrview.load(tmp_path / "nowhere.onnx")


def test_a_model_has_label_and_card(loaded):
    assert loaded.label.startswith("plain@")
    assert loaded.card.name == "plain"


@pytest.mark.parametrize("view", ["frontal", "lateral", "uncertain", "not_chest"])
@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "i4", "u4", "i8", "f2", "f4", "f8", ">u2"])
def test_an_array_of_any_type_is_classified_like_its_file(loaded, view, kind):
    from_file = loaded.classify(FILES[f"{'b/' * (view in ('uncertain', 'not_chest'))}"
                                      f"{NAMES[view]}.png"])  # fmt: skip
    row = loaded.classify(picture(view).astype(kind), name="array")
    assert (row.file, row.view, row.width, row.height) == ("array", view, 80, 96)
    assert row.p_lateral == pytest.approx(from_file.p_lateral, abs=2e-3)


NAMES = {
    "frontal": "a frontal", "lateral": "a lateral", "uncertain": "uncertain",
    "not_chest": "not chest",
}  # fmt: skip


@pytest.mark.parametrize("change", [
    lambda p: p / 255.0,
    lambda p: p * 1e300,
    lambda p: p.astype(float) - 128,
    lambda p: p * 1e-30 + 1.0e-30,
    lambda p: np.repeat(p[..., None], 3, axis=2),
    lambda p: p[..., None],
    lambda p: np.repeat(p[..., None] / 255.0, 3, axis=2),
    lambda p: p[::-1][::-1],
    lambda p: np.asfortranarray(p),
    lambda p: p.tolist(),
    lambda p: p.astype("i8") << 40,
])  # fmt: skip
@pytest.mark.parametrize("view", ["frontal", "lateral"])
def test_scale_offset_and_layout_carry_no_meaning(loaded, view, change):
    assert loaded.classify(change(picture(view))).view == view


def test_a_boolean_array_is_an_image(loaded):
    assert loaded.classify(picture("lateral") > 128).view == "lateral"


@pytest.mark.parametrize("flat", [np.zeros((9, 9)), np.full((9, 9), 7, "u1"), np.ones((9, 9, 3))])
def test_a_blank_image_is_not_chest(loaded, flat):
    assert loaded.classify(flat).view == "not_chest"


@pytest.mark.parametrize("wrong", [
    np.zeros(5), np.zeros((2, 5, 5)), np.zeros((5, 5, 4)), np.zeros((1, 5, 5, 3)),
    np.zeros((0, 5)), np.zeros((5, 0, 3)), np.array(["a"]), np.full((5, 5), np.nan),
    np.full((5, 5), np.inf), np.zeros((5, 5), complex), np.zeros((5, 5), object), 3,
])  # fmt: skip
def test_what_is_not_an_image_is_refused(loaded, wrong):
    with pytest.raises(cxrview.WrongUse, match="an image"):
        loaded.classify(wrong)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".dcm")])
def test_a_dataset_and_an_open_file_are_classified_like_the_file(loaded, tmp_path, name):
    (tmp_path / "image.dcm").write_bytes(FILES[name])
    expected = loaded.classify(FILES[name])
    with (tmp_path / "image.dcm").open("rb") as file:
        assert loaded.classify(file) == expected
    if expected.view:
        assert loaded.classify(pydicom.dcmread(tmp_path / "image.dcm")) == expected


def test_a_dataset_without_a_preamble_is_an_image(loaded):
    dataset = pydicom.dcmread(io.BytesIO(FILES["c/conflicts.dcm"]))
    expected = loaded.classify(dataset)
    dataset.preamble = None
    assert expected.view
    assert loaded.classify(dataset) == expected


@pytest.mark.parametrize("wrong", [pydicom.Dataset(), io.StringIO("text")])
def test_what_holds_no_file_is_refused(loaded, wrong):
    with pytest.raises(cxrview.WrongUse):
        loaded.classify(wrong)


@pytest.mark.parametrize(("keyword", "value", "tag"), [
    ("Rows", 70000, "(0028,0010)"), ("Rows", -1, "(0028,0010)"), ("Rows", "SECRET", "(0028,0010)"),
    ("ViewPosition", 3, "(0018,5101)"), ("PixelPaddingValue", "SECRET", "(0028,0120)"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, about the assignment
def test_a_dataset_that_cannot_be_written_is_refused_in_one_line(loaded, keyword, value, tag):
    dataset = pydicom.dcmread(io.BytesIO(FILES["c/conflicts.dcm"]))
    setattr(dataset, keyword, value)
    with pytest.raises(cxrview.WrongUse) as caught:
        loaded.classify(dataset)
    words = r"this Dataset cannot be written as a DICOM file: \w+Error at "
    assert re.fullmatch(words + re.escape(tag), str(caught.value))
    assert caught.value.__suppress_context__  # what pydicom raised quotes the value


class Named:
    """A path that is neither text nor a Path, as the entries of os.scandir are."""

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


def test_any_path_like_object_names_images_and_models(tmp_path, model):
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.png").write_bytes(FILES["a lateral.png"])
    (entry,) = os.scandir(tmp_path / "films")
    loaded = cxrview.load(Named(model))
    expected = loaded.classify(str(tmp_path / "films" / "a.png"))
    assert expected.view == "lateral"
    assert loaded.classify(entry) == expected
    for paths in (entry, [entry], Named(tmp_path / "films"), os.scandir(tmp_path / "films")):
        assert list(cxrview.classify(paths, Named(model), jobs=0)) == [expected]


@pytest.mark.parametrize("jobs", [-1, "2", 1.5])
def test_an_impossible_number_of_jobs_is_refused(tmp_path, model, jobs):
    with pytest.raises(cxrview.WrongUse, match="jobs is a whole number, at least 0"):
        cxrview.classify(tmp_path, model, jobs=jobs)


def test_a_masked_array_is_refused_unless_nothing_is_masked(loaded):
    values = picture("lateral")
    assert loaded.classify(np.ma.masked_array(values)).view == "lateral"
    with pytest.raises(cxrview.WrongUse, match="masked"):
        loaded.classify(np.ma.masked_array(values, values > 128))


@pytest.mark.parametrize(("mode", "is_read"), [
    ("L", True), ("RGB", True), ("I", True), ("F", True), ("1", True), ("I;16", True),
    ("P", False), ("PA", False), ("LA", False), ("RGBA", False), ("CMYK", False), ("YCbCr", False),
    ("HSV", False), ("LAB", False),
])  # fmt: skip
def test_a_picture_of_pillow_is_read_where_its_values_are_grey_or_rgb(loaded, mode, is_read):
    image = Image.fromarray(picture("lateral"))
    if mode == "I;16":
        image = Image.fromarray(picture("lateral").astype(np.uint16))
    elif mode == "LAB":
        image = Image.new(mode, image.size)
    else:
        image = image.convert("P").convert(mode) if mode == "PA" else image.convert(mode)
    if is_read:
        assert loaded.classify(image).view == "lateral"
    else:
        with pytest.raises(cxrview.WrongUse, match=f"mode {mode}: convert it to L or RGB"):
            loaded.classify(image)


@pytest.mark.parametrize("wrong", [
    np.zeros((5, 5)), b"bytes", pydicom.dcmread(io.BytesIO(FILES["c/conflicts.dcm"])), 3,
    [np.zeros(5)], io.BytesIO(b"bytes"),
])  # fmt: skip
def test_classify_says_what_takes_an_image_in_memory(wrong):
    with pytest.raises(cxrview.WrongUse, match=r"load\(\).classify"):
        cxrview.classify(wrong)


@pytest.mark.parametrize("source", [b"", b"not an image", "nowhere.png"])
def test_what_cannot_be_read_is_a_row(loaded, source):
    row = loaded.classify(source)
    assert row.view is None
    assert row.error


def test_threads_leave_warnings_and_logs_as_they_were():
    logs = [logging.getLogger(name) for name in ("pydicom", "PIL.Image", "imagecodecs")]
    before = list(warnings.filters)
    first, second = translate_decoder_errors(), translate_decoder_errors()
    first.__enter__()
    second.__enter__()  # another thread begins before the first one ends
    first.__exit__(None, None, None)
    assert all(log.disabled for log in logs)
    second.__exit__(None, None, None)
    assert not any(log.disabled for log in logs)
    assert warnings.filters == before


def test_many_threads_leave_warnings_as_they_were(loaded):
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(loaded.classify, [dicom("frontal")] * 40))
    assert {row.view for row in rows} == {"frontal"}
    assert warnings.filters == before


def test_rows_become_a_frame(loaded):
    rows = [loaded.classify(FILES[name], name) for name in ("a lateral.png", "d/torn.png")]
    rows[0] = replace(rows[0], rotation=180, inverted=False)
    frame = cxrview.to_frame(iter(rows))
    assert list(frame) == list(cxrview.COLUMNS)
    assert [str(frame[name].dtype) for name in ("p_lateral", "width")] == ["float64", "Int64"]
    assert [str(frame[name].dtype) for name in ("rotation", "inverted")] == ["Int64", "boolean"]
    assert (frame["rotation"][0], frame["inverted"][0]) == (180, False)
    assert frame["view"].tolist()[:1] == ["lateral"]
    assert frame["width"].tolist()[0] == 80
    assert frame["p_lateral"].isna().tolist() == [False, True]
    assert len(cxrview.to_frame([])) == 0


def test_a_frame_names_files_as_tables_do(loaded):
    names = ["caf\udce9.png", "lit\\xe9.png", "plain.png"]
    frame = cxrview.to_frame(loaded.classify(FILES["a lateral.png"], name) for name in names)
    assert list(frame["file"]) == [r"caf\xe9.png", r"lit\x5cxe9.png", "plain.png"]
    assert [unescape_name(name) for name in frame["file"]] == names


def test_a_row_shows_what_it_holds(loaded):
    row = loaded.classify(FILES["a lateral.png"], "a.png")
    assert row.to_dict()["view"] == "lateral"
    assert list(row.to_dict()) == list(cxrview.COLUMNS)
    assert repr(row).startswith("Row(file='a.png', view='lateral', p_lateral=")
    assert "header_source" not in repr(row)
    assert f"width={row.width}" in repr(row)
