"""One run of `audit`: images or a table of verdicts -> findings, as a page and a table."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cxrview.atomic import OutputGuard, atomic_write, translate_os_errors
from cxrview.audit.findings import AuditedImage, findings_of
from cxrview.audit.inspection import (
    TagValue,
    ViewTags,
    apply_to_items,
    make_fingerprint,
    make_tag_reader,
)
from cxrview.audit.mimic_metadata import count_without_row, dicom_id, metadata_tags, write_filled
from cxrview.audit.page import Audit, chosen, page_of, write_findings
from cxrview.engines.local import engine_for
from cxrview.engines.outcomes import Engine
from cxrview.errors import UnusableOutput, WrongUse
from cxrview.inference.contact_sheet import make_thumbnails
from cxrview.inference.corrections import Correction, read_corrections
from cxrview.inference.known_image import UNKNOWN, KnownImage, known_images
from cxrview.inference.options import ClassifyOptions
from cxrview.inference.run import ClassifyRun, Progress, find_items, no_progress
from cxrview.inference.table_reader import check_unique, read_rows
from cxrview.inference.table_writers import TABLE_SUFFIXES
from cxrview.report.html import html_page, image_uri
from cxrview.rows import Row
from cxrview.sources.find import Item, items_named

PAGE_SUFFIX = ".html"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """What is audited, and what is written. Raises WrongUse or UnusableOutput if invalid."""

    path: str  # images, or a table that `classify` wrote
    page: Path
    model: str
    jobs: int | None = None
    metadata: Path | None = None  # of MIMIC-CXR-JPG
    filled: Path | None = None  # the copy of it with blank ViewPositions filled
    limit: int = 40  # findings of each kind that are shown
    shows_headers: bool = False
    may_overwrite: bool = False

    def __post_init__(self) -> None:
        if self.page.suffix.lower() != PAGE_SUFFIX:
            raise UnusableOutput(f"the page {self.page} does not end in {PAGE_SUFFIX}")
        if self.filled and not self.metadata:
            raise WrongUse("--fill copies the table that --metadata names")
        if self.filled and self.filled.suffix.lower() != ".csv":
            raise UnusableOutput(f"the filled table {self.filled} does not end in .csv")
        inputs = [os.path.realpath(path) for path in (self.path, self.metadata) if path]
        for what, output, option in (
            ("page", self.page, "-o"),
            ("findings", self.table, "-o"),
            ("filled table", self.filled, "--fill"),
        ):
            if output and os.path.realpath(output) in inputs:
                raise WrongUse(
                    f"the {what} would be written to {output}, which is to be read: choose another "
                    f"name with {option}"
                )
        if self.filled and os.path.realpath(self.filled) == os.path.realpath(self.table):
            raise WrongUse(f"{self.table} is the table of findings: name another file with --fill")

    @property
    def is_table(self) -> bool:
        """Whether the path is a table of verdicts."""
        path = Path(self.path)
        return path.suffix.lower() in TABLE_SUFFIXES and path.is_file()

    @property
    def table(self) -> Path:
        """The table of findings."""
        return self.page.with_suffix(".csv")


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What was found. filled: rows of the metadata by what their ViewPosition is known."""

    audit: Audit
    filled: Counter[str]


def run_audit(options: AuditOptions, progress: Progress = no_progress) -> AuditResult:
    """Classify if need be, compare, and write the page and the tables.

    Raises MissingInput, MissingExtra, UnusableOutput, UnusableModel or WrongUse.
    """
    guard = OutputGuard(options.may_overwrite)
    for path in filter(None, (options.page, options.table, options.filled)):
        guard.check(path)
    metadata = metadata_tags(options.metadata) if options.metadata else {}
    found = (
        _table(options, metadata) if options.is_table else _classify(options, metadata, progress)
    )
    engine = engine_for(options.jobs)
    tags: dict[int, ViewTags | None] = {}
    tasks = {index: (item, found.known[index]) for index, item in found.items.items()}
    with progress(len(tasks)) as step:
        for index, result in apply_to_items(engine, make_tag_reader, tasks):
            tags[index] = result
            step()
    items = {index: item for index, item in found.items.items() if index in tags}
    unavailable = sum(row.view is not None and n not in tags for n, row in enumerate(found.rows))
    images = _compare(found, tags, metadata)
    images = _with_fingerprints(images, items, engine, progress)
    name = f" of {Path(options.path).name}" if options.shows_headers else ""
    title = f"View tags{name}, compared with the pixels"
    findings, table = findings_of(images), options.table.name
    audit = Audit(
        title, images, findings, unavailable, found.without_row, options.shows_headers, table
    )
    _write(options, audit, items, engine, guard)
    filled: Counter[str] = Counter()
    if options.metadata and options.filled:
        by_id = {dicom_id(image.row.file): image for image in images}
        filled = write_filled(options.metadata, options.filled, by_id, guard)
    return AuditResult(audit, filled)


@dataclass(frozen=True, slots=True)
class _Input:
    """Rows, what is known about their images, the items of those that are there, corrections.

    without_row: number of images that `--metadata` does not have.
    """

    rows: Sequence[Row]
    known: Sequence[KnownImage]
    items: Mapping[int, Item]
    corrections: Mapping[str, Correction]
    without_row: int


def _classify(
    options: AuditOptions, metadata: Mapping[str, ViewTags], progress: Progress
) -> _Input:
    classify = ClassifyOptions(paths=(options.path,), model=options.model, jobs=options.jobs)
    found = find_items(classify)
    without_row = _without_row(options, metadata, [item.name for item in found.items])
    rows: list[Row] = []
    ClassifyRun(classify, [lambda _, row: rows.append(row)], progress, found=found).run()
    items = _readable(rows, dict(enumerate(found.items)))
    return _Input(rows, [UNKNOWN] * len(rows), items, {}, without_row)


def _table(options: AuditOptions, metadata: Mapping[str, ViewTags]) -> _Input:
    """The rows of a table and the items that are still there."""
    path = Path(options.path)
    rows = list(read_rows(path))
    without_row = _without_row(options, metadata, [row.file for row in rows])
    check_unique(path, [row.file for row in rows])
    items = items_named(row.file for row in rows)
    indices = {n: items[row.file] for n, row in enumerate(rows) if row.file in items}
    known, corrections = known_images(path, rows), read_corrections(path)
    return _Input(rows, known, _readable(rows, indices), corrections, without_row)


def _without_row(
    options: AuditOptions, metadata: Mapping[str, ViewTags], names: Sequence[str]
) -> int:
    return count_without_row(names, metadata, options.metadata) if options.metadata else 0


def _readable(rows: Sequence[Row], items: Mapping[int, Item]) -> dict[int, Item]:
    return {index: item for index, item in items.items() if rows[index].view is not None}


def _compare(
    found: _Input, tags: Mapping[int, ViewTags | None], metadata: Mapping[str, ViewTags]
) -> list[AuditedImage]:
    """The images with their tags: of the metadata, else of the file, else of the table."""
    images = []
    for index, row in enumerate(found.rows):
        own = tags[index] if index in tags else _tags_of_row(row)
        known = metadata.get(dicom_id(row.file), own)
        images.append(AuditedImage(row, known, found.corrections.get(row.file)))
    return images


def _tags_of_row(row: Row) -> ViewTags | None:
    if row.header_view is None:
        return None
    return ViewTags((TagValue(row.header_source, "", row.header_view),))


def _with_fingerprints(
    images: list[AuditedImage], items: Mapping[int, Item], engine: Engine, progress: Progress
) -> list[AuditedImage]:
    """Add the fingerprints of radiographs whose study has several images."""
    sizes = Counter(image.study for image in images if image.study)
    needed = {
        index: item
        for index, item in items.items()
        if sizes[images[index].study] > 1 and images[index].likely_view
    }
    with progress(len(needed)) as step:
        for index, bits in apply_to_items(engine, make_fingerprint, needed):
            images[index] = replace(images[index], fingerprint=bits)
            step()
    return images


def _write(
    options: AuditOptions, audit: Audit, items: Mapping[int, Item], engine: Engine,
    guard: OutputGuard,
) -> None:  # fmt: skip
    with atomic_write(options.table, guard) as file, translate_os_errors(options.table):
        write_findings(file, audit)
    shown = chosen(audit.findings, options.limit)
    wanted = {n for some in shown.values() for _, finding in some for n in finding.images}
    thumbnails = {
        index: image_uri(grey, "jpeg")
        for index, grey in apply_to_items(
            engine, make_thumbnails, {n: items[n] for n in wanted if n in items}
        )
    }
    page = page_of(audit, thumbnails, options.limit)
    with atomic_write(options.page, guard) as file, translate_os_errors(options.page):
        file.write(html_page(page).encode())
