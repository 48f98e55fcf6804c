"""Findings -> the tables that a run leaves behind, as text."""

import csv
import io
from collections.abc import Iterable, Sequence

from cxrview.evaluation.perturbations import UNALTERED
from cxrview.training.films import Films
from cxrview.training.findings import Findings


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def films_table(findings: Findings) -> str:
    """One line a film: what the model that had not seen it said."""
    judged = findings.result.films[UNALTERED]
    return _csv(
        ("file", "view", "source", "fold", "p_lateral", "p_chest"),
        (
            (label.file, label.view, label.source, fold, f"{p:.6f}", f"{chest:.6f}")
            for label, fold, (p, chest) in zip(
                findings.labels, findings.result.folds, judged, strict=True
            )
        ),
    )


def guessed_table(films: Films) -> str:
    """One line a film that a net labelled itself."""
    return _csv(("file", "view"), ((label.file, label.view) for label in films.labels))


def robustness_table(findings: Findings) -> str:
    """One line an alteration."""
    n = len(findings.lateral)
    lines = []
    for name in findings.result.films:
        wrong, refused = findings.wrong(name), findings.refused(name)
        frontals = int((wrong & ~findings.lateral).sum())
        laterals = int((wrong & findings.lateral).sum())
        lines.append(
            (name, frontals + laterals, f"{wrong.mean():.2%}", frontals, laterals,
             int(findings.uncertain(name).sum()), int(refused.sum()), f"{refused.mean():.2%}", n)
        )  # fmt: skip
    return _csv(
        ("alteration", "errors", "share", "frontals_wrong", "laterals_wrong", "uncertain",
         "refused", "refused_share", "films"), lines,
    )  # fmt: skip


def others_table(findings: Findings, names: Sequence[str]) -> str:
    """One line a picture that is no chest film: by how many folds' models it was refused."""
    chest = findings.result.others[:, :, 1]
    refused = (chest < findings.thresholds.chest).sum(axis=0)
    return _csv(
        ("file", "refused_by", "models", "highest_p_chest"),
        (
            (name, count, len(chest), f"{highest:.4f}")
            for name, count, highest in zip(names, refused, chest.max(axis=0), strict=True)
        ),
    )


def summary_text(findings: Findings) -> str:
    """A page for people."""
    wrong = findings.wrong()
    lines = [
        f"{int(wrong.sum())} errors of {len(wrong)} (undecided ones forced at one half); "
        f"{int(findings.uncertain().sum())} uncertain; {int(findings.refused().sum())} refused",
    ]
    for number in wrong.nonzero()[0].tolist():
        label, (p, chest) = findings.labels[number], findings.result.films[UNALTERED][number]
        lines.append(f"  {label.file}: {label.view}, p_lateral {p:.3f}, p_chest {chest:.3f}")
    for name, share in findings.by_source().items():
        low, high = share.interval
        lines.append(f"{name}: {share.hits} of {share.all} wrong ({low:.2%} - {high:.2%})")
    if findings.result.others.shape[1]:
        lines.append(
            f"gate: AUROC {findings.gate_area():.4f}, threshold {findings.thresholds.chest:g}, "
            f"{findings.others_refused().value:.2%} of other pictures refused"
        )
    return "\n".join([*lines, "", robustness_table(findings)])
