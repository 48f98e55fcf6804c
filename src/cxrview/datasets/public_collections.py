"""The public collections: how each lists its images, and what its words for views mean.

A collection is one line of COLLECTIONS. docs/datasets.md describes the same table.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxrview.csv_text import identifier, read_table
from cxrview.errors import MissingInput
from cxrview.labels import OTHER, UNKNOWN
from cxrview.views import View

# What collections write where they do not know the view either
_NO_VIEW_CODES = frozenset(("", "UNK", "UNKNOWN", "NAN", "NONE", "N/A"))

RowValues = Mapping[str, str]  # of a row, by lower-case column
ViewCodes = Mapping[str, View]  # a collection's own words for views, upper case


@dataclass(frozen=True, slots=True)
class Entry:
    """An image of a collection.

    places: where it may lie, relative to the root, the most likely first; the last one also below
    any other folder. view: frontal, lateral, other (the collection states something else), or
    empty (it states nothing).
    """

    places: tuple[str, ...]
    view: str
    patient: str
    original_view: str


@dataclass(frozen=True, slots=True)
class Index:
    """One form in which a collection lists its images.

    patterns: globs below the root for the files that together are the index. columns: those
    needed, lower case. entry: a row -> the image that it names. needs_headers: the view is stated
    in the DICOM headers alone.
    """

    patterns: tuple[str, ...]
    columns: tuple[str, ...]
    entry: Callable[[RowValues], Entry]
    needs_headers: bool = False


def view_of_code(code: str, codes: ViewCodes) -> str:
    """Return frontal, lateral, other or empty for a collection's own word for the view."""
    word = " ".join(code.upper().split())
    return UNKNOWN if word in _NO_VIEW_CODES else str(codes.get(word, OTHER))


def find_index(root: Path, indices: Sequence[Index]) -> tuple[Index, list[Path]]:
    """Return the first form of index that is present, and its files.

    Raises MissingInput, naming the patterns, if there is none.
    """
    for index in indices:
        files = [path for pattern in index.patterns for path in sorted(root.glob(pattern))]
        if files:  # of x.csv and x.csv.gz, one
            stems = {str(path).removesuffix(".gz"): path for path in reversed(files)}
            return index, sorted(stems.values())
    patterns = ", ".join(pattern for index in indices for pattern in index.patterns)
    raise MissingInput(f"{root}: no index of the collection; looked for {patterns}")


def entries_in(path: Path, index: Index) -> Iterator[Entry]:
    """Yield the image of every row of an index file. Raises WrongUse or MissingInput, naming it."""
    for _, row in read_table(path, index.columns, lower_case=True):
        yield index.entry(row)


F, L = View.FRONTAL, View.LATERAL

# A decubitus radiograph (LLD, RLD) is taken with a frontal beam. Neither frontal nor lateral:
# obliques (RAO, LAO, LPO), SWIMMERS, AP AXIAL.
MIMIC_VIEWS = {
    **dict.fromkeys(("AP", "PA", "AP LLD", "AP RLD", "PA LLD", "PA RLD"), F),
    **dict.fromkeys(("LATERAL", "LL", "XTABLE LATERAL"), L),
}
# ViewCodeSequence_CodeMeaning, where ViewPosition is empty: 4 % of the images
MIMIC_CODE_MEANINGS = {
    **dict.fromkeys(("POSTERO-ANTERIOR", "ANTERO-POSTERIOR"), F),
    **dict.fromkeys(("LATERAL", "LEFT LATERAL", "RIGHT LATERAL"), L),
}
CHEXPERT_VIEWS = {"FRONTAL": F, "LATERAL": L}
PADCHEST_VIEWS = {"PA": F, "AP": F, "AP_HORIZONTAL": F, "L": L}  # other: COSTAL (ribs), EXCLUDE
NIH_VIEWS = {"PA": F, "AP": F}
OPEN_I_VIEWS = {"FRONTAL": F, "LATERAL": L}
COVID_VIEWS = {
    **dict.fromkeys(("PA", "AP", "AP SUPINE", "AP ERECT", "APS"), F),
    **dict.fromkeys(("L", "LATERAL", "LL", "RL"), L),
}  # other: Axial, Coronal (computed tomography)


def _mimic_place(values: RowValues, suffix: str) -> tuple[str, ...]:
    subject, study = identifier(values["subject_id"]), identifier(values["study_id"])
    name = values["dicom_id"] + suffix
    return f"files/p{subject[:2]}/p{subject}/s{study}/{name}", name


def _mimic(values: RowValues, suffix: str) -> Entry:
    position, meaning = (
        values["viewposition"],
        values.get("viewcodesequence_codemeaning", ""),
    )
    view = view_of_code(position, MIMIC_VIEWS) or view_of_code(meaning, MIMIC_CODE_MEANINGS)
    places = _mimic_place(values, suffix)
    return Entry(places, view, identifier(values["subject_id"]), position or meaning)


def mimic_jpg(values: RowValues) -> Entry:
    """MIMIC-CXR-JPG: https://physionet.org/content/mimic-cxr-jpg/2.1.0/."""
    return _mimic(values, ".jpg")


def mimic_dicom(values: RowValues) -> Entry:
    """MIMIC-CXR with the metadata table of MIMIC-CXR-JPG beside it: same images, same names."""
    return _mimic(values, ".dcm")


def mimic_record(values: RowValues) -> Entry:
    """MIMIC-CXR, cxr-record-list.csv.gz: https://physionet.org/content/mimic-cxr/2.1.0/."""
    return Entry(_mimic_place(values, ".dcm"), "", identifier(values["subject_id"]), "")


def chexpert(values: RowValues) -> Entry:
    """CheXpert: https://stanfordmlgroup.github.io/competitions/chexpert/.

    `CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg`: the first folder is the root. The
    full release has the images of `train` in several folders (`CheXpert-v1.0 batch 2 (train 1)`).
    """
    path, side = values["path"], values["frontal/lateral"]
    below = path.partition("/")[2]
    parts = path.split("/")
    start = next((n for n, part in enumerate(parts) if part.startswith("patient")), len(parts) - 1)
    patient = parts[start] if parts[start].startswith("patient") else ""
    view = view_of_code(side, CHEXPERT_VIEWS)
    return Entry((below, path, "/".join(parts[start:])), view, patient,
                 f"{side} {values.get('ap/pa', '')}".strip())  # fmt: skip


def padchest(values: RowValues) -> Entry:
    """PadChest: https://bimcv.cipf.es/bimcv-projects/padchest/. ImageDir is the number of a zip."""
    name, projection = values["imageid"], values["projection"]
    folder = identifier(values["imagedir"])
    view = view_of_code(projection, PADCHEST_VIEWS)
    return Entry((f"{folder}/{name}", name), view, identifier(values["patientid"]), projection)


def nih(values: RowValues) -> Entry:
    """ChestX-ray14: https://nihcc.app.box.com/v/ChestXray-NIHCC. Images in images/ or images_*/."""
    name, position = values["image index"], values["view position"]
    return Entry((f"images/{name}", name), view_of_code(position, NIH_VIEWS),
                 identifier(values["patient id"]), position)  # fmt: skip


def open_i(values: RowValues) -> Entry:
    """Open-i: https://www.kaggle.com/datasets/raddar/chest-xrays-indiana-university.

    One uid is one report and counts as one patient. Some projections are known to be wrong.
    """
    name, projection = values["filename"], values["projection"]
    return Entry((f"images/images_normalized/{name}", name), view_of_code(projection, OPEN_I_VIEWS),
                 identifier(values["uid"]), projection)  # fmt: skip


def vindr(values: RowValues) -> Entry:
    """VinDr-CXR: https://physionet.org/content/vindr-cxr/1.0.0/. All PA, no patients."""
    name = values["image_id"]
    return Entry((f"train/{name}.dicom", f"test/{name}.dicom", f"{name}.dicom"), F, "", "PA")


def covid(values: RowValues) -> Entry:
    """covid-chestxray: https://github.com/ieee8023/covid-chestxray-dataset, CONTRIBUTING.md."""
    name, view, modality = values["filename"], values["view"], values.get("modality", "X-ray")
    is_radiograph = modality.strip().lower() in ("x-ray", "")
    word = view_of_code(view, COVID_VIEWS) if is_radiograph else "other"
    folder = values.get("folder", "").strip() or "images"
    original = view if is_radiograph else f"{view} ({modality})"
    return Entry((f"{folder}/{name}", name), word, identifier(values["patientid"]), original)


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection with an index. indices: the forms it comes in, the most informative first."""

    title: str
    indices: tuple[Index, ...]
    citation: str
    terms: str  # its licence, or where its terms of use stand


_PHYSIONET = "PhysioNet Credentialed Health Data License 1.5.0"
_CHEXPERT_CITATION = "Irvin et al., CheXpert, AAAI 2019, arXiv:1901.07031"
_CHEXPERT_TERMS = "Stanford University Dataset Research Use Agreement"
_METADATA = ("mimic-cxr-*-metadata.csv", "mimic-cxr-*-metadata.csv.gz")
_MIMIC_COLUMNS = ("dicom_id", "subject_id", "study_id", "viewposition")

COLLECTIONS: dict[str, Collection] = {
    "mimic-cxr": Collection("MIMIC-CXR, DICOM", (
        Index(_METADATA, _MIMIC_COLUMNS, mimic_dicom),
        Index(("cxr-record-list.csv", "cxr-record-list.csv.gz"),
              ("subject_id", "study_id", "dicom_id"), mimic_record, needs_headers=True),
    ), "Johnson et al., MIMIC-CXR, Scientific Data 6, 317 (2019)", _PHYSIONET),
    "mimic-cxr-jpg": Collection("MIMIC-CXR-JPG", (
        Index(_METADATA, _MIMIC_COLUMNS, mimic_jpg),
    ), "Johnson et al., MIMIC-CXR-JPG, arXiv:1901.07042 (2019)", _PHYSIONET),
    "chexpert": Collection("CheXpert", (
        Index(("train.csv", "valid.csv"), ("path", "frontal/lateral"), chexpert),
        Index(("*/train.csv", "*/valid.csv"), ("path", "frontal/lateral"), chexpert),
    ), _CHEXPERT_CITATION, _CHEXPERT_TERMS),
    "chexpert-valid": Collection("CheXpert, validation set", (
        Index(("valid.csv",), ("path", "frontal/lateral"), chexpert),
        Index(("*/valid.csv",), ("path", "frontal/lateral"), chexpert),
    ), _CHEXPERT_CITATION, _CHEXPERT_TERMS),
    "padchest": Collection("PadChest", (
        Index(("PADCHEST_chest_x_ray_images_labels_160K*.csv",
               "PADCHEST_chest_x_ray_images_labels_160K*.csv.gz"),
              ("imageid", "imagedir", "patientid", "projection"), padchest),
    ), "Bustos et al., PadChest, Medical Image Analysis 66, 101797 (2020)",
       "https://bimcv.cipf.es/bimcv-projects/padchest/"),
    "nih-cxr14": Collection("NIH ChestX-ray14", (
        Index(("Data_Entry_2017_v2020.csv",),
              ("image index", "patient id", "view position"), nih),
        Index(("Data_Entry_2017.csv",),
              ("image index", "patient id", "view position"), nih),
    ), "Wang et al., ChestX-ray8, CVPR 2017; images provided by the NIH Clinical Center",
       "https://nihcc.app.box.com/v/ChestXray-NIHCC"),
    "open-i": Collection("Open-i, Indiana University", (
        Index(("indiana_projections.csv",), ("uid", "filename", "projection"), open_i),
    ), "Demner-Fushman et al., Preparing a collection of radiology examinations for distribution "
       "and retrieval, JAMIA 23, 304-310 (2016)", "https://openi.nlm.nih.gov/faq"),
    "vindr-cxr": Collection("VinDr-CXR", (
        Index(("annotations/image_labels_*.csv", "image_labels_*.csv"), ("image_id",), vindr,
              needs_headers=True),
        Index(("annotations/annotations_*.csv", "annotations_*.csv", "train.csv"), ("image_id",),
              vindr, needs_headers=True),
    ), "Nguyen et al., VinDr-CXR, Scientific Data 9, 429 (2022)", _PHYSIONET),
    "covid-chestxray": Collection("COVID-19 image data collection", (
        Index(("metadata.csv",), ("patientid", "view", "filename"), covid),
    ), "Cohen et al., COVID-19 Image Data Collection, arXiv:2006.11988 (2020)",
       "the licence of each image stands in metadata.csv"),
}  # fmt: skip
