"""One item -> its one row: the only way from bytes to a verdict, whichever door they came in by."""

from cxrview.errors import DamagedImage, TooLarge, UnreadableImage
from cxrview.images import Radiograph, header_view_of
from cxrview.model.classifier import Classifier
from cxrview.readers.decode import decode
from cxrview.rows import Row
from cxrview.sources.find import Item
from cxrview.views import agreement, decide

DECIMALS = 6  # float32 holds no more, and behind them processors differ


def row_of(item: Item, classifier: Classifier) -> Row:
    """Every item gets a row: a verdict, or the reason why there is none."""
    try:
        with item.open() as stream:
            radiograph = decode(stream)
        return row_of_radiograph(item.name, radiograph, classifier)
    except UnreadableImage as error:
        return error_row(item.name, error, classifier.label)
    except MemoryError:
        refusal = TooLarge("it needs more memory than there is")
        return error_row(item.name, refusal, classifier.label)
    except RecursionError:
        return error_row(item.name, DamagedImage("it is nested too deeply"), classifier.label)


def row_of_radiograph(name: str, radiograph: Radiograph, classifier: Classifier) -> Row:
    """Judge, decide, and set the header's opinion beside the verdict.

    The rounded probabilities are what is decided on, so that a table agrees with itself.
    """
    judgement = classifier.predict(radiograph)
    p_lateral, p_chest = round(judgement.p_lateral, DECIMALS), judgement.p_chest
    p_chest = None if p_chest is None else round(p_chest, DECIMALS)
    verdict = decide(p_lateral, p_chest, classifier.thresholds)
    opinion = header_view_of(radiograph.header)
    return Row(
        file=name,
        frame=radiograph.frame,
        view=verdict,
        p_lateral=p_lateral,
        p_chest=p_chest,
        header_view=opinion.view,
        header_source=opinion.source,
        agreement=agreement(verdict, opinion.view),
        width=radiograph.width,
        height=radiograph.height,
        model=classifier.label,
    )


def error_row(name: str, error: UnreadableImage, model: str) -> Row:
    """The row of an item without a verdict, its words on one line."""
    words = " ".join(str(error).split())
    return Row(file=name, error=f"{error.code}: {words}", model=model)
