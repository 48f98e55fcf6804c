"""Settings for every test: Hypothesis profile, interrupts, no window system, no timed choice."""

import os
import signal
import threading
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, settings

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
