"""What all sites of pages share: requests -> checked values; log-in, invitations, images."""

import asyncio
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from cxrview.errors import CxrviewError
from cxrview.filenames import printable
from cxrview.pages.access import (
    RULE_OF_NAMES,
    AccessMiddleware,
    Origins,
    Sessions,
    admit,
    form_of,
    is_name,
)
from cxrview.pages.pictures import Picture, PictureService, Size
from cxrview.pages.records import Answer, ImageClass, OpenPage

MAX_LABELS = 30  # of one request: the images of a grid
MAX_BODY_BYTES = 1 << 16
MAX_SECONDS = 86_400.0
MAX_ID = 2**63 - 1  # of an image: SQLite holds no larger number
OK, BAD_REQUEST, UNAUTHORIZED, NOT_FOUND = 200, 400, 401, 404
UNREADABLE, TOO_MANY, NOT_STORED = 422, 429, 507
_DIGITS = re.compile(r"[0-9]{1,18}")
_NAME_OF_TAB = re.compile(r"[A-Za-z0-9-]{1,64}")

ENVIRONMENT = Environment(
    loader=PackageLoader("cxrview.pages"), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the pages show, and to whom.

    show_headers: also show file names and header fields, which bias, and may name patients.
    """

    title: str
    pictures: PictureService
    sessions: Sessions
    origins: Origins
    show_headers: bool = False


def bad_request(reason: str) -> HTTPException:
    """Return the error for a request that none of the pages sends."""
    return HTTPException(BAD_REQUEST, reason)


async def fields_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request. Raises HTTPException, as all functions below."""
    try:
        fields = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise bad_request("not JSON") from error
    if not isinstance(fields, dict):
        raise bad_request("not an object")
    return fields


def page_of(request: Request, fields: Mapping[str, Any]) -> OpenPage:
    """Return who asks, from the cookie, and the name of the tab, from the fields."""
    return OpenPage(request.state.labeler, _short_name(fields, "tab"))


def batch_of(fields: Mapping[str, Any]) -> str:
    """Return the name of a batch of labels."""
    return _short_name(fields, "batch")


def _short_name(fields: Mapping[str, Any], field: str) -> str:
    name = fields.get(field)
    if not isinstance(name, str) or not _NAME_OF_TAB.fullmatch(name):
        raise bad_request(f"no name of a {field}")
    return name


def image_of(value: Any) -> int:
    """Return the id of an image, which need not exist."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise bad_request("not the id of an image")
    if abs(value) > MAX_ID:
        raise HTTPException(NOT_FOUND, "no such image")
    return value


def image_in_path(request: Request) -> int:
    """Return the id of the image in the path of a request, which need not exist."""
    digits = request.path_params["image"]
    if not _DIGITS.fullmatch(digits):
        raise HTTPException(NOT_FOUND, "no such image")
    return int(digits)


def answers_of(fields: Mapping[str, Any]) -> list[Answer]:
    """Return the labels of a request: `labels` is a list of [image, label]."""
    seconds, labels = fields.get("seconds", 0.0), fields.get("labels")
    if not isinstance(seconds, int | float) or not -math.inf < seconds < math.inf:
        raise bad_request("not a number of seconds")
    if not isinstance(labels, list) or not 0 < len(labels) <= MAX_LABELS:
        raise bad_request("no list of labels")
    each = min(max(seconds, 0.0), MAX_SECONDS) / len(labels)
    is_visible = fields.get("visible") is True
    try:
        return [
            Answer(image_of(image), ImageClass(label), each, is_visible) for image, label in labels
        ]
    except (ValueError, TypeError) as error:
        raise bad_request("not pairs of image and label") from error


def attachment(text: str, name: str) -> Response:
    """Return a file to download."""
    media_type = "application/json" if name.endswith(".json") else "text/csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=media_type, headers=headers)


async def _error(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's
    """Return a refused request, or one that could not be done (full disk), as JSON."""
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, error.status_code)
    return JSONResponse({"error": str(error)}, NOT_STORED)


class SitePages:
    """The endpoints that every site has. Subclasses add their own."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def application(self, routes: Sequence[BaseRoute]) -> Starlette:
        """Return the application with further routes. `AccessMiddleware` checks every request."""
        access = Middleware(
            AccessMiddleware,
            origins=self._site.origins,
            sessions=self._site.sessions,
            public=("/static/", "/login"),
        )
        return Starlette(
            routes=[
                *routes,
                Route("/login", self.login, methods=["GET", "POST"]),
                Route("/api/invite", self.invite, methods=["POST"]),
                Route("/api/image/{image}", self.about_image),
                Route("/image/{image}/{size}", self.picture),
                Mount("/static", StaticFiles(packages=[("cxrview.pages", "static")])),
            ],
            middleware=[access],
            exception_handlers={HTTPException: _error, CxrviewError: _error},
            max_body_size=MAX_BODY_BYTES,
        )

    def note_unreadable(self, image: int, error: str) -> None:
        """Do what is necessary for an image that cannot be shown: here nothing."""

    async def login(self, request: Request) -> Response:
        """The form for name and password, where the server has one; and its answer."""
        sessions, message, status = self._site.sessions, "", OK
        client = request.client.host if request.client else ""
        if not sessions.has_password:
            raise HTTPException(NOT_FOUND, "not found")
        if request.method == "POST":
            try:
                form = await form_of(request)
            except UnicodeDecodeError as error:
                raise bad_request("not UTF-8") from error
            name = form.get("name", "").strip()
            if not is_name(name):
                message, status = f"Enter your name: {RULE_OF_NAMES}.", UNAUTHORIZED
            elif not sessions.may_log_in(client):
                message, status = "Too many wrong passwords: wait a second.", TOO_MANY
            elif cookie := await sessions.log_in(form.get("password", ""), name, client):
                return admit(request, cookie)
            else:
                message, status = "Wrong password.", UNAUTHORIZED
        template = ENVIRONMENT.get_template("login.html")
        page = template.render(message=message, title=self._site.title)
        return HTMLResponse(page, status)

    async def invite(self, request: Request) -> Response:
        """Return an address that admits another browser, once."""
        name = (await fields_of(request)).get("name")
        if not isinstance(name, str) or not is_name(name.strip()):
            raise bad_request(f"Enter a name: {RULE_OF_NAMES}.")
        token = self._site.sessions.invite(name.strip())
        return JSONResponse({"url": f"{request.base_url}?token={token}"})

    async def picture(self, request: Request) -> Response:
        """An image as JPEG."""
        size = Size.__members__.get(request.path_params["size"].upper())
        if size is None:
            raise HTTPException(NOT_FOUND, "no such size")
        picture = await self._picture(request, size)
        if picture.error:
            await run_in_threadpool(self.note_unreadable, image_in_path(request), picture.error)
            raise HTTPException(UNREADABLE, picture.error)
        return Response(picture.data, media_type="image/jpeg")

    async def _picture(self, request: Request, size: Size) -> Picture:
        try:
            future = self._site.pictures.request(image_in_path(request), size)
        except KeyError as error:
            raise HTTPException(NOT_FOUND, "no such image") from error
        return await asyncio.shield(asyncio.wrap_future(future))

    async def about_image(self, request: Request) -> Response:
        """Why an image cannot be shown; with `show_headers` also its file and header fields."""
        picture = await self._picture(request, Size.SCREEN)
        about: dict[str, Any] = {"error": picture.error}
        if self._site.show_headers:
            about["file"] = printable(self._site.pictures.name(image_in_path(request)))
            about["size"] = [picture.width, picture.height]
            about["header"] = {
                name: value for name, value in asdict(picture.header).items() if value
            }
        return JSONResponse(about)
