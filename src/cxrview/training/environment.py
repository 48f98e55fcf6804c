"""Where a training ran: versions, machine, commit."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from cxrview import __version__

SOURCE = Path(__file__).parents[3]
PACKAGES = ("torch", "numpy", "onnx", "onnxruntime", "pillow", "pydicom", "imagecodecs")


def commit() -> str:
    """The commit of our source tree; empty where we are installed, be it inside another's tree."""
    if not (SOURCE / ".git").exists():
        return ""
    command = ["git", "-C", str(SOURCE), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return ""
    return done.stdout.strip()


def environment(device: str) -> dict[str, str]:
    """By name, for people; no host name and no path."""
    return {
        "cxrview": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "system": platform.platform(),
        "processors": str(len(os.sched_getaffinity(0))),
        "device": device,
    }
