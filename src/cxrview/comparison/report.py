"""Results and settings -> the page of the comparison, and its Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from cxrview.comparison.results import SystemResult, perturbation_table, systems_table
from cxrview.comparison.systems import BY_NAME
from cxrview.report.content import Block, BulletList, Page, Paragraph, Section, Table

NOTES = (
    "Parameters published: with the 1,000 classes of ImageNet; as built: with the single output "
    "that is required here. Multiply-adds and milliseconds (median, one core, processor time, "
    "float32, without reading and preprocessing) are for one image of the given side; MB: the "
    "weights in float32.",
    "Errors are counted at P(lateral) = 0.5 on images of patients that no system was trained on. "
    "Perturbed: errors under all perturbations together, the unaltered images among them.",
    "AUROC, for the gates: chest radiographs against images that are none.",
    "A training ends with its epochs or its minutes, whichever are used up first. Where a remark "
    "says that it was stopped, the row shows what the budget allowed, not what the network can do.",
)


def _introduction(results: Sequence[SystemResult], settings: Mapping[str, Any]) -> list[str]:
    """Paragraphs on the split, the protocol and the machine."""
    training, held_out, shared = results[0].training, results[0].held_out, settings["decisive"]
    libraries = ", ".join(f"{name} {number}" for name, number in settings["libraries"].items())
    return [
        f"Trained on {training.images:,} images ({training.laterals:,} lateral) of "
        f"{training.patients:,} patients, tested on {held_out.images:,} ({held_out.laterals:,} "
        f"lateral) of {held_out.patients:,} other patients; the same split for all systems. A "
        "constant answer of frontal would be correct on "
        f"{1 - held_out.laterals / held_out.images:.1%} of the test images.",
        f"At most {shared['epochs']} epochs and {shared['minutes']:g} minutes of processor time "
        f"each; balanced batches of {shared['batch']}, {shared['optimizer']}; "
        f"seed {shared['seed']}.",
        f"{settings['date']}; {settings['machine']}; {libraries}.",
    ]


def comparison_page(results: Sequence[SystemResult], settings: Mapping[str, Any]) -> Page:
    """Return the report; results: at least one."""
    perturbed = perturbation_table(results)
    systems = [BY_NAME[result.system] for result in results]
    sections = [
        Section("Systems", (systems_table(results),)),
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
        case _:
            raise ValueError(f"the comparison has no {type(block).__name__}")


def markdown_page(page: Page) -> str:
    """Return a page of paragraphs, lists and tables as Markdown."""
    parts = [f"# {page.title}\n", *map(_markdown, page.introduction)]
    for section in page.sections:
        parts += [f"## {section.title}\n", *map(_markdown, section.blocks)]
    return "\n".join(parts)
