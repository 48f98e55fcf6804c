"""Results of several models -> Markdown tables with one column for each model (accuracy.py)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cxrview.evaluation.perturbations import POSES
from cxrview.filenames import escape_name
from cxrview.labels import Label
from cxrview.metrics.classification import Share
from cxrview.rows import Row
from cxrview.views import Verdict, View

FAULTLESS = "0 wrong, 0 refused"  # rows of which every cell starts so are left out of a table

Report = dict[str, Any]  # report.json of `cxrview evaluate`
Cells = dict[str, str]  # row of a table -> cell


@dataclass(slots=True)
class Measured:
    """The results of one model."""

    model: str
    reports: dict[str, Report] = field(default_factory=dict)  # by image set
    left_out: list[Label] = field(default_factory=list)  # radiographs that are not in its training
    held_out: list[dict[str, Any]] = field(default_factory=list)  # groups of its cross-validation
    perturbed: list[dict[str, str]] = field(default_factory=list)  # robustness.csv of the run
    refused: list[dict[str, str]] = field(default_factory=list)  # negatives.csv of the run
    obliques: list[Row] = field(default_factory=list)  # of the images computed from CT


def share_text(hits: int, total: int) -> str:
    """A count with its 95 % interval by Wilson; empty where nothing was counted."""
    if not total:
        return ""
    low, high = Share(hits, total).interval
    return f"{hits:,} of {total:,} ({100 * low:.2f} - {100 * high:.2f} %)"


def sum_of(groups: Iterable[Mapping[str, Any]], view: str, metric: str) -> str:
    """The pooled count of one metric over the groups of a view ("" for both)."""
    chosen = [one[metric] for one in groups if one["name"].endswith(view)]
    return share_text(sum(one["hits"] for one in chosen), sum(one["total"] for one in chosen))


def left_out_cells(report: Report, labels: Sequence[Label]) -> Cells:
    """Wrong and refused images among those that the model was not trained on."""
    reasons = {one["file"]: one["reason"] for one in report["review_cases"]}
    cells = {}
    for view in View:
        found = [reasons.get(escape_name(one.file), "") for one in labels if one.view is view]
        refused = sum("not_chest" in reason for reason in found)
        failed = sum("wrong" in reason or "not_chest" in reason for reason in found)
        cells[f"{view}s left out of training: wrong or refused"] = share_text(failed, len(found))
        cells[f"{view}s left out of training: refused"] = share_text(refused, len(found))
    return cells


def headline(one: Measured) -> Cells:
    """The figures of the comparison of models."""
    report = one.reports["radiographs"]
    cells = left_out_cells(report, one.left_out) | cross_validated_cells(one)
    negatives = report["negatives"]
    overall = negatives["overall"]
    cells["other images rejected"] = share_text(overall["rejected"], overall["images"])
    cells["other images with a sure view"] = share_text(negatives["sure"], overall["images"])
    for area in negatives["aurocs"]:
        cells[f"AUROC of P(chest), {area['view']}s"] = f"{area['auroc']:.4f}"
    for name, own in one.reports.items():
        if name != "radiographs":
            cells[f"{name}: right and not refused"] = share_text(
                sum(view["failed"]["total"] - view["failed"]["hits"] for view in own["views"]),
                sum(view["failed"]["total"] for view in own["views"]),
            )
            cells[f"{name}: refused"] = sum_of(own["views"], "", "refused")
        cells |= perturbed_cells(name, own)
    views = (Verdict.FRONTAL, Verdict.LATERAL)
    sure = sum(row.view in views for row in one.obliques)
    cells["obliques computed from CT with a sure view"] = share_text(sure, len(one.obliques))
    return cells


def cross_validated_cells(one: Measured) -> Cells:
    """From the tables of a run: each image by the models that have not seen it."""
    cells = {}
    for view in View:
        cells[f"{view}s cross-validated: wrong or refused"] = sum_of(one.held_out, view, "failed")
        cells[f"{view}s cross-validated: refused"] = sum_of(one.held_out, view, "refused")
    cells["cross-validated: views wrong"] = sum_of(one.held_out, "", "wrong")
    refused, models = (
        sum(int(row[key]) for row in one.refused) for key in ("refused_by", "models")
    )
    mean = f"{100 * refused / models:.2f} %" if models else ""
    cells["cross-validated: other images rejected, mean of the folds"] = mean
    sure = sum(int(row["confident_wrong"]) for row in one.perturbed)
    images = sum(int(row["images"]) for row in one.perturbed)
    cells["cross-validated: sure wrong, all perturbations"] = share_text(sure, images)
    for what in ("rotation", "polarity"):
        poses = [row for row in one.perturbed if row["perturbation"] in POSES]
        answered = [row for row in poses if row[f"{what}_wrong"]]
        images = sum(int(row["images"]) for row in answered)
        wrong = sum(int(row[f"{what}_wrong"]) for row in answered)
        title = f"cross-validated: {what} right in eight poses"
        cells[title] = share_text(images - wrong, images)
    return cells


def perturbed_cells(name: str, report: Report) -> Cells:
    """The worst perturbation, sure wrong answers, rotation and polarity."""
    lines, cells = report["robustness"], {}
    if lines:
        worst = lines[0]
        text = share_text(worst["failed"], worst["images"])
        cells[f"{name}: worst perturbation, wrong or refused"] = f"{worst['name']}: {text}"
        cells[f"{name}: sure wrong, all perturbations"] = share_text(
            sum(line["sure_wrong"] for line in lines), sum(line["images"] for line in lines)
        )
    for what in ("rotation", "polarity"):
        right = sum(pose[what]["right"] for pose in report["poses"])
        images = sum(pose["images"] for pose in report["poses"])
        cells[f"{name}: {what} right in eight poses"] = share_text(right, images)
    return cells


def groups_of(one: Measured) -> Cells:
    shared = one.reports["radiographs"]["model"]["shared_sources"]
    return {
        group["name"]: share_text(group["failed"]["hits"], group["failed"]["total"])
        + (" in training" if group["name"] in shared else "")
        for group in one.reports["radiographs"]["sources"]
    }


def kinds_of(one: Measured) -> Cells:
    kinds = one.reports["radiographs"]["negatives"]["kinds"]
    return {kind["kind"]: share_text(kind["rejected"], kind["images"]) for kind in kinds}


def perturbations_of(name: str) -> Callable[[Measured], Cells]:
    """Wrong and refused images of one image set, by perturbation and view."""

    def cells(one: Measured) -> Cells:
        return {
            line["name"]: f"{line['wrong_frontals'] + line['wrong_laterals']} wrong, "
            f"{line['not_chest']} refused, {line['sure_wrong']} sure wrong of {line['images']:,}"
            for line in one.reports.get(name, {}).get("robustness", ())
        }

    return cells


def cross_validated_perturbations(one: Measured) -> Cells:
    return {
        line["perturbation"]: f"{line['errors']} wrong, {line['refused']} refused, "
        f"{line['confident_wrong']} sure wrong of {line['images']}"
        for line in one.perturbed
    }


def poses_of(one: Measured) -> Cells:
    return {
        f"{pose['name']}: {what}": f"{pose[what]['right']} right, {pose[what]['wrong']} wrong, "
        f"{pose[what]['unsure']} unsure"
        for pose in one.reports["radiographs"]["poses"]
        for what in ("rotation", "polarity")
    }


TABLES: dict[str, Callable[[Measured], Cells]] = {
    "Comparison of models": headline,
    "By source and view: wrong or refused": groups_of,
    "Cross-validated by source and view: wrong or refused": lambda one: {
        group["name"]: share_text(group["failed"]["hits"], group["failed"]["total"])
        for group in one.held_out
    },
    "Images that are no chest radiographs: rejected": kinds_of,
    "Perturbed radiographs": perturbations_of("radiographs"),
    "Perturbed radiographs, cross-validated": cross_validated_perturbations,
    "Perturbed images computed from CT": perturbations_of("ct"),
    "Rotation and polarity of radiographs": poses_of,
}


def markdown(results: Sequence[Measured]) -> str:
    """One table for each entry of TABLES, one column for each model."""
    parts = ["Rows without a wrong or refused image are left out.\n"]
    for title, cells_of in TABLES.items():
        columns = [cells_of(one) for one in results]
        names = [
            name
            for name in dict.fromkeys(name for cells in columns for name in cells)
            if not all(cells.get(name, FAULTLESS).startswith(FAULTLESS) for cells in columns)
            and any(cells.get(name) for cells in columns)
        ]
        if any(columns):
            lines = [("", *(one.model for one in results)), ("---",) * (len(results) + 1)]
            lines += [(name, *(cells.get(name, "") for cells in columns)) for name in names]
            table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
            parts.append(f"## {title}\n\n{table}\n")
    return "\n".join(parts)
