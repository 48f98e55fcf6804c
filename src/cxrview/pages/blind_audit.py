"""A table of verdicts -> a random sample that people label without the verdicts -> error rates."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from starlette.applications import Starlette

from cxrview.atomic import atomic_write, translate_os_errors
from cxrview.datasets.listing import LabelTable
from cxrview.errors import MissingInput, WrongUse
from cxrview.pages.access import Origins, Sessions
from cxrview.pages.audit_report import AuditPlan, Stratum, report_page
from cxrview.pages.label_app import Labeling, label_app
from cxrview.pages.label_tables import by_image, write_label_table
from cxrview.pages.pictures import PictureService
from cxrview.pages.records import LabelRecord, NewImage
from cxrview.pages.review_server import ReviewOptions, absolute_name
from cxrview.pages.review_table import ReviewTable, RowItems, read_review_table
from cxrview.pages.server import Address, serve
from cxrview.pages.store import LabelStore
from cxrview.report.content import Page
from cxrview.report.html import html_page
from cxrview.views import Verdict

STRATIFIED = "stratified"  # reason in the label table


def sample_sizes(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """Size of each stratum -> how many of it are drawn, in all `count` or all there are.

    In proportion to the square root of the size (Bankier 1988), at least one: the rare verdicts
    get enough for a rate of their own, the common ones enough for the overall rate.
    """
    left = min(count, sum(sizes.values()))
    ordered = sorted(sizes, key=lambda name: sizes[name])
    drawn: dict[str, int] = {}
    for position, name in enumerate(ordered):
        roots = sum(math.sqrt(sizes[other]) for other in ordered[position:])
        share = left * math.sqrt(sizes[name]) / roots if roots else 0.0
        drawn[name] = min(sizes[name], max(1, round(share)))
        left -= drawn[name]
    return drawn


def rows_by_verdict(table: ReviewTable) -> dict[str, list[int]]:
    """Verdict -> rows that may be drawn: not those without one, nor those that headers exclude."""
    rows: dict[str, list[int]] = {verdict.value: [] for verdict in Verdict}
    for row, view in enumerate(table.view):
        if view and not table.exclusion[row]:
            rows[view].append(row)
    return {verdict: found for verdict, found in rows.items() if found}


def draw(table: ReviewTable, count: int, seed: int) -> list[int]:
    """Return the rows of a sample, stratified by verdict, in random order."""
    rows = rows_by_verdict(table)
    sizes = sample_sizes({verdict: len(found) for verdict, found in rows.items()}, count)
    rng = np.random.default_rng(seed)
    drawn = [rng.choice(found, sizes[verdict], replace=False) for verdict, found in rows.items()]
    return [int(row) for row in rng.permutation(np.concatenate(drawn))]


@dataclass(slots=True)
class BlindAudit:
    """An open audit. `serve` answers requests until it is interrupted."""

    plan: AuditPlan
    options: ReviewOptions
    table: ReviewTable
    folder: Path
    rows: dict[int, int]  # id in the store -> row
    labels: LabelTable
    store: LabelStore

    @property
    def report_path(self) -> Path:
        """The report: corrections.csv -> corrections.audit.html."""
        return self.labels.path.with_suffix(".html")

    @property
    def remaining(self) -> int:
        """Images of the sample that have no label yet."""
        return self.store.progress(self.options.reviewer).remaining

    def serve(self, address: Address, announce: Callable[[str], object]) -> None:
        """Answer requests as `server.serve`, then write the files, also after an error."""
        all_items = RowItems(self.table, self.folder)
        items = {key: all_items[row + 1] for key, row in self.rows.items()}

        def make_app(pictures: PictureService, sessions: Sessions, origins: Origins) -> Starlette:
            return label_app(
                Labeling(
                    title="Audit of verdicts",
                    store=self.store,
                    suggestions=None,
                    pictures=pictures,
                    sessions=sessions,
                    origins=origins,
                    relative=self._relative,
                    report=lambda: html_page(self.report()),
                )
            )

        serve(address, self.options.reviewer, announce, items, make_app, self.write)

    def write(self) -> None:
        """Write the labels so far, and the report once all images have one."""
        records = self._records()
        if records or self.labels.path.exists():
            write_label_table(self.labels, records, self._relative, self.store.unreadable())
        if self.remaining == 0:
            path = self.report_path
            with atomic_write(path, self.labels.guard) as file, translate_os_errors(path):
                file.write(html_page(self.report()).encode())

    def _records(self) -> list[LabelRecord]:
        """Return the latest label of each image."""
        return [group[-1] for group in by_image(self.store.labels())]

    def _relative(self, file: str) -> str:
        return self.labels.relative(absolute_name(self.folder, file))

    def report(self) -> Page:
        """Return the report on the labels so far."""
        labelled = [(self.rows[record.image], record) for record in self._records()]
        hidden = len(self.store.unreadable())
        return report_page(self.plan, self.table, self.strata(), labelled, hidden)

    def strata(self) -> list[Stratum]:
        """Return what is known by now about each verdict in the table."""
        labels: dict[str, Counter[str]] = {verdict: Counter() for verdict in Verdict}
        for record in self._records():
            labels[self.table.view[self.rows[record.image]]][record.label] += 1
        drawn = Counter(self.table.view[row] for row in self.rows.values())
        return [
            Stratum(verdict, len(found), drawn[verdict], labels[verdict])
            for verdict, found in rows_by_verdict(self.table).items()
        ]


def open_audit(options: ReviewOptions, count: int, seed: int) -> BlindAudit:
    """Draw the sample of a table, or continue an audit that was interrupted.

    Raises WrongUse if the history beside the output belongs to another sample.
    """
    table = read_review_table(options.table)
    output = options.output.with_name(f"{options.output.stem}.audit.csv")
    options.check_outputs(output)
    labels = options.label_table(output)
    labels.guard.check(labels.path.with_suffix(".html"))
    folder = table.folder_of_names()
    digest = hashlib.sha256(options.table.read_bytes()).hexdigest()
    plan = AuditPlan(options.table.name, digest, count, seed)
    if not rows_by_verdict(table):
        raise MissingInput(f"{options.table} has no verdicts to audit")
    store = LabelStore(options.history / "audit.sqlite")
    _check_plan(options.history / "audit.json", plan)
    rows = draw(table, count, seed)
    store.add_images([NewImage(table.file[row]) for row in rows], 0.0, seed)
    ids = store.ids()
    store.put_first([(ids[table.file[row]], STRATIFIED) for row in rows])
    by_id = {ids[table.file[row]]: row for row in rows}
    return BlindAudit(plan, options, table, folder, by_id, labels, store)


def _check_plan(path: Path, plan: AuditPlan) -> None:
    """Store the plan beside the answers, or compare it with the one that is there."""
    try:
        known = dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        with atomic_write(path) as file, translate_os_errors(path):
            file.write(json.dumps(asdict(plan), indent=1).encode())
        return
    except (OSError, ValueError, TypeError) as error:
        raise WrongUse(f"{path} is not the plan of an audit: {error}") from error
    if known != asdict(plan):
        raise WrongUse(
            f"{path.parent} holds another audit: {known.get('count')} rows of {known.get('table')} "
            f"with seed {known.get('seed')}, SHA-256 {str(known.get('sha256'))[:12]}. Name another "
            "file with -o"
        )
