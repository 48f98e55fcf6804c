"""The measurements of each system: JSON files that a later run resumes from, tables, the page."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cxrview.atomic import atomic_write
from cxrview.comparison.systems import BY_NAME
from cxrview.csv_text import csv_table
from cxrview.evaluation.perturbations import UNALTERED
from cxrview.metrics.classification import Share
from cxrview.report.content import (
    Bar,
    BarChart,
    Block,
    BulletList,
    Charts,
    Page,
    Paragraph,
    Section,
    Table,
    count_text,
    table_of,
    to_plain,
)

WrongCounts = tuple[int, ...]  # frontals, laterals


@dataclass(frozen=True, slots=True)
class PartCounts:
    """How many images, laterals and patients one part of the split has."""

    images: int
    laterals: int
    patients: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemResult:
    """One system under one set of settings. `reason` says why it has no measurements."""

    system: str
    fingerprint: str  # of all settings that determine the measurements
    measured: str  # ISO date
    machine: str
    training: PartCounts
    held_out: PartCounts
    side: int  # pixels
    epochs_planned: int
    minutes_allowed: float
    device: str = "cpu"  # on which a network is trained and tested
    reason: str = ""
    parameters: int = 0
    multiply_adds: int = 0
    stored: int = 0  # bytes of the weights in float32
    milliseconds: float = 0.0  # for an image, one core, float32
    seconds: float = 0.0  # of training
    epochs: float = 0.0
    steps: int = 0
    loss: float | None = None  # mean of the last steps, at most 100
    wrong: dict[str, WrongCounts] = field(default_factory=dict)  # by perturbation; {} for a gate
    auroc: float | None = None  # of a gate
    negatives: int | None = None
    negatives_refused: int | None = None  # where 1 % of the held-out images are refused as well

    @property
    def errors(self) -> int | None:
        """Errors on the unaltered held-out images; None for a gate."""
        return sum(self.wrong[UNALTERED]) if self.wrong else None

    @property
    def accuracy(self) -> Share | None:
        """Share of the held-out images that are classified correctly; None for a gate."""
        images = self.held_out.images
        return None if self.errors is None else Share(images - self.errors, images)

    @property
    def remark(self) -> str:
        """Whether the system failed, or ran out of time."""
        if self.reason:
            return f"failed: {self.reason}"
        if self.epochs < self.epochs_planned:
            return (
                f"stopped after {self.epochs:.2g} of {self.epochs_planned} epochs: "
                f"{self.minutes_allowed:g} minutes used up"
            )
        return ""

    @property
    def summary(self) -> str:
        """One line for the log."""
        found = f"AUROC {self.auroc:.3f}" if self.auroc is not None else "no negatives to test on"
        if self.errors is not None:
            found = (
                f"{count_text(self.errors, 'error')} in {count_text(self.held_out.images, 'image')}"
            )
        found = "" if self.reason else f"{found}, {self.seconds:.0f} s. "
        return f"{self.system}: {found}{self.remark}".rstrip()


def write_result(result: SystemResult, path: Path) -> None:
    """Write JSON, whole or not at all; raises UnusableOutput."""
    with atomic_write(path) as file:
        file.write(json.dumps(to_plain(result), indent=1).encode())


def read_result(path: Path) -> SystemResult | None:
    """Return None where there is no file, or none that this version wrote."""
    try:
        fields = json.loads(path.read_text("utf-8"))
        for part in ("training", "held_out"):
            fields[part] = PartCounts(**fields[part])
        fields["wrong"] = {name: tuple(map(int, wrong)) for name, wrong in fields["wrong"].items()}
        return SystemResult(**fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


# The columns of comparison.csv, and how their numbers are written
CSV_FORMATS = {
    "system": "", "title": "", "task": "", "parameters_published_millions": "", "parameters": "",
    "multiply_adds": "", "bytes": "", "ms_per_image": ".3f", "side": "", "rate": "",
    "training_seconds": ".1f", "epochs": ".2f", "epochs_planned": "", "images": "", "errors": "",
    "accuracy": ".5f", "accuracy_low": ".5f", "accuracy_high": ".5f", "frontals_wrong": "",
    "frontals": "", "laterals_wrong": "", "laterals": "", "perturbed_errors": "",
    "perturbed_images": "", "auroc": ".4f", "negatives": "", "negatives_refused": "", "remark": "",
    "source": "",
}  # fmt: skip

# The headings of the table for people, and their cells made of the same values
TABLE_TEMPLATES = {
    "system": "{title}",
    "parameters published": "{parameters_published_millions:.3g} M",
    "as built": "{parameters_amount}",
    "multiply-adds": "{multiply_adds_amount}",
    "MB": "{megabytes:.3g}",
    "ms": "{ms_per_image:.2f}",
    "side": "{side}",
    "training": "{training_seconds:.0f} s",
    "errors": "{errors}",
    "accuracy (95 % interval)": "{accuracy:.1%} ({accuracy_low:.1%} - {accuracy_high:.1%})",
    "laterals wrong": "{laterals_wrong} of {laterals}",
    "frontals wrong": "{frontals_wrong} of {frontals}",
    "perturbed wrong": "{perturbed_errors} of {perturbed_images}",
    "AUROC": "{auroc:.3f}",
    "remark": "{remark}",
}


def format_amount(number: float) -> str:
    """1234567 -> "1.23 M"."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:g}"


def _result_values(result: SystemResult) -> dict[str, Any]:
    """The values of CSV_FORMATS and TABLE_TEMPLATES; None for those that the result has not."""
    system, share, held_out = BY_NAME[result.system], result.accuracy, result.held_out
    values: dict[str, Any] = {
        "system": system.name, "title": system.title, "task": system.task,
        "parameters_published_millions": system.published, "remark": result.remark,
        "source": system.source,
    }  # fmt: skip
    if result.reason:
        return values
    values |= {
        "parameters": result.parameters, "parameters_amount": format_amount(result.parameters),
        "multiply_adds": result.multiply_adds, "bytes": result.stored,
        "multiply_adds_amount": format_amount(result.multiply_adds),
        "megabytes": result.stored / 1e6,
        "ms_per_image": result.milliseconds, "side": result.side,
        "rate": system.recipe.peak_learning_rate, "training_seconds": result.seconds,
        "epochs": result.epochs, "epochs_planned": result.epochs_planned, "auroc": result.auroc,
        "negatives": result.negatives, "negatives_refused": result.negatives_refused,
    }  # fmt: skip
    if share is None:
        return values
    (low, high), (frontals, laterals) = share.interval, result.wrong[UNALTERED]
    return values | {
        "images": held_out.images, "errors": result.errors, "accuracy": share.value,
        "accuracy_low": low, "accuracy_high": high, "frontals_wrong": frontals,
        "frontals": held_out.images - held_out.laterals, "laterals_wrong": laterals,
        "laterals": held_out.laterals, "perturbed_errors": sum(map(sum, result.wrong.values())),
        "perturbed_images": held_out.images * len(result.wrong),
    }  # fmt: skip


def comparison_csv(results: Sequence[SystemResult]) -> str:
    """Return a table with one line for each system; what a system has not is empty."""
    rows = []
    for values in map(_result_values, results):
        known = ((values.get(name), spec) for name, spec in CSV_FORMATS.items())
        rows.append(["" if value is None else format(value, spec) for value, spec in known])
    return csv_table(tuple(CSV_FORMATS), rows)


def robustness_csv(results: Sequence[SystemResult]) -> str:
    """Return a table with one line for each system and perturbation."""
    header = ("system", "perturbation", "errors", "share", "frontals_wrong", "laterals_wrong",
              "images")  # fmt: skip
    rows = [
        (result.system, name, sum(wrong), f"{sum(wrong) / result.held_out.images:.4f}", *wrong,
         result.held_out.images)
        for result in results
        for name, wrong in result.wrong.items()
    ]  # fmt: skip
    return csv_table(header, rows)


def _format_cell(values: dict[str, Any], template: str) -> str:
    try:
        return template.format_map({k: v for k, v in values.items() if v is not None})
    except KeyError:
        return ""


def systems_table(results: Sequence[SystemResult]) -> Table:
    """Return one row for each system; columns without any text are left out."""
    every = [_result_values(result) for result in results]
    columns = {
        heading: partial(_format_cell, template=template)
        for heading, template in TABLE_TEMPLATES.items()
        if any(_format_cell(values, template) for values in every)
    }
    return table_of(every, columns)


def perturbation_table(results: Sequence[SystemResult]) -> Table:
    """Return errors by perturbation, with a column for each system that classifies views."""
    with_views = [result for result in results if result.wrong]
    names = tuple(with_views[0].wrong) if with_views else ()
    rows = ((name, *(str(sum(one.wrong[name])) for one in with_views)) for name in names)
    return Table(("perturbation", *(result.system for result in with_views)), tuple(rows))


def charts_of(results: Sequence[SystemResult]) -> Iterator[Charts]:
    """Yield the errors by system, the fewest on unaltered images on top; then on perturbed ones."""
    with_views = sorted((one for one in results if one.wrong), key=lambda one: one.errors or 0)
    if not with_views:
        return
    bars = tuple(_bar(one.system, one.wrong[UNALTERED]) for one in with_views)
    sums = [tuple(map(sum, zip(*one.wrong.values(), strict=True))) for one in with_views]
    perturbed = tuple(_bar(one.system, wrong) for one, wrong in zip(with_views, sums, strict=True))
    yield Charts(
        tuple(
            BarChart(title=title, axis_label="errors", bars=shown, legend=("frontal", "lateral"))
            for title, shown in (("Unaltered images", bars), ("All perturbations", perturbed))
        )
    )


def _bar(name: str, wrong: WrongCounts) -> Bar:
    return Bar(name, tuple(zip(("frontal", "lateral"), wrong, strict=True)), f"{sum(wrong):,}")


NOTES = (
    "Parameters published: with the 1,000 classes of ImageNet; as built: with the single output "
    "that is required here. Multiply-adds and milliseconds (median, one core, processor time, "
    "float32, without reading and preprocessing) are for one image of the given side; MB: the "
    "weights in float32.",
    "Errors are counted at P(lateral) = 0.5 on images of patients that no system was trained on. "
    "Perturbed wrong: errors under all perturbations together, the unaltered images among them.",
    "AUROC, for the gates: chest radiographs against images that are none.",
    "A training ends with its epochs or its minutes, whichever are used up first. Where a remark "
    "says that it was stopped, the row shows what the budget allowed, not what the network can do.",
)


def _introduction(results: Sequence[SystemResult], settings: Mapping[str, Any]) -> list[str]:
    """Paragraphs on the split, the protocol and the machines."""
    training, held_out, shared = results[0].training, results[0].held_out, settings["decisive"]
    libraries = ", ".join(f"{name} {number}" for name, number in settings["libraries"].items())
    measured: dict[str, list[str]] = defaultdict(list)
    for one in results:
        measured[f"{one.measured}; {one.machine}"].append(one.system)
    origins = [f"{', '.join(names)}: {origin}" for origin, names in measured.items()]
    return [
        f"Trained on {count_text(training.images, 'image')} ({training.laterals:,} lateral) of "
        f"{count_text(training.patients, 'patient')}, tested on {held_out.images:,} "
        f"({held_out.laterals:,} lateral) of {count_text(held_out.patients, 'other patient')}; the "
        "same split for all systems. A "
        "constant answer of frontal would be correct on "
        f"{1 - held_out.laterals / held_out.images:.1%} of the test images.",
        f"At most {shared['epochs']} epochs and {shared['minutes']:g} minutes of processor time "
        f"each; balanced batches of {shared['batch']}, {shared['optimizer']}; "
        f"seed {shared['seed']}; networks trained and tested on the device {shared['device']}.",
        f"{'. '.join(origins)}. Last run with {libraries}."
        if len(measured) > 1
        else f"{next(iter(measured))}; {libraries}.",
    ]


def comparison_page(results: Sequence[SystemResult], settings: Mapping[str, Any]) -> Page:
    """Return the report; results: at least one."""
    perturbed = perturbation_table(results)
    systems = [BY_NAME[result.system] for result in results]
    sections = [
        Section("Systems", (systems_table(results), *charts_of(results))),
        Section("Notes", tuple(Paragraph(text) for text in NOTES), is_detail=True),
    ]
    if perturbed.rows:
        sections.append(Section("Errors by perturbation", (perturbed,), is_detail=True))
    sources = BulletList(tuple(f"{system.title}: {system.source}." for system in systems))
    return Page(
        title="Comparison",
        introduction=tuple(Paragraph(text) for text in _introduction(results, settings)),
        sections=(*sections, Section("Sources", (sources,), is_detail=True)),
    )


def _markdown(block: Block) -> str:
    match block:
        case Paragraph():
            return f"{block.text}\n"
        case BulletList():
            return "".join(f"- {item}\n" for item in block.items)
        case Table():
            lines = (block.header, ("---",) * len(block.header), *block.rows)
            cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
            return "".join(f"| {' | '.join(line)} |\n" for line in cells)
        case _:  # charts
            return ""


def markdown_page(page: Page) -> str:
    """Return a page of paragraphs, lists and tables as Markdown."""
    parts = [f"# {page.title}\n", *map(_markdown, page.introduction)]
    for section in page.sections:
        parts += [f"## {section.title}\n", *map(_markdown, section.blocks)]
    return "\n".join(parts)
