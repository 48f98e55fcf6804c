"""The command line: one file a command."""

import sys

from cxrview.errors import WrongUse
from cxrview.extras import check_system

try:
    check_system()  # before the modules of the commands, which need what it checks, are imported
except WrongUse as error:
    print(f"cxrview: {error}", file=sys.stderr)
    raise SystemExit(2) from error
