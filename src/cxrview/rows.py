"""One Row for each input: the columns of every table that cxrview writes, defined once."""

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from cxrview.csv_text import integer
from cxrview.views import Agreement, Verdict, View

ROTATIONS = (0, 90, 180, 270)  # degrees clockwise that make an image upright


@dataclass(frozen=True, slots=True)
class Identity:
    """Identifiers of a DICOM file, to join tables by; empty for any other file. Only on request.

    None name a person, but they lead to one in the systems of a hospital.
    """

    sop_instance_uid: str = ""  # (0008,0018)
    series_instance_uid: str = ""  # (0020,000E)
    study_instance_uid: str = ""  # (0020,000D)
    modality: str = ""  # (0008,0060)
    body_part: str = ""  # Body Part Examined (0018,0015)
    laterality: str = ""  # Image Laterality (0020,0062), else Laterality (0020,0060)
    accession_number: str | None = None  # (0008,0050); None where it was not asked for


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """The result for one input. `view` is None exactly where `error` gives the reason."""

    file: str  # as named or found; members of archives as `archive.zip::member`
    frame: int | None = None  # the classified frame, 1 .. n; None in single-frame files
    view: Verdict | None = None
    p_lateral: float | None = None  # P(lateral) in [0, 1]
    p_chest: float | None = None  # P(chest radiograph) in [0, 1]; None if it is not computed
    rotation: int | None = None  # one of ROTATIONS; None where the model is not sure
    inverted: bool | None = None  # whether bone is dark; None where the model is not sure
    header_view: View | None = None  # the view that the header claims; never used for `view`
    header_source: str = ""  # DICOM keyword that it was read from
    agreement: Agreement = Agreement.ABSENT
    error: str = ""  # `code: message`
    warning: str = ""  # `code: message` of what makes the image doubtful, parted by semicolons
    reason: str = ""  # the header fact that excludes the image; `view` is then not_chest
    width: int | None = None  # of the full image, pixels
    height: int | None = None
    model: str = ""  # name and first digits of the SHA-256
    identity: Identity | None = None  # further columns; None where they were not asked for

    def __post_init__(self) -> None:
        if (self.view is None) != bool(self.error):
            raise ValueError(f"a row has either a view or an error: {self.view=}, {self.error=}")
        if self.rotation is not None and self.rotation not in ROTATIONS:
            raise ValueError(f"a rotation is one of {ROTATIONS}, not {self.rotation}")

    def to_dict(self) -> dict[str, Any]:
        """Plain str, int, float, bool and None by column: `COLUMNS`, then those of `identity`."""
        return row_to_dict(self)

    def __repr__(self) -> str:
        """The values that are not empty."""
        named = ((name, value) for name, value in self.to_dict().items() if value not in (None, ""))
        return f"Row({', '.join(f'{name}={value!r}' for name, value in named)})"


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Row) if field.name != "identity")

IDENTITY_COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Identity))

LATER_COLUMNS = (
    "rotation",
    "inverted",
    "warning",
    "reason",
)  # tables of earlier versions lack them

ENUM_COLUMNS = ("view", "header_view", "agreement")

COLUMN_MEANINGS: dict[str, str] = {
    "file": "the input, as named or found; members of archives as archive.zip::member",
    "frame": "the classified frame (1 .. n) in files of several frames, else empty",
    "view": "frontal, lateral, uncertain or not_chest; empty where there is an error",
    "p_lateral": "probability of a lateral view, 0 .. 1",
    "p_chest": "probability of being a chest radiograph, 0 .. 1; empty if it is not computed",
    "rotation": "degrees clockwise that make the image upright: 0, 90, 180, 270; empty if unsure",
    "inverted": "true where bone is dark and air bright, else false; empty if unsure",
    "header_view": "the view that the DICOM header claims: frontal, lateral or empty",
    "header_source": "the DICOM keyword that header_view was read from",
    "agreement": "agree, conflict, or absent where verdict or header names no view",
    "error": "why there is no verdict, as `code: message`; empty where there is one",
    "warning": "what makes the pixels doubtful, as `code: message`; empty where nothing does",
    "reason": "the header fact that rules a chest radiograph out, as `modality MR`; else empty",
    "width": "of the full image, in pixels",
    "height": "of the full image, in pixels",
    "model": "the model: name@first digits of its SHA-256",
}

IDENTITY_MEANINGS: dict[str, str] = {
    "sop_instance_uid": "SOP Instance UID (0008,0018); empty for files that are not DICOM; the "
    "same holds for the columns below",
    "series_instance_uid": "Series Instance UID (0020,000E)",
    "study_instance_uid": "Study Instance UID (0020,000D)",
    "modality": "Modality (0008,0060): a word of capitals and digits, else `(unknown value)`",
    "body_part": "Body Part Examined (0018,0015), where its words are anatomical terms; else the "
    "word for the chest that it contains, or `(unknown value)`",
    "laterality": "Image Laterality (0020,0062), else Laterality (0020,0060): L, R, B or U",
    "accession_number": "Accession Number (0008,0050); only with --with-accession",
}


# Millions of rows: the look-up of an enumeration itself is slow.
_columns = attrgetter(*COLUMNS)
_VERDICTS = {one.value: one for one in Verdict}
_VIEWS = {one.value: one for one in View}
_AGREEMENTS = {one.value: one for one in Agreement}


def row_to_dict(row: Row) -> dict[str, Any]:
    """Row -> plain str, int, float, bool and None by column, in order; enums as their values."""
    values = dict(zip(COLUMNS, _columns(row), strict=True))
    for name in ENUM_COLUMNS:
        if values[name] is not None:
            values[name] = str.__str__(values[name])
    if row.identity:
        for name in IDENTITY_COLUMNS:
            values[name] = getattr(row.identity, name)
        if row.identity.accession_number is None:
            del values["accession_number"]
    return values


def pose_marks(row: Row) -> list[str]:
    """What must be done to see the image upright and bone bright, in short: 90°, inverted."""
    marks = [f"{row.rotation}\N{DEGREE SIGN}"] if row.rotation else []
    return [*marks, "inverted"] if row.inverted else marks


def _parse_number(text: Any) -> float | None:
    return None if text is None or text == "" else float(text)


def _parse_integer(value: Any) -> int | None:
    if value is None or value == "":
        return None
    whole = integer(value) if isinstance(value, str) else int(value)
    if isinstance(value, float) and whole != value:
        raise ValueError(f"{value} is not an integer")
    return whole


def _parse_boolean(value: Any) -> bool | None:
    if value is None or value == "" or isinstance(value, bool):
        return None if value == "" else value
    if str(value).lower() not in ("true", "false"):  # spreadsheets write TRUE
        raise ValueError(f"{value!r} is neither true nor false")
    return str(value).lower() == "true"


def row_from_dict(values: dict[str, Any]) -> Row:
    """The inverse of `row_to_dict`; also accepts the all-text values of a CSV file."""
    file, view = values["file"], values["view"]
    header_view, agreement = values["header_view"], values["agreement"]
    return Row(
        file=file,
        frame=_parse_integer(values["frame"]),
        view=(_VERDICTS.get(view) or Verdict(view)) if view else None,
        p_lateral=_parse_number(values["p_lateral"]),
        p_chest=_parse_number(values["p_chest"]),
        rotation=_parse_integer(values.get("rotation")),
        inverted=_parse_boolean(values.get("inverted")),
        header_view=(_VIEWS.get(header_view) or View(header_view)) if header_view else None,
        header_source=values["header_source"] or "",
        agreement=_AGREEMENTS.get(agreement) or Agreement(agreement),
        error=values["error"] or "",
        warning=values.get("warning") or "",
        reason=values.get("reason") or "",
        width=_parse_integer(values["width"]),
        height=_parse_integer(values["height"]),
        model=values["model"] or "",
        identity=_parse_identity(values),
    )


def _parse_identity(values: dict[str, Any]) -> Identity | None:
    if IDENTITY_COLUMNS[0] not in values:
        return None
    return Identity(**{name: values[name] for name in IDENTITY_COLUMNS if name in values})
