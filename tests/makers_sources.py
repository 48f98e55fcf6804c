"""Files to be found: written, named, read back."""

# Odd bytes in names belong to os.
# ruff: noqa: PTH103, PTH120, PTH123

import os

from cxrview.sources.find import find

FILES = {
    "b.png": b"bee",
    "a.jpg": b"aye",
    "sub/c.dcm": bytes(range(250)) * 12,
    "sub/IM0001": b"eye",
}


def put(name, data=b"x"):
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "wb") as file:
        file.write(data)


def names(inputs, **options):
    return [item.name for item in find(inputs, **options)]


def contents(items):
    found = {}
    for item in items:
        with item.open() as stream:
            found[item.name] = stream.read()
    return found
