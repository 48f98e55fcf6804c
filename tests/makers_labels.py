"""Label tables of any shape."""

from cxrview.labels import Label
from cxrview.views import View


def labels_of(patients: list[tuple[int, int]]) -> list[Label]:
    """(frontals, laterals) of each patient -> labels, patient by patient."""
    made = []
    for number, counts in enumerate(patients):
        for view, count in zip((View.FRONTAL, View.LATERAL), counts, strict=True):
            made += [
                Label(f"{number}-{view}-{i}.png", view, f"p{number}", "made") for i in range(count)
            ]
    return made
