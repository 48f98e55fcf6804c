"""`cxrview audit`: which tags, studies and images are reported, and what the page shows of them."""

import csv
import io
import re
from pathlib import PurePath

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from typer.testing import CliRunner

from audit import audited, write_collection
from cxrview.audit.findings import MAX_DUPLICATE_BITS, AuditedImage, FindingKind, findings_of
from cxrview.audit.inspection import TagValue, ViewTags, fingerprint, read_view_tags
from cxrview.cli.main import app
from cxrview.inference.corrections import Correction
from cxrview.phantom.draw import draw_one
from cxrview.phantom.encodings import quantize
from cxrview.sources.find import item_of_bytes
from cxrview.views import View, view_of_description
from makers_film import dicom, png
from makers_model import model_bytes
from makers_row import a_failure, a_row
from readers_makers import dicom as encoded_dicom
from readers_makers import jpeg, picture, raster

KIND = FindingKind
FRONTAL, LATERAL = View.FRONTAL, View.LATERAL
VIEWS = {"PA": FRONTAL, "L\\F": FRONTAL, "LL": LATERAL, "A\\F": LATERAL, "LAO": None}


def tags(*values, description=None, study=""):
    """View tags: a value with a backslash is an orientation, the others are positions."""
    named = [("PatientOrientation" if "\\" in one else "ViewPosition", one) for one in values]
    weak = TagValue("SeriesDescription", "", description) if description else None
    return ViewTags(tuple(TagValue(*one, VIEWS[one[1]]) for one in named), weak, study)


def frontal(*values, p=0.01, **more):
    return AuditedImage(a_row(p=p), tags(*values, **more))


def lateral(*values, p=0.99, **more):
    return AuditedImage(a_row(view="lateral", p=p), tags(*values, **more))


def uncertain(*values, p, **more):
    return AuditedImage(a_row(view="uncertain", p=p), tags(*values, **more))


def kinds(*images):
    return [(one.kind, one.images) for one in findings_of(images)]


@pytest.mark.parametrize(("image", "expected"), [
    (frontal("PA", "L\\F"), []),
    (frontal("LL"), [KIND.WRONG_TAG]),
    (lateral("PA", "L\\F"), [KIND.WRONG_TAG]),
    (lateral("PA", "A\\F"), [KIND.WRONG_TAG, KIND.CONTRADICTORY_TAGS]),
    (frontal("PA", "A\\F"), [KIND.CONTRADICTORY_TAGS]),  # the first tag is right
    (frontal(), [KIND.MISSING_TAG]),
    (frontal("LAO"), [KIND.OTHER_TAG]),
    (frontal("LAO", "L\\F"), []),
    (frontal("PA", description=FRONTAL), []),
    (frontal("PA", description=LATERAL), [KIND.DESCRIPTION]),
    (uncertain("PA", p=0.6), [KIND.WRONG_TAG]),  # the likelier view counts
    (uncertain("PA", p=0.4), []),
    (uncertain(p=0.4), [KIND.MISSING_TAG]),
    (AuditedImage(a_row(view="not_chest"), tags("LL")), [KIND.WRONG_TAG]),  # P(chest) is 1
    (AuditedImage(a_row(view="not_chest"), tags()), []),
    (AuditedImage(a_row(view="not_chest"), ViewTags(tags("LL").tags, is_other_part=True)), []),
    (AuditedImage(a_row(), ViewTags(tags("LL").tags, is_other_part=True)), [KIND.WRONG_TAG]),
    (AuditedImage(a_row(view="not_chest", reason="modality MR"), tags("LL")), []),
    (AuditedImage(a_row()), []),  # no header
    (AuditedImage(a_failure(), tags("LL")), []),
    (AuditedImage(a_row(), tags("PA"), Correction("lateral", "anna")), [KIND.WRONG_TAG]),
    (AuditedImage(a_row(), tags("LL"), Correction("lateral", "anna")), []),
    (AuditedImage(a_row(), tags("LL"), Correction("not_chest", "anna")), []),
    (AuditedImage(a_row(inverted=True, rotation=90)), [KIND.INVERTED, KIND.ROTATED]),
    (AuditedImage(a_row(inverted=False, rotation=0)), []),
])  # fmt: skip
def test_findings_of_an_image(image, expected):
    assert kinds(image) == [(kind, (0,)) for kind in expected]


@pytest.mark.parametrize(("images", "expected"), [
    ([frontal("PA"), lateral("LL")], []),
    ([frontal("LL"), lateral("PA")], [(KIND.SWAPPED_VIEWS, (0, 1))]),
    ([frontal("PA"), lateral("PA")], [(KIND.REPEATED_VIEW, (0, 1))]),
    ([frontal("PA"), frontal("PA")], []),  # two frontals are no oddity
    ([frontal("LL"), lateral("LL")], [(KIND.REPEATED_VIEW, (0, 1))]),
    ([frontal("PA"), lateral("PA"), lateral("LL")], []),  # the study states both views
    ([lateral("LL")], [(KIND.NO_FRONTAL, (0,))]),
    ([lateral("LL"), uncertain(p=0.3)], []),  # it may be the frontal
    ([lateral("LL"), uncertain(p=0.7)], []),
])  # fmt: skip
def test_findings_of_a_study(images, expected):
    study_kinds = {KIND.SWAPPED_VIEWS, KIND.REPEATED_VIEW, KIND.NO_FRONTAL}

    def of_studies(names):
        placed = [
            AuditedImage(one.row, ViewTags(one.tags.tags, None, name))
            for one, name in zip(images, names, strict=True)
        ]
        return [one for one in kinds(*placed) if one[0] in study_kinds]

    assert of_studies(["1"] * len(images)) == expected
    if len(images) > 1:
        apart = of_studies(map(str, range(len(images))))
        assert all(kind is KIND.NO_FRONTAL for kind, _ in apart)


def test_the_most_confident_of_a_kind_comes_first():
    found = findings_of([frontal("LL", p=0.04), frontal("LL", p=0.0), frontal("LL", p=0.02)])
    assert [one.images[0] for one in found] == [1, 2, 0]
    assert [one.confidence for one in found] == [1.0, 0.98, 0.96]


@pytest.mark.parametrize(("text", "view"), [
    ("CHEST PA", FRONTAL), ("Thorax p.a.", FRONTAL), ("AP/PA", FRONTAL),
    ("W034 Chest LAT", LATERAL),
    ("thorax_lateral", LATERAL), ("CHEST PA/LAT", None), ("CHEST 2V FRONTAL/LATERAL", None),
    ("LEFT LATERAL DECUBITUS", None), ("CHEST", None), ("", None), ("bilateral", None),
])  # fmt: skip
def test_views_of_descriptions(text, view):
    assert view_of_description(text) is view


def phantom(number):
    return quantize(draw_one(5, number, 320, 0.0).pixels, 8)


def test_fingerprints_find_the_same_radiograph_in_another_form():
    one, other = phantom(0), phantom(1)
    squares = (one / 255.0) ** 1.5 * 200
    forms = [
        raster(one, "PNG"), jpeg(one, 40), raster(squares.astype(np.uint8), "PNG"),
        raster(np.asarray(Image.fromarray(one).reduce(2)), "PNG"),
    ]  # fmt: skip
    prints = [fingerprint(item_of_bytes("", data)) for data in forms]
    assert max((prints[0] ^ bits).bit_count() for bits in prints) <= MAX_DUPLICATE_BITS
    different = fingerprint(item_of_bytes("", raster(other, "PNG")))
    assert (prints[0] ^ different).bit_count() > 2 * MAX_DUPLICATE_BITS


def view_code(value, meaning):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return [item]


def test_tags_are_read_from_headers():
    data = dicom(
        "frontal", ViewPosition="PA", ViewCodeSequence=view_code("399067008", "lateral"),
        PatientOrientation=["L", "F"], SeriesDescription="Chest lat, Jane Doe",
        StudyInstanceUID="1.2.9",
    )  # fmt: skip
    found = read_view_tags(item_of_bytes("a.dcm", data))
    assert str(found) == (
        "ViewPosition PA, ViewCodeSequence 399067008, PatientOrientation L\\F, SeriesDescription"
    )
    assert [tag.view for tag in found.tags] == [FRONTAL, LATERAL, FRONTAL]
    assert (found.description.view, found.study) == (LATERAL, "1.2.9")
    unknown = dicom("frontal", ViewPosition="DOE JANE", ViewCodeSequence=view_code("DOE", "x"))
    assert str(read_view_tags(item_of_bytes("c.dcm", unknown))) == (
        "ViewPosition (unknown value), ViewCodeSequence (unknown value)"
    )
    no_code = dicom("frontal", ViewPosition="SMITH JOHN").replace(b"SMITH JOHN", b"Smith John")
    assert str(read_view_tags(item_of_bytes("g.dcm", no_code))) == "ViewPosition (unknown value)"
    oblique = read_view_tags(item_of_bytes("d.dcm", dicom("frontal", ViewPosition="LAO")))
    assert str(oblique) == "ViewPosition LAO"
    assert read_view_tags(item_of_bytes("a.png", png("frontal"))) is None
    hip, chest = (dicom("frontal", BodyPartExamined=part) for part in ("HIP", "CHEST"))
    assert read_view_tags(item_of_bytes("e.dcm", hip)).is_other_part
    assert not read_view_tags(item_of_bytes("f.dcm", chest)).is_other_part
    assert read_view_tags(item_of_bytes("b.dcm", dicom("frontal"))) == ViewTags()


FILES = {
    "Doe^Jane/right.dcm": dicom("frontal", ViewPosition="PA", StudyInstanceUID="1.2.77.1"),
    "Doe^Jane/swapped1.dcm": dicom("frontal", ViewPosition="LL", StudyInstanceUID="1.2.77.2"),
    "Doe^Jane/swapped2.dcm": dicom("lateral", ViewPosition="PA", StudyInstanceUID="1.2.77.2"),
    "Doe^Jane/twin.dcm": dicom("frontal", ViewPosition="PA", StudyInstanceUID="1.2.77.1"),
    "Doe^Jane/missing.dcm": dicom("frontal", StudyInstanceUID="1.2.77.3"),
    "Doe^Jane/missing too.dcm": dicom("frontal", StudyInstanceUID="1.2.77.4"),
    "Doe^Jane/no dicom.png": png("frontal"),
}
EXPECTED = {
    ("wrong_tag", "swapped1.dcm"), ("wrong_tag", "swapped2.dcm"),
    ("swapped_views", "swapped1.dcm"), ("swapped_views", "swapped2.dcm"),
    ("missing_tag", "missing.dcm"), ("missing_tag", "missing too.dcm"),
    ("duplicate", "right.dcm"), ("duplicate", "twin.dcm"),
}  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.onnx").write_bytes(model_bytes())
    for name, content in FILES.items():
        path = tmp_path / "studies" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


def run(*words, status=0):
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == status, result.output
    return result


def audit(path, *words, status=0):
    return run("audit", path, "--model", "plain.onnx", "--jobs", "0", *words, status=status)


def rows_of(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def found_in(path):
    return {(row["kind"], row["file"].rpartition("/")[2]) for row in rows_of(path)}


def test_a_folder_is_classified_and_audited(place):
    result = audit("studies")
    assert found_in(place / "audit.csv") == EXPECTED
    assert "wrong view tags: 2" in result.output
    one = next(row for row in rows_of(place / "audit.csv") if row["file"].endswith("swapped1.dcm"))
    assert (one["tags"], one["tags_view"], one["pixels_view"]) == (
        "ViewPosition LL", "lateral", "frontal",
    )  # fmt: skip
    assert one["study"] == "1"
    assert float(one["confidence"]) > 0.9


def test_a_table_is_audited_while_its_images_are_there(place):
    run("classify", "studies", "-o", "views.csv", "--model", "plain.onnx", "--jobs", "0")
    audit("views.csv", "-o", "a.html")
    assert found_in(place / "a.csv") == EXPECTED
    (place / "studies").rename(place / "elsewhere")
    result = audit("views.csv", "-o", "b.html")
    assert "7 images of the table could not be read again" in result.output
    assert "no image" in (place / "b.html").read_text()
    assert found_in(place / "b.csv") == {one for one in EXPECTED if one[0] == "wrong_tag"}


def test_a_correction_by_a_person_replaces_the_verdict(place):
    run("classify", "studies", "-o", "views.csv", "--model", "plain.onnx", "--jobs", "0")
    lines = rows_of(place / "views.csv")
    with (place / "corrected.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*lines[0], "view_corrected", "corrected_by"])
        writer.writeheader()
        for line in lines:
            is_wrong = line["file"].endswith("swapped1.dcm")
            writer.writerow(line | {"view_corrected": "lateral" if is_wrong else ""})
    audit("corrected.csv")
    assert ("wrong_tag", "swapped1.dcm") not in found_in(place / "audit.csv")


@pytest.mark.parametrize("is_shown", [False, True])
def test_the_page_names_no_patient_unless_asked(place, is_shown):
    audit("studies", *["--show-headers"] * is_shown)
    page, table = (place / "audit.html").read_text(), (place / "audit.csv").read_text()
    for text in ("swapped1.dcm", "1.2.77.2", "Doe^Jane/"):
        assert (text in page) is is_shown, text
    assert ("1.2.77.2" in table) is is_shown
    assert "swapped1.dcm" in table


def test_the_page_is_complete_in_itself(place):
    audit("studies")
    page = (place / "audit.html").read_text()
    assert "<script" not in page
    assert all(source.startswith("data:") for source in re.findall(r'(?:src|href)="([^"]*)', page))
    assert page.count("data:image/jpeg") == len(EXPECTED)


def test_the_page_counts_what_it_does_not_show(place):
    audit("studies", "--images", "1")
    page = (place / "audit.html").read_text()
    assert page.count("data:image/jpeg") == 1 + 2 + 1 + 2  # one finding of each kind
    assert "The first 1 are shown; 1 more are in audit.csv." in page
    assert found_in(place / "audit.csv") == EXPECTED


def test_unreadable_images_set_the_exit_status(place):
    (place / "studies" / "torn.dcm").write_bytes(FILES["Doe^Jane/right.dcm"][:200])
    assert "1 of them unreadable, " in audit("studies", status=1).stderr
    audit("studies", "--allow-unreadable", "1", "--overwrite")


@pytest.mark.parametrize("words", [
    ("studies", "-o", "page.txt"), ("studies", "--fill", "filled.csv"),
    ("nowhere",),
])  # fmt: skip
def test_wrong_use(place, words):
    audit(*words, status=2)


def test_a_filled_table_is_not_packed(place):
    (place / "m.csv").write_text("dicom_id,ViewPosition\n")
    done = audit("studies", "--metadata", "m.csv", "--fill", "filled.csv.gz", status=2)
    assert "does not end in .csv" in done.output


def test_what_is_read_is_not_replaced(place):
    run("classify", "studies", "-o", "audit.csv", "--model", "plain.onnx", "--jobs", "0")
    for words, why in (
        (("audit.csv",), "the findings would be written to audit.csv, which is to be read: choose "
         "another name with -o\n"),
        (("studies", "--metadata", "views.csv", "--fill", "./views.csv"),
         "the filled table would be written to views.csv, which is to be read: choose another name "
         "with --fill\n"),
        (("studies", "-o", "a.html", "--metadata", "views.csv", "--fill", "a.csv"),
         "a.csv is the table of findings: name another file with --fill\n"),
    ):  # fmt: skip
        before = (place / "audit.csv").read_bytes()
        result = audit(*words, "--overwrite", status=2)
        assert result.output == f"cxrview: {why}"
        assert (place / "audit.csv").read_bytes() == before


METADATA = """dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,\
ViewCodeSequence_CodeMeaning
frontal1,10,50,CHEST (PA AND LAT),PA,postero-anterior
frontal2,10,50,CHEST (PA AND LAT),LATERAL,lateral
lateral1,11,51,CHEST (LAT),,
frontal3,12,52,"CHEST, PORTABLE",,antero-posterior
unsure1,13,53,,,
absent1,14,54,,,
"""
PICTURES = {"frontal1": "frontal", "frontal2": "frontal", "lateral1": "lateral",
            "frontal3": "frontal", "unsure1": "uncertain"}  # fmt: skip


def test_the_metadata_of_mimic_are_audited_and_filled(place):
    (place / "jpg").mkdir()
    for name, view in PICTURES.items():
        (place / "jpg" / f"{name}.png").write_bytes(png(view))
    (place / "metadata.csv").write_text(METADATA)
    words = ("--metadata", "metadata.csv", "--fill", "filled.csv")
    audit("jpg", *words)
    found = found_in(place / "audit.csv")
    assert ("wrong_tag", "frontal2.png") in found
    assert {name for kind, name in found if kind == "missing_tag"} == {
        "lateral1.png", "unsure1.png",
    }  # fmt: skip
    filled = rows_of(place / "filled.csv")
    given = list(csv.DictReader(io.StringIO(METADATA)))
    positions = {
        one["dicom_id"]: (one["ViewPosition"], one["ViewPosition_source"]) for one in filled
    }
    assert positions == {
        "frontal1": ("PA", "header"),
        "frontal2": ("LATERAL", "header"),  # wrong ones are findings, and stay
        "lateral1": ("LATERAL", "model"),
        "frontal3": ("AP", "view code"),
        "unsure1": ("", ""),
        "absent1": ("", ""),
    }
    for one in (*filled, *given):
        one.pop("ViewPosition")
        one.pop("ViewPosition_source", None)
    assert filled == given


def test_images_that_the_metadata_do_not_have_are_counted(place):
    (place / "jpg").mkdir()
    for name in ("frontal1", "frontal2", "unknown1"):
        (place / "jpg" / f"{name}.png").write_bytes(png("frontal"))
    (place / "metadata.csv").write_text(METADATA)
    line = "1 of 3 images has no row in the metadata"
    assert line in audit("jpg", "--metadata", "metadata.csv").output
    assert line in (place / "audit.html").read_text()
    (place / "jpg/unknown1.png").unlink()
    assert "no row" not in audit("jpg", "--metadata", "metadata.csv", "--overwrite").output
    assert "no row" not in (place / "audit.html").read_text()


@pytest.mark.parametrize("path", ["studies", "views.csv"])
@pytest.mark.parametrize("metadata", [METADATA, METADATA.splitlines()[0]])
def test_metadata_of_other_images_are_refused(place, path, metadata):
    run("classify", "studies", "-o", "views.csv", "--model", "plain.onnx", "--jobs", "0")
    (place / "metadata.csv").write_text(metadata)
    done = audit(path, "--metadata", "metadata.csv", status=2)
    assert "metadata.csv has no row for any of the images" in done.output
    assert not (place / "audit.csv").exists()


@pytest.mark.slow
def test_wrong_tags_of_phantoms_are_found(tmp_path):
    """benchmarks/audit.py with few images; its result for 2,000 is in docs/audit.md."""
    planted = write_collection(tmp_path / "phantoms", 40, seed=1, side=256)
    found, _ = audited(tmp_path / "phantoms", tmp_path / "audit.html", jobs=0)
    assert {frozenset((name,)) for name in planted.wrong} == set(found[KIND.WRONG_TAG])
    assert {frozenset((name,)) for name in planted.missing} == set(found[KIND.MISSING_TAG])
    assert planted.swapped == set(found[KIND.SWAPPED_VIEWS])
    assert planted.duplicates == set(found[KIND.DUPLICATE])


def test_a_file_that_was_replaced_counts_as_gone(place):
    run("classify", "studies", "-o", "t.csv", "--model", "plain.onnx", "--jobs", "0")
    path = place / "studies/Doe^Jane/missing.dcm"
    path.write_bytes(encoded_dicom(picture(40, 50)))
    assert "1 image of the table could not be read again" in audit("t.csv").output
    assert "missing.dcm" not in {PurePath(one["file"]).name for one in rows_of(place / "audit.csv")}
