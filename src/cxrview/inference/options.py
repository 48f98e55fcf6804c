"""What a run of `classify` reads, with which model, and where its results go."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cxrview.errors import UnusableOutput, WrongUse
from cxrview.inference.chunks import Shard
from cxrview.inference.sorting import PlacementMode
from cxrview.inference.table_writers import writer_for
from cxrview.model.card import DEFAULT_MODEL
from cxrview.rows import Identity
from cxrview.sources.files import is_remote

REPORT = ".report.json"


class EngineKind(StrEnum):
    """Where images are read and classified."""

    LOCAL = "local"
    RAY = "ray"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifyOptions:
    """What a run reads, with which model, and where its results go. Raises WrongUse if invalid."""

    paths: tuple[str, ...]
    model: str = DEFAULT_MODEL
    jobs: int | None = None  # worker processes; 0: this process; None: one for each processor
    table: Path | None = None
    is_fresh: bool = False  # ignore the results of earlier runs into the same table
    may_overwrite: bool = False  # replace files that no run into the same table has written
    shard: Shard | None = None
    sort_into: Path | None = None
    placement: PlacementMode = PlacementMode.LINK
    keeps_tree: bool = False
    resort: bool = False
    upright: bool = False
    sheet: Path | None = None
    sheet_images: int = 60
    review_list: Path | None = None
    log_file: Path | None = None  # which every run appends to
    identity: Identity | None = None  # empty, with the identifiers that become columns
    engine: EngineKind = EngineKind.LOCAL
    ray_address: str = ""

    def __post_init__(self) -> None:
        if self.jobs is not None and self.jobs < 0:
            raise WrongUse(f"--jobs cannot be negative: {self.jobs}")
        if self.ray_address and self.engine is not EngineKind.RAY:
            raise WrongUse("--ray-address is for --engine ray")
        if self.shard and not self.table:
            raise WrongUse("--part needs a table that several processes make: name it with -o")
        if self.shard and self.is_fresh:
            raise WrongUse("--fresh would remove what other parts have done: name another table")
        if self.shard and (self.sort_into or self.sheet or self.review_list):
            raise WrongUse("--part makes rows only: sort and draw when the table is joined")
        self._check_outputs()

    def _check_outputs(self) -> None:
        if (self.keeps_tree or self.resort) and not self.sort_into:
            raise WrongUse("--keep-tree and --resort need --link-into or --copy-into")
        if self.upright and not (self.sort_into and self.placement is PlacementMode.COPY):
            raise WrongUse("--upright changes copies: it needs --copy-into")
        if self.sheet and self.sheet.suffix.lower() != ".png":
            raise UnusableOutput(f"the sheet is a PNG, but {self.sheet} does not end in .png")
        if self.review_list and self.review_list.suffix.lower() != ".csv":
            raise UnusableOutput(f"the review list {self.review_list} does not end in .csv")
        for path in (self.table, self.sort_into, self.sheet, self.review_list):
            if path and is_remote(str(path).replace(":/", "://", 1)):  # a Path has one slash
                raise UnusableOutput(f"{path}: write to a disk, then copy the result")
        if self.table:
            writer_for(self.table)

    @property
    def files(self) -> list[Path]:
        """The files that the run writes."""
        report = report_path(self.table) if self.table and not self.shard else None
        return [path for path in (self.table, report, self.sheet, self.review_list) if path]


def report_path(table: Path) -> Path:
    """Where the report beside a table is: views.csv.report.json."""
    return table.with_name(table.name + REPORT)
