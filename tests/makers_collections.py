"""Makers of small trees in the layouts of the public collections."""

import csv
import gzip
import io
from collections.abc import Sequence
from pathlib import Path

from makers_film import dicom, png

IMAGE = png("frontal")
MIMIC_COLUMNS = (
    "dicom_id", "subject_id", "study_id", "PerformedProcedureStepDescription", "ViewPosition",
    "Rows", "Columns", "ViewCodeSequence_CodeMeaning",
)  # fmt: skip
MIMIC_IMAGES = (  # (dicom_id, subject, study, position, meaning)
    ("02aa804e", "10000032", "50414267", "PA", "postero-anterior"),
    ("174413ec", "10000032", "50414267", "LATERAL", "lateral"),
    ("2a2277a9", "10000764", "57375967", "", "left lateral"),
    ("e084de3b", "10000764", "57375967", "LAO", ""),
    ("68b5c4b1", "11000933", "58636672", "", ""),
)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    return text.getvalue().encode()


def put(root: Path, name: str, content: bytes = IMAGE) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


def mimic_path(image: Sequence[str], ending: str) -> str:
    name, subject, study = image[:3]
    return f"files/p{subject[:2]}/p{subject}/s{study}/{name}{ending}"


def mimic_metadata(root: Path, name: str = "mimic-cxr-2.0.0-metadata.csv.gz") -> None:
    rows = [(i, p, s, "CHEST", view, "10", "10", word) for i, p, s, view, word in MIMIC_IMAGES]
    put(root, name, table(MIMIC_COLUMNS, rows))


def mimic_jpg(root: Path) -> None:
    mimic_metadata(root)
    for image in MIMIC_IMAGES:
        put(root, mimic_path(image, ".jpg"))


def mimic_dicom(root: Path) -> None:
    """With the metadata of the JPG set beside it."""
    mimic_metadata(root, "mimic-cxr-2.0.0-metadata.csv")
    for image in MIMIC_IMAGES:
        put(root, mimic_path(image, ".dcm"), dicom("frontal"))


def mimic_records(root: Path) -> None:
    """Without the metadata: the views stand in the headers only."""
    rows = [(p, s, i, mimic_path((i, p, s), ".dcm")) for i, p, s, _, _ in MIMIC_IMAGES]
    put(root, "cxr-record-list.csv.gz", table(("subject_id", "study_id", "dicom_id", "path"), rows))
    for image in MIMIC_IMAGES:
        tags = {"ViewPosition": image[3]} if image[3] else {}
        tags |= {"PatientOrientation": ["A", "F"]} if image[4] == "left lateral" else {}
        put(root, mimic_path(image, ".dcm"), dicom("frontal", **tags))


def chexpert(root: Path) -> None:
    columns = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", "No Finding")
    images = {
        "train.csv": (("train/patient00001/study1/view1_frontal.jpg", "Frontal", "AP"),
                      ("train/patient00002/study1/view1_frontal.jpg", "Frontal", "PA"),
                      ("train/patient00002/study1/view2_lateral.jpg", "Lateral", "")),
        "valid.csv": (("valid/patient64541/study1/view1_frontal.jpg", "Frontal", "LL"),),
    }  # fmt: skip
    for name, rows in images.items():
        put(root, name, table(columns, [
            (f"CheXpert-v1.0-small/{path}", "Female", "68", side, beam, "1.0")
            for path, side, beam in rows
        ]))  # fmt: skip
        for path, _, _ in rows:
            put(root, path)


def chexpert_valid(root: Path) -> None:
    """The validation set alone."""
    columns = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA")
    views = (("patient64541/study1/view1_frontal.jpg", "Frontal", "AP"),
             ("patient64541/study1/view2_lateral.jpg", "Lateral", ""))  # fmt: skip
    rows = [(f"CheXpert-v1.0/valid/{path}", "Male", "1", *view) for path, *view in views]
    put(root, "valid.csv", table(columns, rows))
    for path, _, _ in views:
        put(root, f"valid/{path}")


def chexpert_full(root: Path) -> None:
    """The full release: the index in one folder, the images in several."""
    chexpert(root)
    batches = {"train/patient00001": "batch 2 (train 1)", "train/patient00002": "batch 3 (train 2)"}
    for old, new in batches.items():
        target = root / f"CheXpert-v1.0 {new}" / old.rpartition("/")[2]
        target.parent.mkdir()
        (root / old).rename(target)
    (root / "train").rmdir()
    first = root / "CheXpert-v1.0 batch 1 (validate & csv)"
    first.mkdir()
    for name in ("train.csv", "valid.csv", "valid"):
        (root / name).rename(first / name)


def padchest(root: Path) -> None:
    columns = ("", "ImageID", "ImageDir", "StudyID", "PatientID", "Projection", "Report")
    views = ("PA", "L", "AP_horizontal", "AP", "COSTAL", "EXCLUDE", "UNK")
    rows = [(str(n), f"2168_{n}.png", str(n % 3), "s", f"p{n // 2}", view, "x" * 200_000)
            for n, view in enumerate(views)]  # fmt: skip
    name = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"
    put(root, name, table(columns, rows))
    for row in rows[:-1]:
        put(root, f"{row[2]}/{row[1]}")
    put(root, rows[-1][1])  # some copies are flat


def nih(root: Path) -> None:
    columns = ("Image Index", "Finding Labels", "Follow-up #", "Patient ID", "View Position")
    rows = [("00000001_000.png", "Cardiomegaly", "0", "1", "PA"),
            ("00000001_001.png", "No Finding", "1", "1", "AP")]  # fmt: skip
    put(root, "Data_Entry_2017.csv", table(columns, rows))
    put(root, "images_001/images/00000001_000.png")
    put(root, "images_002/images/00000001_001.png")


def open_i(root: Path) -> None:
    rows = [("1", "1_IM-0001-4001.dcm.png", "Frontal"), ("1", "1_IM-0001-3001.dcm.png", "Lateral")]
    put(root, "indiana_projections.csv", table(("uid", "filename", "projection"), rows))
    for row in rows:
        put(root, f"images/images_normalized/{row[1]}")


def vindr(root: Path) -> None:
    """One row a reader; the header of the last image knows better than the design."""
    rows = [(name, reader) for name in ("a1", "b2") for reader in ("R1", "R2", "R3")]
    put(root, "annotations/image_labels_train.csv", table(("image_id", "rad_id"), rows))
    put(root, "annotations/image_labels_test.csv", table(("image_id", "Other"), [("c3", "0")]))
    put(root, "train/a1.dicom", dicom("frontal"))
    put(root, "train/b2.dicom", dicom("frontal", ViewPosition="AP"))
    put(root, "test/c3.dicom", dicom("lateral", ViewPosition="LL"))


def covid(root: Path) -> None:
    columns = ("patientid", "view", "modality", "folder", "filename")
    rows = [("2", "PA", "X-ray", "images", "a.jpeg"), ("2", "L", "X-ray", "images", "b.jpeg"),
            ("3", "AP Supine", "X-ray", "images", "c.png"), ("3", "Axial", "CT", "images", "d.jpg"),
            ("4", "Coronal", "CT", "volumes", "e.nii.gz")]  # fmt: skip
    put(root, "metadata.csv", table(columns, rows))
    for row in rows:
        put(root, f"{row[3]}/{row[4]}")


def folders(root: Path) -> None:
    put(root, "frontal/a.png")
    put(root, "frontal/deep/b.png")
    put(root, "lateral/a.png")


def dicom_tree(root: Path) -> None:
    one, two = {"PatientID": "SECRET-1"}, {"PatientID": "SECRET-2"}
    put(root, "1/a", dicom("frontal", ViewPosition="PA", **one))
    put(root, "1/b.dcm", dicom("lateral", ViewPosition="LL", **one))
    put(root, "2/c.dcm", dicom("frontal", ViewPosition="RAO", **two))
    put(root, "2/d.dcm", dicom("frontal", **two))
    put(root, "2/breast.dcm", dicom("frontal", ViewPosition="ML", Modality="MG", **two))
    put(root, "2/hand.dcm", dicom("frontal", ViewPosition="PA", BodyPartExamined="HAND", **two))
    put(root, "3/study.dcm", dicom("frontal", ViewPosition="AP", StudyInstanceUID="1.2.9"))
