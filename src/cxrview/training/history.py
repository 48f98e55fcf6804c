"""What was seen pass by pass, and which pass was chosen."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields

NOTHING = float("nan")


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass: mean loss (nats) and share judged rightly; NaN where nothing is held out."""

    number: int  # 1 ..
    training_loss: float
    training_accuracy: float  # on the augmented pictures, while they were learnt
    validation_loss: float = NOTHING
    validation_accuracy: float = NOTHING

    @property
    def rank(self) -> tuple[float, float]:
        """Higher is better: validation accuracy, then the lower validation loss (the paper)."""
        return self.validation_accuracy, -self.validation_loss


HEADER = tuple(field.name for field in fields(Pass))


def chosen_pass(history: Sequence[Pass], keeps_best: bool) -> int:
    """The number of the pass whose weights are kept: the first of the best, or the last."""
    if not keeps_best:
        return len(history)
    return max(history, key=lambda one: (one.rank, -one.number)).number


def history_text(history: Iterable[Pass]) -> str:
    """One line a pass, as CSV; empty where nothing was held out."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for one in history:
        number, *values = astuple(one)
        writer.writerow((number, *("" if v != v else f"{v:.6g}" for v in values)))
    return text.getvalue()


def chosen_text(history: Sequence[Pass], number: int) -> str:
    """The figures of pass `number`, in words."""
    one = history[number - 1]
    words = f"pass {one.number:,} of {len(history):,}: training loss {one.training_loss:.4g}, "
    words += f"accuracy {one.training_accuracy:.2%}"
    if one.validation_loss != one.validation_loss:
        return words
    loss, accuracy = one.validation_loss, one.validation_accuracy
    return f"{words}; validation loss {loss:.4g}, accuracy {accuracy:.2%}"
