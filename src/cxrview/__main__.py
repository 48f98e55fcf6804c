"""`python -m cxrview` is `cxrview`."""

from cxrview.cli.main import run

run()
