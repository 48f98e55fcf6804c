"""What one call of `cxrview classify` asks for; a request that contradicts itself is refused."""

from dataclasses import dataclass
from pathlib import Path

from cxrview.errors import UnusableOutput, WrongUse
from cxrview.sources.files import is_remote

STDOUT = "-"
ENGINES = ("local", "ray")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The flags, by their names."""

    paths: tuple[str, ...]
    output: str | None = None
    jobs: int | None = None
    model: str = "film"
    link_into: Path | None = None
    copy_into: Path | None = None
    sheet: Path | None = None
    sheet_images: int = 60
    is_quiet: bool = False
    is_fresh: bool = False
    part: str = ""  # K/N
    engine: str = "local"
    ray_address: str = ""

    def __post_init__(self) -> None:
        if self.link_into and self.copy_into:
            raise WrongUse("--link-into and --copy-into cannot both be wanted")
        if self.sheet and self.sheet.suffix.lower() != ".png":
            raise UnusableOutput(f"the sheet is a PNG, but {self.sheet} does not end in .png")

        for path in (self.table, self.folder, self.sheet):
            if path and is_remote(str(path).replace(":/", "://", 1)):  # a Path has one slash
                raise UnusableOutput(f"{path}: write to a disk, then copy what was made")
        if self.engine not in ENGINES:
            raise WrongUse(f"no engine {self.engine!r}: {', '.join(ENGINES)}")
        if self.ray_address and self.engine != "ray":
            raise WrongUse("--ray-address is for --engine ray")
        if self.share and not self.table:
            raise WrongUse("--part is of a table that several processes make: name it with -o")
        if self.share and (self.folder or self.sheet):
            raise WrongUse("--part makes rows alone: sort and draw once the table is joined")

    @property
    def share(self) -> tuple[int, int] | None:
        """K and N of --part K/N, 1 <= K <= N; raises WrongUse for anything else."""
        if not self.part:
            return None
        number, slash, of = self.part.partition("/")
        if slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
            return int(number), int(of)
        raise WrongUse(f"--part is K/N, from 1/N to N/N, not {self.part}")

    @property
    def table(self) -> Path | None:
        """The file that the table goes to, if it goes to one."""
        return Path(self.output) if self.output not in (None, STDOUT) else None

    @property
    def folder(self) -> Path | None:
        """Where images are sorted into, by links or copies."""
        return self.link_into or self.copy_into

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that will be written."""
        return tuple(path for path in (self.table, self.sheet) if path)
