"""The tree of errors, named for what the caller can do about them.

CxrviewError
├── WrongUse              the call cannot work; nothing was started         (exit status 2)
│   ├── MissingInput      a path, a glob, a list or an archive is not there
│   │   └── MissingObject    a storage that answers does not have an object
│   ├── UnusableModel     a model file is absent, altered, or not one of ours
│   ├── UnusableOutput    the place to write to cannot be written
│   └── MissingExtra      an optional library is not installed
└── UnreadableImage       this one item gets a row that says why            (exit status 1)
    ├── Unreachable       the file cannot be opened or read
    │   └── UnlistedFolder   a folder in the inputs cannot be listed
    ├── UnknownFormat     the bytes are in no format that we read
    ├── UnsupportedImage  the format is known, this variety of it is not
    ├── NoPixels          a valid file without an image in it (report, plan, waveform ...)
    ├── DamagedImage      the data are incomplete or contradict themselves
    ├── TooLarge          it claims more pixels or bytes than the limits allow
    ├── DecoderCrashed    the process that decoded it died
    └── DecoderTimedOut   the process that decoded it took too long
"""


class CxrviewError(Exception):
    """Base of all errors that this package raises on purpose."""


class WrongUse(CxrviewError):
    """The call cannot work as it is; nothing was started."""


class MissingInput(WrongUse):
    """A path, a glob, a list or an archive in the arguments does not exist."""


class MissingObject(MissingInput):
    """A storage that answers does not have an object."""


class UnusableModel(WrongUse):
    """A model file is absent, altered, or not one of ours."""


class UnusableOutput(WrongUse):
    """The place to write to cannot be written."""


class MissingExtra(WrongUse):
    """An optional library is needed and not installed; the message says how to install it."""


class UnreadableImage(CxrviewError):
    """One item has no verdict. `code` is stable and for programs, the message for people."""

    code = "unreadable"

    @property
    def text(self) -> str:
        """`code: message` on one line, as in the column `error`."""
        return f"{self.code}: {' '.join(str(self).split())}"


class Unreachable(UnreadableImage):
    """The file cannot be opened or read: permissions, vanished, input/output error."""

    code = "unreachable"


class UnlistedFolder(Unreachable):
    """A folder in the inputs cannot be listed: any number of images may be in it."""

    code = "unlisted_folder"


class UnknownFormat(UnreadableImage):
    """The bytes are in no format that we read."""

    code = "unknown_format"


class UnsupportedImage(UnreadableImage):
    """The format is known, this variety of it is not."""

    code = "unsupported"


class NoPixels(UnreadableImage):
    """A valid file without an image in it: a report, a plan, a waveform."""

    code = "no_pixels"


class DamagedImage(UnreadableImage):
    """The data are incomplete or contradict themselves."""

    code = "damaged"


class TooLarge(UnreadableImage):
    """It claims more pixels or bytes than the limits allow; refused before memory is allocated."""

    code = "too_large"


class DecoderCrashed(UnreadableImage):
    """The process that decoded it died: a crash in a decoder, or out of memory."""

    code = "decoder_crashed"


class DecoderTimedOut(UnreadableImage):
    """The process that decoded it took longer than allowed and was killed."""

    code = "decoder_timed_out"


# Of rows whose cause may be the machine, not the file: the next run tries again.
RETRIED_CODES = frozenset(
    one.code for one in (Unreachable, UnlistedFolder, DecoderCrashed, DecoderTimedOut)
)
