"""Where pages are served: an address of this machine, the web server and the worker processes."""

import atexit
import contextlib
import html
import ipaddress
import os
import shutil
import socket
import stat
import tempfile
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from cxrview.engines.local import available_processors
from cxrview.errors import MissingInput, WrongUse
from cxrview.pages.access import Origins, Sessions
from cxrview.pages.pictures import PictureService
from cxrview.sources.find import Item

LOCAL_HOST = "127.0.0.1"
HTTP_PORT = 80  # which browsers leave out of an address
SHUTDOWN_SECONDS = 2  # for open requests
MAX_PROCESSES = 4  # that decode images
SNAPS = Path("/snap")  # where it is there, browsers may be snaps


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
            raise WrongUse(f"--host {self.host} needs --password-file: other machines can reach it")
        try:
            mode = self.password_file.stat().st_mode
            text = self.password_file.read_text().strip()
        except (OSError, UnicodeError) as error:
            raise MissingInput(f"{self.password_file}: {error}") from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise WrongUse(f"{self.password_file}: other users can read or change it: chmod 600")
        if len(text) < 8:
            raise WrongUse(f"{self.password_file}: the password has fewer than 8 characters")
        return text

    def bind(self) -> socket.socket:
        """Return a socket that listens: requests wait in it. Raises WrongUse."""
        try:
            family, _, _, _, place = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM
            )[0]
            if ipaddress.ip_address(place[0]).is_unspecified:  # every interface
                raise WrongUse("--host: name the address at which other machines reach this one")
            return socket.create_server(place, family=family)
        except OSError as error:
            raise WrongUse(f"cannot listen at {self.host}, port {self.port}: {error}") from error

    def origins(self, port: int) -> Origins:
        """Return the names under which the pages are answered at this port."""
        names = {self.host, "localhost"} if self.host == LOCAL_HOST else {self.host}
        quoted = {f"[{name}]" if ":" in name else name.lower() for name in names}
        hosts = {f"{name}:{port}" for name in quoted}
        return Origins(frozenset(hosts | quoted if port == HTTP_PORT else hosts))


def serve(
    address: Address,
    person: str,
    announce: Callable[[str], object],
    items: Mapping[int, Item],
    make_app: Callable[[PictureService, Sessions, Origins], ASGIApp],
    close: Callable[[], object],
) -> None:
    """Answer requests until Ctrl-C or SIGTERM.

    person: whom the token admits. announce: receives the address with the token; requests wait
    until the server has started. items: the images by id. close: called at the end, also after an
    error.
    """
    sessions = Sessions(address.password())
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(address.bind())
        port = listener.getsockname()[1]
        pictures = PictureService(items, min(MAX_PROCESSES, available_processors()))
        stack.callback(close)
        stack.callback(pictures.close)
        config = uvicorn.Config(
            make_app(pictures, sessions, address.origins(port)),
            log_level="warning", access_log=False, lifespan="off", ws="none",
            server_header=False, proxy_headers=False, timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )  # fmt: skip
        host = f"[{address.host}]" if ":" in address.host else address.host
        announce(f"http://{host}:{port}/?token={sessions.invite(person)}")
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def open_browser(url: str) -> bool:
    """Open the address in a browser with windows; False where there is none.

    The command line of a browser can be read by every user of the machine: it names a page that
    only this user can read, and which leads to the address. The page is removed at exit.
    """
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        return False  # webbrowser would open one in the terminal
    # Browsers that are snaps, as on Ubuntu, read no file in /tmp, but in the user's folder
    place = Path.home() if SNAPS.is_dir() else None
    try:
        folder = Path(tempfile.mkdtemp(prefix="cxrview-", dir=place))  # of mode 0700
    except OSError:
        return False
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    page = folder / "open.html"
    page.touch(mode=0o600)
    page.write_text(
        '<!DOCTYPE html><meta charset="utf-8"><title>cxrview</title>'
        f'<meta http-equiv="refresh" content="0;url={html.escape(url)}">'
    )
    return webbrowser.open(page.as_uri())
