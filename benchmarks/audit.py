"""What `cxrview audit` finds of the wrong and missing view tags in DICOM phantoms.

python benchmarks/audit.py --images 2000

Writes studies of a frontal and a lateral phantom in all DICOM encodings, with 5 % wrong and 20 %
missing view tags, studies whose views are swapped, and duplicates within studies; audits the folder
as the command does, and prints how much of each was found, and the false alarms, as Markdown.
"""

import argparse
import io
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydicom import dcmread

from cxrview.audit.findings import FindingKind
from cxrview.audit.run import AuditOptions, run_audit
from cxrview.metrics.classification import Share
from cxrview.model.card import DEFAULT_MODEL
from cxrview.phantom.dicom_object import (
    WRONG_PROJECTIONS,
    Correctness,
    PhantomIdentity,
    StatedView,
    dicom_object,
    patient_orientation_of,
)
from cxrview.phantom.draw import Phantom, draw_one
from cxrview.phantom.encodings import ENCODINGS, quantize

WRONG_SHARE, MISSING_SHARE = 0.05, 0.20
SWAPPED_SHARE = 0.01  # of the studies: both of their images are wrong
DUPLICATE_SHARE = 0.01  # of the images
DICOM = [encoding for encoding in ENCODINGS if encoding.transfer_syntax]


@dataclass(slots=True)
class Planted:
    """What is wrong in the files of a folder: names of files, and swapped studies as pairs."""

    files: list[str] = field(default_factory=list)
    wrong: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    swapped: set[frozenset[str]] = field(default_factory=set)
    repeated: set[frozenset[str]] = field(default_factory=set)
    duplicates: set[frozenset[str]] = field(default_factory=set)
    inverted: set[str] = field(default_factory=set)


def write_collection(folder: Path, images: int, seed: int = 0, side: int = 512) -> Planted:
    """Write `images` DICOM phantoms into a new folder, and return what is wrong with them."""
    folder.mkdir(parents=True)
    planted, copies = Planted(), max(1, round(DUPLICATE_SHARE * images))
    studies = (images - copies) // 2
    kinds = image_kinds(studies, seed)
    for number in range(2 * studies):
        study, is_lateral = divmod(number, 2)
        phantom = draw_one(seed, number, side, float(is_lateral))
        data = file_of(phantom, seed, number, study, kinds[number])
        name = f"{study:05}-{number % 2}.dcm"
        (folder / name).write_bytes(data)
        planted.files.append(name)
        if phantom.inverted:
            planted.inverted.add(name)
        if kinds[number] is Correctness.WRONG:
            planted.wrong.add(name)
        if kinds[number] is Correctness.ABSENT:
            planted.missing.add(name)
        if study < copies and is_lateral:
            twin = f"{study:05}-2.dcm"
            (folder / twin).write_bytes(file_of(phantom, seed, number, study, None))
            planted.files.append(twin)
            planted.duplicates.add(frozenset((name, twin)))
            if phantom.inverted:
                planted.inverted.add(twin)
    for study in range(studies):
        pair = [f"{study:05}-{place}.dcm" for place in (0, 1)]
        states = [kinds[2 * study + place] for place in (0, 1)]
        if states == [Correctness.WRONG] * 2:
            planted.swapped.add(frozenset(pair))
        if study >= copies and set(states) == {Correctness.WRONG, Correctness.RIGHT}:
            planted.repeated.add(frozenset(pair))
    return planted


def image_kinds(studies: int, seed: int) -> list[Correctness]:
    """The kind of header of each image, in an order that the seed determines."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, 2)))
    swapped = set(rng.permutation(studies)[: max(1, round(SWAPPED_SHARE * studies))].tolist())
    single = [n for n in range(2 * studies) if n // 2 not in swapped]
    order = rng.permutation(single)
    wrong = round(WRONG_SHARE * 2 * studies) - 2 * len(swapped)
    missing = round(MISSING_SHARE * 2 * studies)
    # at most one wrong image in every other study, so that only the swapped ones are swapped
    chosen: list[int] = []
    for one in order.tolist():
        if len(chosen) < wrong and one ^ 1 not in chosen:
            chosen.append(one)
    rest = [n for n in order.tolist() if n not in set(chosen)]
    kinds = [Correctness.RIGHT] * (2 * studies)
    for n in [*chosen, *(2 * study + place for study in swapped for place in (0, 1))]:
        kinds[n] = Correctness.WRONG
    for n in rest[:missing]:
        kinds[n] = Correctness.ABSENT
    return kinds


def file_of(
    phantom: Phantom, seed: int, number: int, study: int, kind: Correctness | None
) -> bytes:
    """A DICOM file with the Study Instance UID of its study. kind: None for a second copy."""
    encoding = DICOM[(number + (kind is None)) % len(DICOM)]
    stated = stated_view(phantom, number, kind or Correctness.RIGHT)
    identity = PhantomIdentity(seed, number)
    data = dicom_object(quantize(phantom.pixels, encoding.bits), identity, stated, encoding, number)
    dataset = dcmread(io.BytesIO(data))
    dataset.StudyInstanceUID = PhantomIdentity(seed, study).uid("audit study")
    if kind is None:
        dataset.SOPInstanceUID = identity.uid("audit copy")
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def stated_view(phantom: Phantom, number: int, kind: Correctness) -> StatedView:
    """The tags of a header; of every third wrong one, only ViewPosition is wrong."""
    if kind is Correctness.ABSENT:
        return StatedView(kind)
    true = phantom.projection
    stated = WRONG_PROJECTIONS[true] if kind is Correctness.WRONG else true
    oriented = true if number % 3 == 0 else stated
    orientation = patient_orientation_of(oriented, phantom.mirrored) if number % 4 != 1 else ""
    return StatedView(kind, stated.value, orientation, stated.view)


def results(planted: Planted, found: dict[FindingKind, list[frozenset[str]]]) -> Iterator[str]:
    """The lines of a Markdown table: found, false alarms."""
    total = len(planted.files)
    yield "| finding | planted | found | share, 95 % interval | false alarms |"
    yield "|---|---|---|---|---|"
    expected = {
        FindingKind.WRONG_TAG: {frozenset((name,)) for name in planted.wrong},
        FindingKind.MISSING_TAG: {frozenset((name,)) for name in planted.missing},
        FindingKind.SWAPPED_VIEWS: planted.swapped,
        FindingKind.REPEATED_VIEW: planted.repeated,
        FindingKind.DUPLICATE: planted.duplicates,
        FindingKind.INVERTED: {frozenset((name,)) for name in planted.inverted},
        FindingKind.ROTATED: set(),
    }
    for kind, wanted in expected.items():
        reported = found.get(kind, [])
        hits, false = len(wanted & set(reported)), len(set(reported) - wanted)
        share = "none planted"
        if wanted:
            found_share = Share(hits, len(wanted))
            low, high = found_share.interval
            share = f"{found_share.value:.1%} ({low:.1%} to {high:.1%})"
        per_image = f"{false} ({false / total:.2%} of the images)"
        yield f"| {kind} | {len(wanted)} | {hits} | {share} | {per_image} |"


def audited(
    folder: Path, page: Path, model: str = DEFAULT_MODEL, jobs: int | None = None
) -> tuple[dict[FindingKind, list[frozenset[str]]], Counter[str | None]]:
    """Audit a folder -> files of each finding by kind, and the verdicts."""
    options = AuditOptions(path=str(folder), page=page, model=model, jobs=jobs)
    audit = run_audit(options).audit
    found: dict[FindingKind, list[frozenset[str]]] = {}
    for one in audit.findings:
        names = frozenset(Path(audit.images[n].row.file).name for n in one.images)
        found.setdefault(one.kind, []).append(names)
    return found, Counter(image.row.view for image in audit.images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--keep", type=Path, help="new folder for the phantoms, page and table")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = arguments.keep or Path(temporary)
        planted = write_collection(
            place / "phantoms", arguments.images, arguments.seed, arguments.side
        )
        clock = time.monotonic()
        found, verdicts = audited(place / "phantoms", place / "audit.html", arguments.model)
        print(f"{len(planted.files)} images audited in {time.monotonic() - clock:.0f} s: "
              + ", ".join(f"{count} {view}" for view, count in verdicts.most_common()))  # fmt: skip
    print(*results(planted, found), sep="\n")


if __name__ == "__main__":
    main()
