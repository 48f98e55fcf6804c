"""Bytes of any image format -> Radiograph, recognised by their first bytes, never by a name."""

import logging
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

from PIL.Image import DecompressionBombError

from cxrview.errors import (
    DamagedImage,
    TooLarge,
    UnknownFormat,
    Unreachable,
    UnreadableImage,
    UnsupportedImage,
)
from cxrview.images import Radiograph
from cxrview.limits import ARCHIVE_HEAD_BYTES, Limits
from cxrview.readers.dicom import read_dicom
from cxrview.readers.dicom_dataset import IDENTIFIERS
from cxrview.readers.dicom_file import PREAMBLE_BYTES, WANTED_TAGS, looks_like_dicom, open_dicom
from cxrview.readers.dicom_header import identity_of
from cxrview.readers.planes import LEAST_SIDE, keep_side
from cxrview.readers.raster import read_bmp, read_codestream, read_png, read_tiff
from cxrview.rows import Identity

__all__ = ["READERS", "Limits", "decode"]

Reader = Callable[[BinaryIO, Limits], Radiograph]

READERS: tuple[tuple[int, bytes, Reader], ...] = (  # (offset, bytes that stand there, reader)
    (PREAMBLE_BYTES, b"DICM", read_dicom),  # first: the preamble may be the head of a TIFF
    (0, b"\xff\xd8\xff", read_codestream),  # JPEG, JPEG-LS
    (0, b"\x89PNG\r\n\x1a\n", read_png),
    (0, b"II*\0", read_tiff),
    (0, b"MM\0*", read_tiff),
    (0, b"II+\0", read_tiff),  # BigTIFF
    (0, b"MM\0+", read_tiff),
    (0, b"BM", read_bmp),
    (0, b"\xff\x4f\xff\x51", read_codestream),  # JPEG 2000, HTJ2K
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", read_codestream),  # the same in JP2
    (0, b"\xff\x0a", read_codestream),  # JPEG XL
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", read_codestream),
)


# What parsers and decoders raise for bytes that they do not understand. Pillow raises
# SyntaxError for a broken PNG; the errors of imagecodecs are RuntimeErrors.
_LIBRARY_ERRORS = (
    ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, LookupError,
    MemoryError, RuntimeError, SyntaxError, TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip


_LIBRARY_LOGS = tuple(
    logging.getLogger(name)
    for name in ("pydicom", "pydicom.pixels.decoders.base", "pydicom.pixels.utils", "PIL.ImageFile",
                 "PIL.Image", "PIL.PngImagePlugin", "PIL.TiffImagePlugin", "imagecodecs")
)  # fmt: skip


def decode(
    stream: BinaryIO, limits: Limits | None = None, *, side: float = LEAST_SIDE
) -> Radiograph:
    """A seekable stream of one image file -> Radiograph; see docs/formats.md for what is read.

    side: pixels that decoding at reduced resolution leaves on each side of the image. The default
    suffices for the networks; a larger one is for people.

    Raises one of the subclasses of UnreadableImage, and nothing else; its message holds no contents
    of the file. Silences warnings and the logs of libraries while it runs, for the whole process:
    decode in processes, not in threads, where those matter. They return once no thread decodes.
    """
    with translate_decoder_errors(), keep_side(side):
        stream.seek(0)
        head = stream.read(ARCHIVE_HEAD_BYTES)
        try:
            reader = reader_of(head)
        except UnknownFormat:
            if is_archive(head):
                raise UnsupportedImage("an archive, inside another one or in a place where only "
                                       "images are read: unpack it") from None  # fmt: skip
            raise
        return reader(stream, limits or Limits())


def read_identity(stream: BinaryIO, wanted: Identity) -> Identity:
    """A seekable stream of one image file -> its identifiers.

    wanted: empty identifiers, of which those that are not None are read; returned as they are for
    files that are not DICOM, or whose header cannot be read.
    """
    tags = [tag for name, (tag, _) in IDENTIFIERS.items() if name != "PatientID"]
    if wanted.accession_number is None:
        tags.remove(IDENTIFIERS["AccessionNumber"][0])
    try:
        with translate_decoder_errors():
            stream.seek(0)
            if reader_of(stream.read(PREAMBLE_BYTES + 4)) is read_dicom:
                file = open_dicom(stream, Limits(), (*WANTED_TAGS, *tags))
                return identity_of(file, wanted)
    except UnreadableImage:
        pass  # `decode` states the reason
    return wanted


@contextmanager
def translate_decoder_errors() -> Iterator[None]:
    """Translate every error inside to an UnreadableImage; silence the logs of libraries."""
    with _translate_errors(), _SILENCE.use():
        yield


def reader_of(head: bytes) -> Reader:
    """The reader for the first 132 bytes of a file, or more; raises UnknownFormat for none."""
    for offset, magic, reader in READERS:
        if head.startswith(magic, offset):
            return reader
    if looks_like_dicom(head):
        return read_dicom
    raise UnknownFormat("no image format that we read" if head else "the file is empty")


@contextmanager
def _silence_logs() -> Iterator[None]:
    """Suppress warnings and the logs of libraries, which quote values of a header."""
    before = [log.disabled for log in _LIBRARY_LOGS]
    for log in _LIBRARY_LOGS:
        log.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, was_disabled in zip(_LIBRARY_LOGS, before, strict=True):
            log.disabled = was_disabled


def is_archive(head: bytes) -> bool:
    """Whether a file begins, in its first ARCHIVE_HEAD_BYTES, as zip, tar, bzip2 or xz do."""
    return head.startswith((b"PK\3\4", b"BZh", b"\xfd7zXZ\0")) or head[257:] == b"ustar"


class _SharedSilence:
    """`_silence_logs` for several threads: begins with the first of them, ends with the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._silence = ExitStack()

    @contextmanager
    def use(self) -> Iterator[None]:
        """Keep silence while the context is open."""
        with self._lock:
            if not self._users:
                self._silence.enter_context(_silence_logs())
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._silence.close()


_SILENCE = _SharedSilence()


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Translate the errors of all libraries. Their texts may quote the file, so they stay out."""
    try:
        yield
    except UnreadableImage:
        raise
    except OSError as error:
        if error.errno is not None:
            raise Unreachable(f"the file cannot be read: {error.strerror}") from error
        raise DamagedImage("the picture cannot be decoded: it breaks off or is broken") from error
    except DecompressionBombError as error:
        raise TooLarge("more pixels are claimed than any decoder takes") from error
    except MemoryError as error:
        raise TooLarge("the memory does not suffice to decode it") from error
    except _LIBRARY_ERRORS as error:
        raise DamagedImage(f"the picture cannot be decoded ({type(error).__name__})") from error
