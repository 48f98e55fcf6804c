"""Where pages are served: an address of this machine, and the web server behind it."""

import contextlib
import os
import socket
import stat
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from cxrview.errors import MissingInput, WrongUse
from cxrview.pages.access import Origins, Sessions

LOCAL_HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 2  # for open requests

AppContext = contextlib.AbstractContextManager[ASGIApp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the server listens. port 0: any free one. password_file: needed beyond this machine."""

    host: str = LOCAL_HOST
    port: int = 0
    password_file: Path | None = None

    def password(self) -> str:
        """Return the password; "" on this machine alone. Raises WrongUse or MissingInput."""
        if self.host == LOCAL_HOST and self.password_file is None:
            return ""
        if self.password_file is None:
            raise WrongUse(f"--host {self.host} needs --password-file: others can reach the pages")
        try:
            mode = self.password_file.stat().st_mode
            text = self.password_file.read_text().strip()
        except (OSError, UnicodeError) as error:
            raise MissingInput(f"{self.password_file}: {error}") from error
        if mode & (stat.S_IRGRP | stat.S_IROTH):
            raise WrongUse(f"{self.password_file}: other users can read it: chmod 600")
        if len(text) < 8:
            raise WrongUse(f"{self.password_file}: the password has fewer than 8 characters")
        return text

    def bind(self) -> socket.socket:
        """Return a socket that listens: requests wait in it. Raises WrongUse."""
        if self.host in ("", "0.0.0.0", "::"):  # noqa: S104 - refused
            raise WrongUse("--host: name the one address under which others reach this machine")
        try:
            family, _, _, _, place = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM
            )[0]
            return socket.create_server(place, family=family)
        except OSError as error:
            raise WrongUse(f"cannot listen at {self.host}, port {self.port}: {error}") from error

    def origins(self, port: int) -> Origins:
        """Return the names under which the pages are answered at this port."""
        names = {self.host, "localhost"} if self.host == LOCAL_HOST else {self.host}
        quoted = {f"[{name}]" if ":" in name else name.lower() for name in names}
        return Origins(frozenset(f"{name}:{port}" for name in quoted))


def serve(
    address: Address,
    person: str,
    announce: Callable[[str], object],
    open_app: Callable[[Sessions, Origins], AppContext],
) -> None:
    """Answer requests until Ctrl-C or SIGTERM.

    person: whom the token admits. announce: receives the address with the token; requests wait
    until the server has started. open_app: the context is left at the end, also after an error.
    """
    sessions = Sessions(address.password())
    listener = address.bind()
    port = listener.getsockname()[1]
    with contextlib.closing(listener), open_app(sessions, address.origins(port)) as app:
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, lifespan="off", ws="none",
            server_header=False, proxy_headers=False, timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )  # fmt: skip
        host = f"[{address.host}]" if ":" in address.host else address.host
        announce(f"http://{host}:{port}/?token={sessions.invite(person)}")
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def open_browser(url: str) -> bool:
    """Open the address in a browser with windows; False where there is none."""
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        return False  # webbrowser would open one in the terminal
    return webbrowser.open(url)
