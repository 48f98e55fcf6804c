"""A collection and options -> a server that people label with, and the label table at its end."""

import contextlib
import os
import socket
import stat
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import uvicorn

from cxrview.datasets.listing import LabelTable, Problem, ProblemKind, write_tables
from cxrview.engines.local import available_processors, engine_for
from cxrview.errors import MissingInput, UnusableOutput, WrongUse
from cxrview.filenames import escape_name, unescape_name
from cxrview.labeling.sampling import (
    Candidate,
    SampleOptions,
    SamplingRule,
    candidates_in,
    draw_sample,
)
from cxrview.model.card import DEFAULT_MODEL
from cxrview.model.classifier import Classifier, load
from cxrview.pages.access import Origins, Sessions
from cxrview.pages.label_app import Labeling, label_app
from cxrview.pages.label_tables import (
    TABLE_COLUMNS,
    FileMatcher,
    ImportedLabel,
    agreement_table,
    label_table,
    read_labels_of,
)
from cxrview.pages.pictures import PictureService
from cxrview.pages.records import Answer, NewImage
from cxrview.pages.store import LabelStore
from cxrview.pages.suggestions import SuggestionRun

LOCAL_HOST = "127.0.0.1"
HISTORY_SUFFIX = ".history"  # folder beside the label table
TYPICAL_IMAGES = 200  # that come first in the order `typical`
MAX_PROCESSES = 4  # that decode images
IMPORTED = "imported"  # labeler of labels without a name
MAX_LISTED = 5  # files in one message
SHUTDOWN_SECONDS = 2  # for open requests


class Order(StrEnum):
    """Which images are shown first."""

    RANDOM = "random"
    TYPICAL = "typical"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelOptions:
    """What `cxrview label` was asked for."""

    collection: str  # folder, archive or label table
    output: Path
    labeler: str
    order: Order = Order.RANDOM
    overlap: float = 0.0
    imports: tuple[Path, ...] = ()
    model: str = DEFAULT_MODEL
    seed: int = 0
    may_overwrite: bool = False


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


@dataclass(slots=True)
class LabelRun:
    """An open collection. `serve` answers requests until it is interrupted."""

    options: LabelOptions
    table: LabelTable
    classifier: Classifier
    store: LabelStore
    candidates: dict[int, Candidate]
    unmatched: list[str] = field(default_factory=list)  # imported files that are not there

    def serve(
        self, address: Address, *, show_headers: bool, announce: Callable[[str], object]
    ) -> None:
        """Listen until Ctrl-C or SIGTERM, then write the label table, whatever happened.

        announce: receives the address with the token; requests wait until the server has started.
        """
        password = address.password()
        listener = address.bind()
        port = listener.getsockname()[1]
        origins = address.origins(port)
        sessions = Sessions(password)
        with contextlib.closing(listener), self._services() as (pictures, suggestions):
            app = label_app(
                Labeling(
                    store=self.store,
                    names={key: one.item.name for key, one in self.candidates.items()},
                    pictures=pictures,
                    suggestions=suggestions,
                    sessions=sessions,
                    origins=origins,
                    relative=self._relative,
                    show_headers=show_headers,
                )
            )
            config = uvicorn.Config(
                app, log_level="warning", access_log=False, lifespan="off", ws="none",
                server_header=False, proxy_headers=False,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )  # fmt: skip
            host = f"[{address.host}]" if ":" in address.host else address.host
            announce(f"http://{host}:{port}/?token={sessions.invite(self.options.labeler)}")
            with contextlib.suppress(KeyboardInterrupt):
                uvicorn.Server(config).run(sockets=[listener])

    @contextlib.contextmanager
    def _services(self) -> Iterator[tuple[PictureService, SuggestionRun]]:
        """Open what works beside the server; at the end write the label table and close it."""
        items = {key: candidate.item for key, candidate in self.candidates.items()}
        is_active = self.options.order is Order.ACTIVE
        suggestions = SuggestionRun(self.store, items, self.classifier, is_active=is_active)
        pictures = PictureService(items, min(MAX_PROCESSES, available_processors()))
        if is_active:
            suggestions.start()
        try:
            yield pictures, suggestions
        finally:
            suggestions.stop()
            pictures.close()
            self.write()

    def write(self) -> None:
        """Write the label table, and beside it the table of images that cannot be read."""
        records = self.store.labels()
        writable = [one for one in records if unescape_name(one.name) == one.name]
        problems = [
            Problem(ProblemKind.UNREADABLE, name, error) for name, error in self.store.unreadable()
        ] + [
            Problem(ProblemKind.UNREADABLE, one.name, "its name is not UTF-8")
            for one in records
            if unescape_name(one.name) != one.name
        ]
        write_tables(self.table, TABLE_COLUMNS, label_table(writable, self._relative), problems)

    def agreement(self) -> list[tuple[str, ...]]:
        """Return the rows of `agreement_table`."""
        return agreement_table(self.store.labels())

    def _relative(self, name: str) -> str:
        return self.table.relative(name)


def open_collection(options: LabelOptions) -> LabelRun:
    """Find the images, open their history, import labels and set the order.

    Raises WrongUse, and reads every image of a sample for the order `typical`.
    """
    history = options.output.with_name(options.output.name + HISTORY_SUFFIX)
    if options.output.absolute() == Path(options.collection).absolute():
        raise WrongUse(f"{options.output} is the table to read: name another one with -o")
    table = LabelTable(options.output, options.may_overwrite, history / "written.json")
    classifier = load(options.model)
    found = candidates_in(options.collection)
    try:
        history.mkdir(exist_ok=True)
    except OSError as error:
        raise UnusableOutput(f"{history}: {error.strerror}") from error
    store = LabelStore(history / "labels.sqlite")
    by_name = {_stored_name(candidate): candidate for candidate in found}
    images = [NewImage(name, one.patient, one.source) for name, one in by_name.items()]
    store.add_images(images, options.overlap, options.seed)
    ids = store.ids()
    candidates = {ids[name]: candidate for name, candidate in by_name.items()}
    run = LabelRun(options, table, classifier, store, candidates)
    tables = list(options.imports)
    if options.collection.lower().endswith((".csv", ".csv.gz")):
        tables.insert(0, Path(options.collection))
    for path in tables:
        run.unmatched += _import(store, ids, path)
    if options.order is Order.TYPICAL:
        _put_typical_first(store, ids, options, found)
    return run


def _stored_name(candidate: Candidate) -> str:
    return escape_name(os.path.abspath(candidate.item.name))  # noqa: PTH100 - odd bytes


def _import(store: LabelStore, ids: dict[str, int], path: Path) -> list[str]:
    """Store the labels of a file that are not stored yet; return the files that are not there."""
    matcher = FileMatcher(ids, path.parent)
    known = {(one.image, one.labeler, one.label) for one in store.labels()}
    answers: dict[str, list[tuple[int, ImportedLabel]]] = {}
    unmatched = []
    for label in read_labels_of(path):
        image, labeler = matcher.find(label.file), label.labeler or IMPORTED
        if image is None:
            unmatched.append(label.file)
        elif (image, labeler, label.label) not in known:
            answers.setdefault(labeler, []).append((image, label))
    for labeler, labels in answers.items():
        store.record(
            labeler,
            f"import:{os.urandom(8).hex()}",
            [Answer(image, one.label, one.seconds, at=one.at) for image, one in labels],
        )
    return unmatched


def _put_typical_first(
    store: LabelStore, ids: dict[str, int], options: LabelOptions, found: list[Candidate]
) -> None:
    sample_options = SampleOptions(
        count=TYPICAL_IMAGES, seed=options.seed, rule=SamplingRule.TYPICAL, model=options.model
    )
    sample = draw_sample(found, sample_options, engine_for())
    store.put_first([(ids[_stored_name(one)], reason) for one, reason in sample.chosen])


def open_browser(url: str) -> bool:
    """Open the address in a browser with windows; False where there is none."""
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        return False  # webbrowser would open one in the terminal
    return webbrowser.open(url)
