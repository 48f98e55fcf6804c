"""Who may use the pages: one-time tokens, cookies, passwords; Host and Origin; response headers.

A page is for the person who started the server. Everything else is refused: requests without the
cookie, requests under another host name (DNS rebinding), and requests that another site's page
makes (cross-site request forgery).
"""

import asyncio
import hmac
import secrets
import threading
from collections import Counter
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "cxrview"  # with the port: cookies are shared between the ports of a host
SAFE_METHODS = ("GET", "HEAD")
FAILED_LOGIN_SECONDS = 1.0  # wait after a wrong password
MAX_FAILED_LOGINS = 5  # from one address, while it waits: so many passwords a second can be tried
MAX_NAME = 60  # characters of a labeler's name
RULE_OF_NAMES = "a letter or digit first, and no semicolon"  # see `is_name`
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # With no-referrer, browsers send `Origin: null` with the form of the password
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",  # radiographs do not belong into the cache of a browser on disk
}


@dataclass(frozen=True, slots=True)
class Origins:
    """The addresses under which the server answers: `host:port` each."""

    hosts: frozenset[str]

    def allow(self, headers: Headers, method: str) -> bool:
        """Whether a request comes from one of our pages, or directly from the person."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if host.lower() not in self.hosts:
            return False
        if origin is not None:
            return origin.lower() == f"http://{host.lower()}"
        return method in SAFE_METHODS


class Sessions:
    """One-time tokens and the cookies that are given for them. password: "" permits none."""

    def __init__(self, password: str = "") -> None:
        self._password = password.encode()
        self._lock = threading.Lock()
        self._tokens: dict[str, str] = {}  # -> labeler
        self._labelers: dict[str, str] = {}  # by cookie
        self._failed: Counter[str] = Counter()  # log-ins that wait, by address

    @property
    def has_password(self) -> bool:
        """Whether people can log in with a password."""
        return bool(self._password)

    def invite(self, labeler: str) -> str:
        """Return a token that admits one browser, once, in the name of this person."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._tokens[token] = labeler
        return token

    def redeem(self, token: str) -> str | None:
        """Return a cookie for a token, which is invalid from now on; None for an invalid one."""
        with self._lock:
            labeler = self._tokens.pop(token, None)
        return None if labeler is None else self._admit(labeler)

    def may_log_in(self, client: str) -> bool:
        """Whether a password from this address is looked at: not after too many wrong ones."""
        return self._failed[client] < MAX_FAILED_LOGINS

    async def log_in(self, password: str, labeler: str, client: str) -> str | None:
        """Return a cookie for the password; None, after a pause, for a wrong one.

        client: address of the person. Nobody waits for the wrong passwords of others.
        """
        if self._password and hmac.compare_digest(password.encode(), self._password):
            return self._admit(labeler)
        self._failed[client] += 1
        try:
            await asyncio.sleep(FAILED_LOGIN_SECONDS)
        finally:
            self._failed[client] -= 1
            self._failed += Counter()  # drops addresses that wait no more
        return None

    def _admit(self, labeler: str) -> str:
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            self._labelers[cookie] = labeler
        return cookie

    def labeler_of(self, cookie: str) -> str | None:
        """Return who sent a request; None for an unknown cookie."""
        with self._lock:
            return self._labelers.get(cookie)


def is_name(text: str) -> bool:
    """Whether a text can name a labeler: printable, not too long, without the separator `;`.

    It begins with a letter or digit: spreadsheets would run a formula that begins with = + - @.
    """
    is_short = 0 < len(text) <= MAX_NAME
    return is_short and text[0].isalnum() and text.isprintable() and ";" not in text


class AccessMiddleware:
    """Refuses what `Origins` and `Sessions` do not permit; adds security headers to everything.

    `/?token=...` exchanges a token for a cookie. Public paths need no cookie.
    """

    def __init__(
        self, app: ASGIApp, *, origins: Origins, sessions: Sessions, public: tuple[str, ...]
    ) -> None:
        self._app, self._origins, self._sessions, self._public = app, origins, sessions, public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        request = Request(scope)
        response: ASGIApp = self._refusal(request) or self._app
        await response(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        """Return what to answer instead of the page; None if the request is permitted."""
        if not self._origins.allow(request.headers, request.method):
            return PlainTextResponse("This address is not one of this server.", 403)
        path = request.url.path
        if path == "/" and "token" in request.query_params:
            cookie = self._sessions.redeem(request.query_params["token"])
            if cookie is not None:
                return admit(request, cookie)
        labeler = self._sessions.labeler_of(request.cookies.get(cookie_name(request), ""))
        if labeler is not None or path.startswith(self._public):
            request.state.labeler = labeler
            return None
        if self._sessions.has_password and request.method in SAFE_METHODS and path == "/":
            return RedirectResponse("/login", 303)
        return PlainTextResponse(
            "Open the address that cxrview has printed in the terminal. It admits one browser, "
            "once; for another browser use Invite on the page.",
            403,
        )


def cookie_name(request: Request) -> str:
    """Return the name of our cookie at this port."""
    return f"{COOKIE}_{request.url.port or 80}"


def admit(request: Request, cookie: str) -> Response:
    """Return a page that sets the cookie and moves on to the page for labels.

    Not a redirection: where a link of another site led here, browsers would follow that without
    the cookie, because it is SameSite=Strict.
    """
    response = HTMLResponse(
        '<!DOCTYPE html><link rel="icon" href="/static/icon.svg">'
        '<meta http-equiv="refresh" content="0;url=/">'
    )
    response.set_cookie(cookie_name(request), cookie, httponly=True, samesite="strict")
    return response


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a posted form. Raises UnicodeDecodeError."""
    fields = parse_qs((await request.body()).decode(), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}
