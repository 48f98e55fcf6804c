"""Items -> items without the files that we write ourselves into the folder that is read."""

import functools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from cxrview.atomic import partial_path
from cxrview.sources.find import Item
from cxrview.views import Verdict


def exclude_outputs(
    items: Iterable[Item], files: Iterable[Path], folder: Path | None
) -> Iterator[Item]:
    """Leave out `files`, what lies beside them half written, and what was sorted into `folder`.

    What a run keeps beside its table is hidden, so that it is not found at all.
    """
    wanted = [path for file in files for path in (file, partial_path(file))]
    own = {os.path.realpath(path) for path in wanted}
    verdicts = (folder / verdict for verdict in Verdict) if folder else ()
    sorted_ones = tuple(os.path.realpath(path) + os.sep for path in verdicts)
    real_folder = functools.lru_cache(4096)(os.path.realpath)  # once for all files of a folder
    for item in items:
        head, tail = os.path.split(item.name)
        place = os.path.join(real_folder(head), tail)  # noqa: PTH118 - millions of them
        if place not in own and not place.startswith(sorted_ones):
            yield item
