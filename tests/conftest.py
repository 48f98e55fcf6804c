"""Fixtures and settings: Hypothesis profile, interrupts, no window system, no timed choice."""

import os
import shutil
import signal
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from makers_sources import FILES, put

# A loaded machine may take any time over an example, so neither a deadline nor the health check
# for slow data may fail a test. `make test` and continuous integration set CI and get the same
# examples at every run; elsewhere each run draws new ones, and a failure prints the line that
# repeats it.
settings.register_profile(
    "local", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile(
    "ci", parent=settings.get_profile("local"), derandomize=True, database=None
)
settings.load_profile("ci" if os.environ.get("CI") else "local")

os.environ.setdefault("MPLBACKEND", "agg")

# A shell starts background jobs with SIGINT ignored, and the programs under test would inherit
# that: those that are interrupted by a test would go on.
if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    and threading.current_thread() is threading.main_thread()
):
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _step_settings_that_no_clock_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train in single precision with one thread: a busy machine would choose now this, now that."""
    if find_spec("torch") is None:
        return
    from cxrview.training import trainer

    settings = trainer.StepSettings(trainer.Precision.FLOAT32, 1)
    monkeypatch.setattr(trainer, "timed_settings", lambda *_: settings)


@pytest.fixture
def one_thread():
    """PyTorch works in one thread."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of FILES of makers_sources named `studies`, and the working folder around it."""
    monkeypatch.chdir(tmp_path)
    for name, data in FILES.items():
        put(f"studies/{name}", data)
    return tmp_path


@pytest.fixture(scope="session")
def chromium():
    """A browser: Debian's Chromium, or the one that Playwright has installed."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        path = shutil.which("chromium") or playwright.chromium.executable_path
        if not Path(path).exists():
            pytest.skip("neither Debian's chromium nor that of `playwright install` is there")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
