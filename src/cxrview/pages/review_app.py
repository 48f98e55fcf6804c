"""The pages of `cxrview review` as an ASGI application: requests -> rows, corrections, images."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from cxrview.csv_text import csv_table
from cxrview.filenames import printable
from cxrview.pages.corrections import Corrections
from cxrview.pages.endpoints import (
    ENVIRONMENT,
    NOT_FOUND,
    Site,
    SitePages,
    answers_of,
    attachment,
    bad_request,
    batch_of,
    fields_of,
    page_of,
)
from cxrview.pages.label_tables import TABLE_COLUMNS, label_table
from cxrview.pages.pictures import Size
from cxrview.pages.records import OpenPage
from cxrview.pages.review_table import Checked, Indices, Query, ReviewTable, Show, Sort
from cxrview.views import SURE_CHEST, Agreement, Verdict

SHEET_IMAGES = 40  # thumbnails of one contact sheet
MAX_LISTS = 50  # browser tabs whose list of rows is held in memory
EXPORT = "corrections.csv"

SHOW_NAMES = {
    Show.NEEDS_LOOK: "Needs a look",
    Show.CONFLICT: "Conflict with the header",
    Show.UNCERTAIN: "Uncertain",
    Show.NOT_CHEST: "Not a chest radiograph",
    Show.PROBLEM: "Error or warning",
    Show.NEAR_THRESHOLD: "Near a threshold",
    Show.TURNED: "Inverted or rotated",
    Show.FRONTAL: "Frontal",
    Show.LATERAL: "Lateral",
    Show.ALL: "All images",
}
CHECKED_NAMES = {
    Checked.ANY: "All",
    Checked.OPEN: "Not checked yet",
    Checked.DONE: "Checked",
    Checked.CORRECTED: "Corrected",
}
SORT_NAMES = {
    Sort.URGENCY: "Most urgent first",
    Sort.LOWEST: "P(lateral), lowest first",
    Sort.HIGHEST: "P(lateral), highest first",
    Sort.NAME: "File name",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewing(Site):
    """What the pages show and where corrections go.

    write: writes the files of the command now, and returns their names. relative: file as in the
    table -> as it stands in a label table.
    """

    title: str = "Review verdicts"
    table: ReviewTable
    corrections: Corrections
    write: Callable[[], list[str]]
    relative: Callable[[str], str] = field(default=str)


def review_app(reviewing: Reviewing) -> Starlette:
    """Return the application."""
    pages = _ReviewPages(reviewing)
    return pages.application(
        [
            Route("/", pages.review_page),
            Route("/api/rows", pages.rows),
            Route("/api/label", pages.label, methods=["POST"]),
            Route("/api/undo", pages.undo, methods=["POST"]),
            Route("/api/write", pages.write, methods=["POST"]),
            Route(f"/export/{EXPORT}", pages.export),
        ]
    )


def query_of(fields: Mapping[str, str]) -> Query:
    """Return what a request asks for. Raises HTTPException."""
    try:
        source = fields.get("source", "")
        return Query(
            Show(fields.get("show", Show.NEEDS_LOOK)),
            Checked(fields.get("checked", Checked.ANY)),
            Sort(fields.get("sort", Sort.URGENCY)),
            int(source) if source else None,
        )
    except ValueError as error:
        raise bad_request("no such filter") from error


class _ReviewPages(SitePages):
    """The endpoints of the contact sheets."""

    def __init__(self, reviewing: Reviewing) -> None:
        super().__init__(reviewing)
        self._reviewing = reviewing
        self._table, self._corrections = reviewing.table, reviewing.corrections
        self._lock = threading.Lock()
        self._lists: OrderedDict[OpenPage, tuple[Query, Indices]] = OrderedDict()

    async def review_page(self, request: Request) -> Response:
        """The page itself; its script asks for the rows."""
        return HTMLResponse(await run_in_threadpool(self._page_text, request.state.labeler))

    def _page_text(self, reviewer: str) -> str:
        table, show_headers = self._table, self._reviewing.show_headers
        shows = {
            show: (name, count) for show, name in SHOW_NAMES.items() if (count := table.count(show))
        }
        counts = np.bincount(table.source, minlength=len(table.sources)).tolist()
        names = [
            printable(name) if show_headers else f"Folder {number + 1}"
            for number, name in enumerate(table.sources)
        ]
        return ENVIRONMENT.get_template("review.html").render(
            labeler=reviewer, title=self._reviewing.title, show_headers=show_headers, shows=shows,
            checked=CHECKED_NAMES, sorts=SORT_NAMES, export=EXPORT,
            sources=list(zip(names, counts, strict=True)),
        )  # fmt: skip

    async def rows(self, request: Request) -> Response:
        """One contact sheet: the rows of a list, counted from 0; `fresh` makes the list anew."""
        fields = request.query_params
        page, query = page_of(request, fields), query_of(fields)
        try:
            sheet = int(fields.get("sheet", "0"))
        except ValueError as error:
            raise bad_request("not the number of a sheet") from error
        return JSONResponse(
            await run_in_threadpool(self._sheet, page, query, sheet, is_fresh="fresh" in fields)
        )

    def _sheet(self, page: OpenPage, query: Query, sheet: int, *, is_fresh: bool) -> dict[str, Any]:
        found = self._list(page, query, is_fresh=is_fresh)
        last = max(0, (len(found) - 1) // SHEET_IMAGES)
        sheet = min(max(sheet, 0), last)
        start = sheet * SHEET_IMAGES
        following = found[start + SHEET_IMAGES : start + 2 * SHEET_IMAGES]
        self._reviewing.pictures.prefetch(
            [int(row) + 1 for row in following if self._table.view[row]], Size.THUMBNAIL
        )
        rows = [self._row(int(row)) for row in found[start : start + SHEET_IMAGES]]
        return {
            "rows": rows, "total": len(found), "start": start, "sheet": sheet, "last": last,
            **self._counts(),
        }  # fmt: skip

    def _list(self, page: OpenPage, query: Query, *, is_fresh: bool) -> Indices:
        """Return the rows of a tab: a correction does not take an image out of the list."""
        with self._lock:
            known = self._lists.get(page)
        if known is not None and known[0] == query and not is_fresh:
            return known[1]
        self._corrections.refresh()
        found = self._table.rows(query, self._corrections.views())
        with self._lock:
            self._lists[page] = query, found
            self._lists.move_to_end(page)
            if len(self._lists) > MAX_LISTS:
                self._lists.popitem(last=False)
        return found

    def _counts(self) -> dict[str, int]:
        checked = len(self._corrections.views())
        return {"checked": checked, "corrected": self._corrections.changed()}

    def _row(self, row: int) -> dict[str, Any]:
        """Return what a cell shows; without `show_headers` no file name."""
        table, correction = self._table, self._corrections.of_row(row)
        p_lateral, p_chest = table.probabilities(row)
        is_conflict = table.agreement[row] == Agreement.CONFLICT
        is_sure = p_chest is not None and p_chest >= SURE_CHEST
        marks = [f"{table.rotation[row]:.0f}\N{DEGREE SIGN}"] if table.rotation[row] > 0 else []
        shown = {
            "image": row + 1,
            "view": table.view[row],
            "p_lateral": p_lateral,
            "p_chest": None if is_sure and table.view[row] != Verdict.NOT_CHEST else p_chest,
            "header": table.header_view[row] if is_conflict else "",
            "marks": [*marks, *(["inverted"] if table.is_inverted[row] else [])],
            "problem": printable(table.problem[row]),
            "exclusion": printable(table.exclusion[row]),
            "why": table.why[row],
            "label": correction.view if correction else "",
            "labeler": correction.by if correction else "",
        }
        if self._reviewing.show_headers:
            shown["file"] = printable(table.file[row])
        return shown

    async def label(self, request: Request) -> Response:
        """Store corrections; a repeated request with the same batch changes nothing."""
        fields = await fields_of(request)
        page, batch, answers = page_of(request, fields), batch_of(fields), answers_of(fields)
        if any(not 1 <= answer.image <= len(self._table) for answer in answers):
            raise HTTPException(NOT_FOUND, "no such image")
        return await self._changed(self._corrections.record, page.labeler, batch, answers)

    async def undo(self, request: Request) -> Response:
        """Take back the latest correction of this person."""
        fields = await fields_of(request)
        return await self._changed(
            self._corrections.undo, page_of(request, fields), batch_of(fields)
        )

    async def _changed(self, change: Callable[..., list[int]], *parameters: Any) -> Response:
        rows = await run_in_threadpool(change, *parameters)
        return JSONResponse({"rows": [self._row(row) for row in rows], **self._counts()})

    async def write(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's
        """Write the label table and the corrected copy to the disk."""
        return JSONResponse({"files": await run_in_threadpool(self._reviewing.write)})

    async def export(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's
        """The corrections as a label table."""
        records = await run_in_threadpool(self._corrections.records)
        rows = label_table(records, self._reviewing.relative)
        return attachment(csv_table(TABLE_COLUMNS, rows), EXPORT)
