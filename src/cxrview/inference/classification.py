"""Items -> rows: the only way from the bytes of an image to its verdict."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from cxrview.engines.local import engine_for
from cxrview.engines.outcomes import (
    Crashed,
    Done,
    Engine,
    Failure,
    Outcome,
    Raised,
    TimedOut,
    in_order,
)
from cxrview.errors import (
    DamagedImage,
    DecoderCrashed,
    DecoderTimedOut,
    TooLarge,
    UnreadableImage,
    UnusableModel,
)
from cxrview.images import Radiograph, exclusion_of, header_view_of, size_warnings
from cxrview.model.card import DEFAULT_MODEL
from cxrview.model.classifier import Classifier, load
from cxrview.rows import Identity, Row
from cxrview.sources.find import Item
from cxrview.views import Verdict, agreement, decide

DECIMALS = 6  # float32 holds no more, and further digits differ between processors


def row_of(item: Item, classifier: Classifier, identity: Identity | None = None) -> Row:
    """Read and classify one item; the row holds a verdict, or the reason why there is none.

    identity: empty, with the identifiers to read; None for none.
    """
    from cxrview.readers.decode import (  # not in the process that hands out the work
        decode,
        read_identity,
    )

    try:
        with item.open() as stream:
            if identity:
                identity = read_identity(stream, identity)
            radiograph = decode(stream)
        row = row_of_radiograph(item.name, radiograph, classifier)
    except UnreadableImage as error:
        row = error_row(item.name, error, classifier.label)
    except MemoryError:
        refusal = TooLarge("it needs more memory than there is")
        row = error_row(item.name, refusal, classifier.label)
    except RecursionError:
        row = error_row(item.name, DamagedImage("it is nested too deeply"), classifier.label)
    return replace(row, identity=identity) if identity else row


def row_of_radiograph(name: str, radiograph: Radiograph, classifier: Classifier) -> Row:
    """Classify one radiograph; the row also holds the view that the header claims.

    The verdict follows from the rounded probabilities, so that a table is consistent, unless the
    header says that the image cannot be a projection radiograph of a chest. Rotation and polarity
    are those of a chest radiograph, so an image with the verdict not_chest has none.
    """
    prediction = classifier.predict(radiograph)
    p_lateral, p_chest = round(prediction.p_lateral, DECIMALS), prediction.p_chest
    p_chest = None if p_chest is None else round(p_chest, DECIMALS)
    verdict = decide(p_lateral, p_chest, classifier.thresholds)
    if reason := exclusion_of(radiograph.header):
        verdict = Verdict.NOT_CHEST
    is_chest = verdict is not Verdict.NOT_CHEST
    header = header_view_of(radiograph.header)
    return Row(
        file=name,
        frame=radiograph.frame,
        view=verdict,
        p_lateral=p_lateral,
        p_chest=p_chest,
        rotation=prediction.rotation if is_chest else None,
        inverted=prediction.inverted if is_chest else None,
        header_view=header.view,
        header_source=header.source,
        agreement=agreement(verdict, header.view),
        warning="; ".join(radiograph.warnings + size_warnings(radiograph.width, radiograph.height)),
        reason=reason,
        width=radiograph.width,
        height=radiograph.height,
        model=classifier.label,
    )


def error_row(name: str, error: UnreadableImage, model: str) -> Row:
    """The row of an item without a verdict."""
    return Row(file=name, error=error.text, model=model)


def classify_items(
    items: Iterable[Item],
    model: str | Path = DEFAULT_MODEL,
    jobs: int | None = 1,
) -> Iterator[Row]:
    """One row for each item, in order, as they become known. Memory does not grow with the items.

    jobs: worker processes; 0 works in this process, without protection from decoders; None starts
    one for each processor. Raises UnusableModel before the first item is opened, or where the model
    computes no probabilities for an item.
    """
    return in_order(numbered_rows(items, load(model), engine_for(jobs)))


def numbered_rows(
    items: Iterable[Item],
    classifier: Classifier,
    engine: Engine,
    identity: Identity | None = None,
) -> Iterator[tuple[int, Row]]:
    """(index, row) of each item, in any order. identity: as in `row_of`."""
    names: dict[int, str] = {}  # of the items in work: at most the window of the engine

    def remembered() -> Iterator[Item]:
        for index, item in enumerate(items):
            names[index] = item.name
            yield item

    make_function = partial(partial, row_of, classifier=classifier, identity=identity)
    for index, outcome in engine.map(make_function, remembered()):
        row = row_from(names.pop(index), outcome, classifier.label)
        if identity and not row.identity:  # a decoder crashed
            row = replace(row, identity=identity)
        yield index, row


def row_from(name: str, outcome: Outcome, model: str) -> Row:
    """Outcome of `row_of` in an engine -> row."""
    if isinstance(outcome, Done):
        if not isinstance(outcome.value, Row):
            raise TypeError(f"a row is expected, not {outcome}")
        return outcome.value
    return error_row(name, fault_of(outcome), model)


def fault_of(outcome: Failure) -> UnreadableImage:
    """The error for an item that an engine could not process.

    Raises UnusableModel where not the item is to blame, but the model.
    """
    match outcome:
        case Raised(kind=UnusableModel.__name__):
            raise UnusableModel("the model file computes no probabilities for some image")
        case Raised():
            return DecoderCrashed(str(outcome))
        case Crashed(how=how):
            return DecoderCrashed(f"the process that decoded it died twice: {how}")
        case TimedOut(seconds=seconds):
            return DecoderTimedOut(f"not decoded within {seconds:g} s, tried twice")
