"""The pages of `cxrview label` as an ASGI application: requests -> labels, images, exports."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from cxrview.csv_text import csv_table
from cxrview.pages.endpoints import (
    ENVIRONMENT,
    MAX_LABELS,
    NOT_FOUND,
    Site,
    SitePages,
    answers_of,
    attachment,
    batch_of,
    fields_of,
    image_of,
    page_of,
)
from cxrview.pages.label_tables import (
    AGREEMENT_COLUMNS,
    TABLE_COLUMNS,
    agreement_table,
    datumaro_dataset,
    label_studio_tasks,
    label_table,
)
from cxrview.pages.pictures import Size
from cxrview.pages.records import ImageClass, LabelRecord, OpenPage
from cxrview.pages.store import LabelStore
from cxrview.pages.suggestions import SuggestionRun

UPCOMING = 6  # images that a page reserves and loads beforehand
RECENT = 12  # images of the filmstrip
# A report has its styles and images in itself and runs nothing.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeling(Site):
    """What the pages show and where labels go.

    suggestions: None for pages that never show any. relative: absolute file -> file as it stands
    in a label table. report: HTML that the page offers once every image has a label.
    """

    title: str = "Label radiographs"
    store: LabelStore
    suggestions: SuggestionRun | None
    relative: Callable[[str], str] = field(default=str)
    report: Callable[[], str] | None = None


def label_app(labeling: Labeling) -> Starlette:
    """Return the application."""
    pages = _LabelPages(labeling)
    return pages.application(
        [
            Route("/", pages.label_page),
            Route("/api/state", pages.state),
            Route("/api/label", pages.label, methods=["POST"]),
            Route("/api/undo", pages.undo, methods=["POST"]),
            Route("/api/skip", pages.skip, methods=["POST"]),
            Route("/api/suggest", pages.suggest, methods=["POST"]),
            Route("/export/{name}", pages.export),
            Route("/report", pages.report),
        ]
    )


class _LabelPages(SitePages):
    """The endpoints of the page for labels."""

    def __init__(self, labeling: Labeling) -> None:
        super().__init__(labeling)
        self._labeling = labeling
        self._store, self._pictures = labeling.store, labeling.pictures

    def note_unreadable(self, image: int, error: str) -> None:
        """Take an image that cannot be shown out of the queue."""
        self._store.mark_unreadable(image, error)

    async def label_page(self, request: Request) -> Response:
        """The page itself; its script asks for the rest."""
        template = ENVIRONMENT.get_template("label.html")
        return HTMLResponse(
            template.render(
                labeler=request.state.labeler, classes=list(ImageClass), exports=list(_EXPORTS),
                grid_images=MAX_LABELS, show_headers=self._labeling.show_headers,
                title=self._labeling.title, has_report=self._labeling.report is not None,
                has_suggestions=self._labeling.suggestions is not None,
            )
        )  # fmt: skip

    async def state(self, request: Request) -> Response:
        """What a page shows; also reserves its next images."""
        return await self._state(request, request.query_params)

    async def _state(self, request: Request, fields: Mapping[str, Any]) -> Response:
        return JSONResponse(
            await run_in_threadpool(self._state_of, page_of(request, fields), fields)
        )

    def _state_of(self, page: OpenPage, fields: Mapping[str, Any]) -> dict[str, Any]:
        is_grid = fields.get("view") == "grid"
        upcoming = self._store.upcoming(page, MAX_LABELS if is_grid else UPCOMING)
        self._pictures.prefetch(upcoming, Size.THUMBNAIL if is_grid else Size.SCREEN)
        state = asdict(self._store.progress(page.labeler))
        state["upcoming"] = upcoming
        state["recent"] = self._store.recent(page.labeler, RECENT)
        suggestions = self._labeling.suggestions
        if suggestions and suggestions.status:
            state["model"] = asdict(suggestions.status)
        if fields.get("suggest") and suggestions:  # else none reaches the page
            known = self._store.suggestions(upcoming)
            state["suggestions"] = {
                one.image: [one.verdict, one.p_lateral] for one in known.values()
            }
        return state

    async def label(self, request: Request) -> Response:
        """Store labels; a repeated request with the same batch changes nothing."""
        fields = await fields_of(request)
        page, batch, answers = page_of(request, fields), batch_of(fields), answers_of(fields)

        def record_and_go_on() -> dict[str, Any]:
            with self._store.transaction():  # one wait for the disk instead of two
                self._store.record(page.labeler, batch, answers)
                return self._state_of(page, fields)

        try:
            state = await run_in_threadpool(record_and_go_on)
        except KeyError as error:
            raise HTTPException(NOT_FOUND, "no such image") from error
        if self._labeling.suggestions:
            self._labeling.suggestions.note_labels()
        return JSONResponse(state)

    async def undo(self, request: Request) -> Response:
        """Take back the latest labels of this person."""
        fields = await fields_of(request)
        await run_in_threadpool(self._store.undo, page_of(request, fields), batch_of(fields))
        return await self._state(request, fields)

    async def skip(self, request: Request) -> Response:
        """Show an image later."""
        fields = await fields_of(request)
        page, image = page_of(request, fields), image_of(fields.get("image"))
        await run_in_threadpool(self._store.skip, page, image)
        return await self._state(request, fields)

    async def suggest(self, request: Request) -> Response:
        """Begin to compute the model's suggestions."""
        fields = await fields_of(request)
        if self._labeling.suggestions is None:
            raise HTTPException(NOT_FOUND, "these pages show no suggestions")
        self._labeling.suggestions.start()
        return await self._state(request, {**fields, "suggest": True})

    async def report(self, request: Request) -> Response:
        """The report, once every image has a label."""
        if self._labeling.report is None:
            raise HTTPException(NOT_FOUND, "there is no report")
        left = await run_in_threadpool(self._store.progress, request.state.labeler)
        if left.remaining:
            raise HTTPException(NOT_FOUND, f"{left.remaining} images have no label yet")
        text = await run_in_threadpool(self._labeling.report)
        return HTMLResponse(text, headers={"Content-Security-Policy": REPORT_POLICY})

    async def export(self, request: Request) -> Response:
        """All labels as a file."""
        name = request.path_params["name"]
        if name not in _EXPORTS:
            raise HTTPException(NOT_FOUND, "no such export")
        records = await run_in_threadpool(self._store.labels)
        text = await run_in_threadpool(_EXPORTS[name], records, self._labeling.relative)
        return attachment(text, name)


_Export = Callable[[Sequence[LabelRecord], Callable[[str], str]], str]
_EXPORTS: dict[str, _Export] = {
    "labels.csv": lambda records, relative: csv_table(
        TABLE_COLUMNS, label_table(records, relative)
    ),
    "agreement.csv": lambda records, _: csv_table(AGREEMENT_COLUMNS, agreement_table(records)),
    "label-studio.json": lambda records, _: json.dumps(label_studio_tasks(records), indent=1),
    "cvat-datumaro.json": lambda records, _: json.dumps(datumaro_dataset(records), indent=1),
}
