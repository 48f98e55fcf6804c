"""Makes `python -m cxrview` the same as `cxrview`."""

from cxrview.cli.main import run

run()
