"""A table of verdicts on small images, and a client of its review pages in this process."""

from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

from starlette.testclient import TestClient

from cxrview.inference.table_writers import open_table_writer
from cxrview.pages.access import Origins, Sessions
from cxrview.pages.pictures import PictureService
from cxrview.pages.review_app import Reviewing, review_app
from cxrview.pages.review_server import ReviewOptions, ReviewRun, open_review
from cxrview.pages.review_table import RowItems
from cxrview.rows import Row
from cxrview.views import Agreement, Verdict, View
from makers_film import png
from makers_pages import HOST, Browser, Server
from makers_row import a_failure, a_row

# One row of each kind; every verdict is that of the picture, but for "c.png"
ROWS = (
    a_row("a/a.png", "frontal", 0.001),
    a_row("a/b.png", "lateral", 0.999),
    a_row("a/c.png", "lateral", 0.99, header_view=View.FRONTAL, agreement=Agreement.CONFLICT),
    a_row("b/d.png", "uncertain", 0.6),
    Row("b/e.png", view=Verdict.NOT_CHEST, p_lateral=0.2, p_chest=0.1, warning="suspect: noise"),
    a_row("b/f.png", "frontal", 0.03),  # near the threshold
    a_row("b/g.png", "frontal", 0.002, rotation=90),
    a_row("b/h.png", "frontal", 0.003, inverted=True),
    Row("b/i.png", view=Verdict.NOT_CHEST, p_lateral=0.3, p_chest=0.2, reason="modality MR"),
    a_failure("b/j.png"),
)


def write_table(path: Path, rows: Sequence[Row] = ROWS) -> Path:
    """Write a table, in the format that its ending names."""
    with open_table_writer(path, "m") as write:
        for row in rows:
            write(row)
    return path


def write_images(folder: Path, rows: Sequence[Row] = ROWS) -> None:
    """Write a small image for each row that has a verdict."""
    for row in rows:
        if row.view:
            path = folder / row.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(row.view))


def collection(folder: Path, rows: Sequence[Row] = ROWS, name: str = "views.csv") -> Path:
    """A table and its images -> the path of the table."""
    write_images(folder, rows)
    return write_table(folder / name, rows)


def verdicts(counts: dict[str, int]) -> list[Row]:
    """Rows of so many of each verdict."""
    probabilities = {"frontal": 0.001, "lateral": 0.999, "uncertain": 0.5, "not_chest": 0.5}
    return [
        a_row(f"{view}/{number:03}.png", view, probabilities[view])
        for view, count in counts.items()
        for number in range(count)
    ]


def options_for(table: Path, **options) -> ReviewOptions:
    defaults = {"table": table, "output": table.parent / "corrections.csv", "reviewer": "anna"}
    return ReviewOptions(**{**defaults, **options})


class ReviewBrowser(Browser):
    """One browser on the contact sheets."""

    def rows(self, **fields):
        answer = self.client.get("/api/rows", params={"tab": self.tab, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def images(self, **fields) -> list[int]:
        return [row["image"] for row in self.rows(**fields)["rows"]]


class ReviewPages:
    """An application and what it works with."""

    def __init__(self, run: ReviewRun, password: str = "", show_headers: bool = False):
        self.run, self.sessions = run, Sessions(password)
        self.pictures = PictureService(RowItems(run.table, run.folder), 1)
        self.app = review_app(
            Reviewing(
                table=run.table, corrections=run.corrections, write=run.write,
                relative=run.relative,
                pictures=self.pictures, sessions=self.sessions,
                origins=Origins(frozenset([HOST])), show_headers=show_headers,
            )
        )  # fmt: skip

    def browser(self, person: str = "anna", tab: str = "tab-1") -> ReviewBrowser:
        return ReviewBrowser(self.app, self.sessions, person, tab)

    def anonymous(self) -> TestClient:
        return TestClient(self.app, base_url=f"http://{HOST}")


@contextmanager
def review_of(table: Path, password: str = "", show_headers: bool = False, **options):
    """Pages, whose processes end at the end."""
    run = open_review(options_for(table, **options))
    pages = ReviewPages(run, password, show_headers)
    try:
        yield pages
    finally:
        pages.pictures.close()
        run.corrections.close()


class ReviewServer(Server):
    """`cxrview review` in a process of its own."""

    def __init__(self, table: Path, *options: str):
        output = table.parent / "corrections.csv"
        self._start("review", table, "-o", output, "--reviewer", "anna", *options)
