"""What a table states about its DICOM files -> whether a file still holds that image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cxrview.errors import UnsupportedImage
from cxrview.inference.corrections import read_column
from cxrview.readers.dicom_dataset import IDENTIFIERS
from cxrview.readers.dicom_file import DicomFile
from cxrview.readers.dicom_header import layout_of
from cxrview.rows import Row

UID_TAG = IDENTIFIERS["SOPInstanceUID"][0]  # to be read from a file that is checked
OTHER_SIZE = "size: "  # of a warning: the pixels have another size than the header states


@dataclass(frozen=True, slots=True)
class KnownImage:
    """What a table states about an image; None and "" where it does not."""

    size: tuple[int | None, int | None] | None = None  # columns and rows
    sop_instance_uid: str = ""

    def check(self, file: DicomFile) -> None:
        """Raise UnsupportedImage for a file with another image than the one in the table."""
        layout, uid = layout_of(file), file.dataset.text("SOPInstanceUID")
        is_other_size = self.size not in (None, (layout.columns, layout.rows))
        if is_other_size or (self.sop_instance_uid and self.sop_instance_uid != uid):
            raise UnsupportedImage("the file has changed since it was classified: classify again")


UNKNOWN = KnownImage()


def known_images(table: Path, rows: Sequence[Row]) -> list[KnownImage]:
    """What a table states about the image of each row. Raises MissingInput or WrongUse."""
    uids = read_column(table, "sop_instance_uid")  # of tables that `classify --ids` wrote
    return [
        KnownImage(
            None if row.width is None or OTHER_SIZE in row.warning else (row.width, row.height),
            uids.get(row.file, ""),
        )
        for row in rows
    ]
