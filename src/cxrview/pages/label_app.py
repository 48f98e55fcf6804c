"""The pages of `cxrview label` as an ASGI application: requests -> labels, images, exports."""

import asyncio
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from cxrview.errors import CxrviewError
from cxrview.filenames import printable
from cxrview.pages.access import AccessMiddleware, Origins, Sessions, admit, form_of, is_name
from cxrview.pages.label_tables import (
    AGREEMENT_COLUMNS,
    TABLE_COLUMNS,
    agreement_table,
    csv_text,
    datumaro_dataset,
    label_studio_tasks,
    label_table,
)
from cxrview.pages.pictures import PictureService, Size
from cxrview.pages.records import Answer, ImageClass, LabelRecord, Page
from cxrview.pages.store import LabelStore
from cxrview.pages.suggestions import SuggestionRun

UPCOMING = 6  # images that a page reserves and loads beforehand
GRID = 30  # images of a grid
RECENT = 12  # images of the filmstrip
MAX_BODY_BYTES = 1 << 16
MAX_SECONDS = 86_400.0
_NAME_OF_TAB = re.compile(r"[A-Za-z0-9-]{1,64}")
_BAD_REQUEST, _NOT_FOUND, _UNREADABLE, _NOT_STORED = 400, 404, 422, 507

ENVIRONMENT = Environment(
    loader=PackageLoader("cxrview.pages"), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeling:
    """What the pages show and where labels go.

    names: of the images by id. relative: absolute file -> file as it stands in a label table.
    show_headers: also show file names and header fields, which bias, and may name patients.
    """

    store: LabelStore
    names: Mapping[int, str]
    pictures: PictureService
    suggestions: SuggestionRun
    sessions: Sessions
    origins: Origins
    relative: Callable[[str], str] = field(default=str)
    show_headers: bool = False


def label_app(labeling: Labeling) -> Starlette:
    """Return the application. Every request passes `AccessMiddleware` first."""
    pages = _Pages(labeling)
    access = Middleware(
        AccessMiddleware,
        origins=labeling.origins,
        sessions=labeling.sessions,
        public=("/static/", "/login"),
    )
    return Starlette(
        routes=[
            Route("/", pages.label_page),
            Route("/login", pages.login, methods=["GET", "POST"]),
            Route("/api/state", pages.state),
            Route("/api/label", pages.label, methods=["POST"]),
            Route("/api/undo", pages.undo, methods=["POST"]),
            Route("/api/skip", pages.skip, methods=["POST"]),
            Route("/api/suggest", pages.suggest, methods=["POST"]),
            Route("/api/invite", pages.invite, methods=["POST"]),
            Route("/api/image/{image:int}", pages.about_image),
            Route("/image/{image:int}/{size}", pages.picture),
            Route("/export/{name}", pages.export),
            Mount("/static", StaticFiles(packages=[("cxrview.pages", "static")])),
        ],
        middleware=[access],
        exception_handlers={HTTPException: _error, CxrviewError: _error},
        max_body_size=MAX_BODY_BYTES,
    )


async def _error(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's
    """Return a refused request, or one that could not be done (full disk), as JSON."""
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, error.status_code)
    return JSONResponse({"error": str(error)}, _NOT_STORED)


def _bad(reason: str) -> HTTPException:
    return HTTPException(_BAD_REQUEST, reason)


async def _fields(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request."""
    try:
        fields = json.loads(await request.body())
    except ValueError as error:
        raise _bad("not JSON") from error
    if not isinstance(fields, dict):
        raise _bad("not an object")
    return fields


def _page(request: Request, fields: Mapping[str, Any]) -> Page:
    """Return who asks, from the cookie, and the name of the tab, from the fields."""
    tab = fields.get("tab")
    if not isinstance(tab, str) or not _NAME_OF_TAB.fullmatch(tab):
        raise _bad("no name of a tab")
    return Page(request.state.labeler, tab)


def _batch(fields: Mapping[str, Any]) -> str:
    batch = fields.get("batch")
    if not isinstance(batch, str) or not _NAME_OF_TAB.fullmatch(batch):
        raise _bad("no name of a batch")
    return batch


def _image(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _bad("not the id of an image")
    return value


def _answers(fields: Mapping[str, Any]) -> list[Answer]:
    """Return the labels of a request: `labels` is a list of [image, label]."""
    seconds, labels = fields.get("seconds", 0.0), fields.get("labels")
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        raise _bad("not a number of seconds")
    if not isinstance(labels, list) or not 0 < len(labels) <= GRID:
        raise _bad("no list of labels")
    each = min(max(float(seconds), 0.0), MAX_SECONDS) / len(labels)
    is_visible = fields.get("visible") is True
    try:
        return [
            Answer(_image(image), ImageClass(label), each, is_visible) for image, label in labels
        ]
    except (ValueError, TypeError) as error:
        raise _bad("not pairs of image and label") from error


class _Pages:
    """The endpoints."""

    def __init__(self, labeling: Labeling) -> None:
        self._labeling = labeling
        self._store, self._pictures = labeling.store, labeling.pictures

    async def label_page(self, request: Request) -> Response:
        """The page itself; its script asks for the rest."""
        template = ENVIRONMENT.get_template("label.html")
        return HTMLResponse(
            template.render(
                labeler=request.state.labeler, classes=list(ImageClass), exports=list(_EXPORTS),
                grid_images=GRID, show_headers=self._labeling.show_headers,
            )
        )  # fmt: skip

    async def login(self, request: Request) -> Response:
        """The form for name and password, where the server has one; and its answer."""
        sessions, message = self._labeling.sessions, ""
        if not sessions.has_password:
            raise HTTPException(_NOT_FOUND, "not found")
        if request.method == "POST":
            try:
                form = await form_of(request)
            except UnicodeDecodeError as error:
                raise _bad("not UTF-8") from error
            name = form.get("name", "").strip()
            if not is_name(name):
                message = "Enter your name, without a semicolon."
            elif cookie := await sessions.log_in(form.get("password", ""), name):
                return admit(request, cookie)
            else:
                message = "Wrong password."
        page = ENVIRONMENT.get_template("login.html").render(message=message)
        return HTMLResponse(page, 401 if message else 200)

    async def state(self, request: Request) -> Response:
        """What a page shows; also reserves its next images."""
        return await self._state(request, request.query_params)

    async def _state(self, request: Request, fields: Mapping[str, Any]) -> Response:
        page = _page(request, fields)
        is_grid = fields.get("view") == "grid"
        return JSONResponse(
            await run_in_threadpool(
                self._state_of, page, is_grid=is_grid, has_suggestions=bool(fields.get("suggest"))
            )
        )

    def _state_of(self, page: Page, *, is_grid: bool, has_suggestions: bool) -> dict[str, Any]:
        upcoming = self._store.upcoming(page, GRID if is_grid else UPCOMING)
        self._pictures.prefetch(upcoming, Size.THUMBNAIL if is_grid else Size.SCREEN)
        state = asdict(self._store.progress(page.labeler))
        state["upcoming"] = upcoming
        state["recent"] = self._store.recent(page.labeler, RECENT)
        if has_suggestions:  # else none reaches the page
            known = self._store.suggestions(upcoming)
            state["suggestions"] = {
                one.image: [one.verdict, one.p_lateral] for one in known.values()
            }
        return state

    async def label(self, request: Request) -> Response:
        """Store labels; a repeated request with the same batch changes nothing."""
        fields = await _fields(request)
        page, batch, answers = _page(request, fields), _batch(fields), _answers(fields)
        try:
            await run_in_threadpool(self._store.record, page.labeler, batch, answers)
        except KeyError as error:
            raise HTTPException(_NOT_FOUND, "no such image") from error
        return await self._state(request, fields)

    async def undo(self, request: Request) -> Response:
        """Take back the latest labels of this person."""
        fields = await _fields(request)
        await run_in_threadpool(self._store.undo, _page(request, fields), _batch(fields))
        return await self._state(request, fields)

    async def skip(self, request: Request) -> Response:
        """Show an image later."""
        fields = await _fields(request)
        page, image = _page(request, fields), _image(fields.get("image"))
        await run_in_threadpool(self._store.skip, page, image)
        return await self._state(request, fields)

    async def suggest(self, request: Request) -> Response:
        """Begin to compute the model's suggestions."""
        fields = await _fields(request)
        self._labeling.suggestions.start()
        return await self._state(request, {**fields, "suggest": True})

    async def invite(self, request: Request) -> Response:
        """Return an address that admits another browser, once."""
        name = (await _fields(request)).get("name")
        if not isinstance(name, str) or not is_name(name.strip()):
            raise _bad("Enter a name, without a semicolon.")
        token = self._labeling.sessions.invite(name.strip())
        return JSONResponse({"url": f"{request.base_url}?token={token}"})

    async def picture(self, request: Request) -> Response:
        """An image as JPEG."""
        size = Size.__members__.get(request.path_params["size"].upper())
        if size is None:
            raise HTTPException(_NOT_FOUND, "no such size")
        picture = await self._picture(request, size)
        if picture.error:
            await run_in_threadpool(
                self._store.mark_unreadable, request.path_params["image"], picture.error
            )
            raise HTTPException(_UNREADABLE, picture.error)
        return Response(picture.data, media_type="image/jpeg")

    async def _picture(self, request: Request, size: Size) -> Any:
        try:
            future = self._pictures.request(request.path_params["image"], size)
        except KeyError as error:
            raise HTTPException(_NOT_FOUND, "no such image") from error
        return await asyncio.shield(asyncio.wrap_future(future))

    async def about_image(self, request: Request) -> Response:
        """Why an image cannot be shown; with `show_headers` also its file and header fields."""
        picture = await self._picture(request, Size.SCREEN)
        about: dict[str, Any] = {"error": picture.error}
        if self._labeling.show_headers:
            about["file"] = printable(self._labeling.names[request.path_params["image"]])
            about["size"] = [picture.width, picture.height]
            about["header"] = {
                name: value for name, value in asdict(picture.header).items() if value
            }
        return JSONResponse(about)

    async def export(self, request: Request) -> Response:
        """All labels as a file."""
        name = request.path_params["name"]
        if name not in _EXPORTS:
            raise HTTPException(_NOT_FOUND, "no such export")
        records = await run_in_threadpool(self._store.labels)
        text = await run_in_threadpool(_EXPORTS[name], records, self._labeling.relative)
        media_type = "application/json" if name.endswith(".json") else "text/csv"
        return Response(
            text, media_type=media_type,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )  # fmt: skip


_Export = Callable[[Sequence[LabelRecord], Callable[[str], str]], str]
_EXPORTS: dict[str, _Export] = {
    "labels.csv": lambda records, relative: csv_text(TABLE_COLUMNS, label_table(records, relative)),
    "agreement.csv": lambda records, _: csv_text(AGREEMENT_COLUMNS, agreement_table(records)),
    "label-studio.json": lambda records, _: json.dumps(label_studio_tasks(records), indent=1),
    "cvat-datumaro.json": lambda records, _: json.dumps(datumaro_dataset(records), indent=1),
}
