"""Settings that hold for every test: one Hypothesis profile, no window system, no usage reports."""

import os

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
