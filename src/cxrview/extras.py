"""What is missing on this machine, a library or a system that has it -> the error that says so."""

import json
import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

from cxrview.errors import MissingExtra, WrongUse


def check_system() -> None:
    """Raise WrongUse on a system without file locks and limits of processes, such as Windows."""
    if find_spec("fcntl") is None:
        raise WrongUse("cxrview runs on Linux; on Windows use it within WSL 2")


def missing_extra(error: ModuleNotFoundError, extra: str) -> MissingExtra:
    """The error for a library of an optional extra of this package."""
    command = shlex.join([sys.executable, "-m", "pip", "install", *requirement(extra)])
    return MissingExtra(f"{error.name} is not installed: {command}")


def requirement(extra: str) -> list[str]:
    """Arguments of `pip install` that add an extra from where this package was installed.

    That place is known for a folder, a file or a repository (PEP 610), not for an index.
    """
    name = f"cxrview[{extra}]"
    try:
        origin = json.loads(distribution("cxrview").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        origin = {}
    url = origin.get("url", "")
    if origin.get("dir_info", {}).get("editable"):
        return ["--editable", f"{unquote(urlsplit(url).path)}[{extra}]"]
    if vcs := origin.get("vcs_info"):
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return [f"{name} @ {url}" if url else name]
