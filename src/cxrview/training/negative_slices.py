"""Drawn negatives: slices of chest, belly, head, spine, breast and limb, as CT and MR show them.

Each function returns (side, side) gray levels, about 0 to 1.
"""

from dataclasses import dataclass

import numpy as np

from cxrview.images import FloatArray
from cxrview.phantom.random_draws import SIDES, happens, uniform
from cxrview.training.negative_drawings import Drawing, Sheet


@dataclass(frozen=True, slots=True)
class Tissues:
    """Gray levels of one modality and window."""

    air: float
    fat: float
    muscle: float
    organ: float
    fluid: float
    cortex: float  # of bone
    marrow: float


MODALITIES = (
    (0.03, 0.30, 0.50, 0.58, 0.42, 0.97, 0.80),  # CT, soft tissue
    (0.03, 0.30, 0.50, 0.65, 0.90, 0.97, 0.80),  # CT, contrast medium
    (0.15, 0.80, 0.92, 0.96, 0.94, 1.00, 1.00),  # CT, lung
    (0.02, 0.18, 0.25, 0.28, 0.24, 0.95, 0.55),  # CT, bone
    (0.02, 0.90, 0.40, 0.50, 0.15, 0.05, 0.75),  # MR, T1
    (0.02, 0.75, 0.25, 0.42, 0.95, 0.05, 0.55),  # MR, T2
    (0.02, 0.15, 0.35, 0.50, 0.95, 0.05, 0.20),  # MR, fat suppressed
    (0.02, 0.25, 0.40, 0.60, 0.08, 0.05, 0.30),  # MR, fluid suppressed
)
MR = slice(4, None)


def _tissues(rng: np.random.Generator, modalities: slice = slice(None)) -> Tissues:
    rows = np.array(MODALITIES[modalities])
    return Tissues(*(rows[rng.integers(len(rows))] + rng.normal(0, 0.04, 7)).tolist())


def _vertebrae(sheet: Sheet, line: FloatArray, t: Tissues, size: tuple[float, float]) -> None:
    """A vertebral body on each point of a line, with a rim of cortex."""
    for x, y in line.tolist():
        sheet.box(x, y, size, t.cortex)
        sheet.box(x, y, (size[0] - 0.015, size[1] - 0.015), t.marrow)


def _lung(
    rng: np.random.Generator, sheet: Sheet, middle: FloatArray, radii: FloatArray, t: Tissues
) -> None:
    """A lung with vessels that branch away from the midline."""
    sheet.blob(middle[0], middle[1], (radii[0], radii[1]), t.air)
    side = np.sign(middle[0])
    root = middle - (side * radii[0] * 0.7, 0)
    for angle in rng.normal(0, 0.8, int(rng.integers(1, 4))).tolist():
        heading = angle if side > 0 else np.pi - angle
        sheet.tree(root, heading, radii[1] * 0.45, t.muscle, uniform(rng, (0.015, 0.04)))


def axial_chest(rng: np.random.Generator, side: int) -> FloatArray:
    """A slice across the chest: lungs, heart, great vessels, vertebra and ribs."""
    sheet, t = Sheet(rng, side), _tissues(rng)
    a, b = _trunk_across(rng, sheet, t)
    tall = b * uniform(rng, (0.45, 0.72))
    for s in SIDES:
        middle = np.array([s * a * 0.47, -0.02])
        _lung(rng, sheet, middle, np.array([a * uniform(rng, (0.26, 0.36)), tall]), t)
    if happens(rng, 0.6):
        sheet.blob(a * 0.12, -b * 0.2, (a * 0.3, b * uniform(rng, (0.25, 0.4))), t.organ, 0.5)
    sheet.scatter(4, (a * 0.12, b * 0.25), (0.04, 0.09), (t.fluid, t.organ + 0.01))
    _vertebra_across(sheet, t, b)
    return sheet.slice()


def axial_abdomen(rng: np.random.Generator, side: int) -> FloatArray:
    """A slice across the belly: liver, spleen, kidneys, bowel with gas, vertebra; or the pelvis."""
    sheet, t = Sheet(rng, side), _tissues(rng)
    a, b = _trunk_across(rng, sheet, t)
    sheet.blob(0, -b * 0.1, (a * 0.8, b * 0.66), t.fat)
    if happens(rng, 0.65):
        liver = a * uniform(rng, (0.2, 0.5)), b * uniform(rng, (0.35, 0.6))
        sheet.blob(-a * 0.42, -b * 0.1, liver, t.organ, 0.3, 0.07)
        sheet.blob(a * 0.58, b * 0.1, (a * 0.14, b * 0.25), t.organ)
    for s in SIDES:
        sheet.blob(s * a * 0.42, b * 0.35, (a * 0.13, b * 0.2), t.fluid, s * 0.4)
    sheet.scatter(int(rng.integers(4, 14)), (a * 0.3, b * 0.25), (0.04, 0.14), (t.muscle, t.fluid))
    sheet.scatter(int(rng.integers(0, 6)), (a * 0.4, b * 0.25), (0.03, 0.1), (t.air, t.air + 0.05))
    _vertebra_across(sheet, t, b)
    if happens(rng, 0.25):
        for s in SIDES:
            sheet.blob(s * a * 0.6, b * 0.25, (0.08, b * 0.4), t.cortex, -s * 0.5)
            sheet.blob(s * a * 0.6, b * 0.25, (0.05, b * 0.36), t.marrow, -s * 0.5)
    return sheet.slice()


def _trunk_across(rng: np.random.Generator, sheet: Sheet, t: Tissues) -> tuple[float, float]:
    """Draw skin, fat, muscle and ribs; return half the width and half the depth."""
    a, b = uniform(rng, (0.65, 0.97)), uniform(rng, (0.42, 0.75))
    layer = uniform(rng, (0.86, 0.97))
    sheet.blob(0, 0, (a, b), t.fat)
    sheet.blob(0, 0, (a * layer, b * (2 * layer - 1)), t.muscle)
    for turn in (np.arange(12) / 12 * 2 * np.pi + rng.uniform(0, 0.5)).tolist():
        x, y = 0.87 * layer * a * np.cos(turn), 0.82 * layer * b * np.sin(turn)
        sheet.blob(x, y, (0.07, 0.02), t.cortex, np.arctan2(b * np.cos(turn), -a * np.sin(turn)))
    if happens(rng, 0.4):  # the couch
        x = np.linspace(-1, 1, 15)
        sheet.line(np.stack([x, b + 0.12 - 0.15 * x**2], axis=1), t.fat, 0.02)
    return a, b


def _vertebra_across(sheet: Sheet, t: Tissues, b: float) -> None:
    sheet.blob(0, b * 0.72, (0.2, 0.05), t.cortex)
    sheet.blob(0, b * 0.85, (0.03, 0.1), t.cortex)
    sheet.blob(0, b * 0.5, (0.14, 0.12), t.cortex)
    sheet.blob(0, b * 0.5, (0.12, 0.1), t.marrow)
    sheet.blob(0, b * 0.7, (0.05, 0.04), t.fluid)


def coronal_body(rng: np.random.Generator, side: int) -> FloatArray:
    """A slice from the neck to the pelvis or a part of it: sharp lungs, heart, liver, bowel."""
    sheet, t = Sheet(rng, side), _tissues(rng)
    wide, layer = uniform(rng, (0.5, 1.1)), uniform(rng, (0.86, 0.97))
    top, scale = uniform(rng, (-1.2, -0.4)), uniform(rng, (0.7, 1.7))
    sheet.blob(0, top + 0.9 * scale, (wide, 1.5 * scale), t.fat, 0, 0.03)
    sheet.blob(0, top + 0.9 * scale, (wide * layer, 1.5 * scale), t.muscle, 0, 0.03)
    sheet.box(0, top - 0.9, (1, 0.75), t.air)
    sheet.box(0, top - 0.5, (0.3 * wide, 0.5), t.muscle)
    for s in SIDES:
        middle = np.array([s * wide * 0.47, top + 0.48 * scale])
        radii = np.array([wide * uniform(rng, (0.28, 0.38)), scale * uniform(rng, (0.4, 0.55))])
        _lung(rng, sheet, middle, radii, t)
        dome = top + scale * uniform(rng, (0.95, 1.25))
        sheet.blob(s * wide * 0.45, dome, (wide * 0.45, 0.38 * scale), t.organ, s * 0.2)
        for y in np.arange(top + 0.05, dome, 0.15 * scale).tolist():
            bulge = wide * (0.86 - 0.25 * np.clip(top + 0.3 - y, 0, 1))
            sheet.blob(s * bulge, y, (0.03, 0.045), t.cortex, s * 0.4)
        sheet.blob(s * wide * 0.4, top + 1.6 * scale, (0.12, 0.22), t.fluid, s * 0.3)
    below = top + 1.65 * scale
    if happens(rng, 0.5):
        line = np.stack([np.zeros(14), top + np.arange(14) * 0.17 * scale], axis=1)
        _vertebrae(sheet, line, t, (0.1, 0.07 * scale))
    else:
        heart = wide * uniform(rng, (0.2, 0.36)), 0.26 * scale
        sheet.blob(wide * 0.1, top + 0.68 * scale, heart, t.fluid, 0.6)
        sheet.box(0, top + 0.2 * scale, (0.05, 0.3 * scale), t.air)
        for x, y in rng.normal((0, below), (0.25 * wide, 0.25), (8, 2)).tolist():
            sheet.blob(x, y, (0.1, 0.07), uniform(rng, (0.0, t.organ)), uniform(rng, (0, 3)))
    return sheet.slice()


def sagittal_body(rng: np.random.Generator, side: int) -> FloatArray:
    """A slice from front to back: spine with cord, breastbone, heart or lung, liver, bowel."""
    sheet, t = Sheet(rng, side), _tissues(rng)
    deep, top = uniform(rng, (0.4, 0.75)), uniform(rng, (-1.3, -0.6))
    sheet.blob(0, 0.2, (deep, 1.6), t.fat)
    sheet.blob(0, 0.2, (deep * 0.9, 1.55), t.muscle)
    sheet.blob(-deep, top, (deep * 0.8, 0.5), t.air)
    _lung(rng, sheet, np.array([-0.02, top + 0.8]), np.array([deep * 0.68, 0.62]), t)
    if happens(rng, 0.6):
        sheet.blob(-deep * 0.3, top + 1.0, (deep * 0.45, 0.32), t.fluid, -0.4)
    sheet.blob(-deep * 0.1, top + 1.55, (deep * 0.72, uniform(rng, (0.3, 0.5))), t.organ, 0.3)
    for x, y in rng.normal((-0.3 * deep, top + 2.1), (0.2, 0.2), (8, 2)).tolist():
        sheet.blob(x, y, (0.1, 0.07), uniform(rng, (0.0, t.organ)), uniform(rng, (0, 3)))
    y = top + np.arange(18) * uniform(rng, (0.12, 0.17))
    x = deep * (0.5 + 0.14 * np.sin(2 * y + uniform(rng, (-1, 1))))
    if happens(rng, 0.7):
        sheet.line(np.stack([x + 0.16, y], axis=1), t.fluid, 0.09)
        sheet.line(np.stack([x + 0.16, y], axis=1), t.organ, 0.05)
        _vertebrae(sheet, np.stack([x, y], axis=1), t, (0.1, 0.05))
        breastbone = np.array([(-deep * 0.75, top + 0.45), (-deep * 0.87, top + 1.0)])
        sheet.line(breastbone, t.marrow, 0.07)
    else:
        for level in y.tolist():
            sheet.blob(deep * 0.78, level, (0.03, 0.04), t.cortex)
            sheet.blob(-deep * 0.78, level + 0.05, (0.03, 0.04), t.cortex)
    return sheet.slice()


def head_slice(rng: np.random.Generator, side: int) -> FloatArray:
    """An axial or coronal slice of the head: scalp, skull, cortex, white matter, ventricles."""
    sheet, t = Sheet(rng, side), _tissues(rng)
    a, b = uniform(rng, (0.55, 0.8)), uniform(rng, (0.7, 0.95))
    sheet.blob(0, 0, (a, b), t.fat, 0, 0.02)
    sheet.blob(0, 0, (a * 0.94, b * 0.94), t.cortex, 0, 0.02)
    inner = uniform(rng, (0.84, 0.89))
    sheet.blob(0, 0, (a * inner, b * inner), t.fluid, 0, 0.02)
    sheet.blob(0, 0, (a * inner * 0.97, b * inner * 0.97), t.organ, 0, 0.02)
    white = t.organ + uniform(rng, (-0.15, 0.15))
    for s in SIDES:
        sheet.blob(s * a * 0.38, 0, (a * 0.32, b * 0.65), white, 0, 0.08)
        for y in rng.uniform(-0.7 * b, 0.7 * b, 6).tolist():
            out = a * inner * np.sqrt(1 - (y / b) ** 2)
            sheet.line(np.array([(s * out, y), (s * out * 0.7, y + 0.05)]), t.fluid, 0.015)
        sheet.blob(s * a * 0.16, -b * 0.1, (a * 0.08, b * 0.28), t.fluid, -s * 0.25)
        if happens(rng, 0.3):
            sheet.blob(s * a * 0.5, -b * 0.75, (0.17, 0.17), t.fluid)
    sheet.line(np.array([(0, -b * inner), (0, -b * 0.4)]), t.fluid, 0.012)
    sheet.line(np.array([(0, b * 0.4), (0, b * inner)]), t.fluid, 0.012)
    sheet.scatter(int(rng.integers(0, 3)), (a * 0.3, b * 0.3), (0.03, 0.15), (0.0, 1.0))
    return sheet.slice()


def sagittal_head(rng: np.random.Generator, side: int) -> FloatArray:
    """The midline of the head: brain, callosal body, cerebellum, stem, face, spine of the neck."""
    sheet, t = Sheet(rng, side), _tissues(rng, MR)
    y = uniform(rng, (-0.35, -0.1))
    sheet.box(0.25, 0.7, (0.38, 0.6), t.muscle)
    sheet.blob(-0.35, y + 0.55, (0.38, 0.5), t.fat, 0.2)
    sheet.blob(0, y, (0.82, 0.68), t.fat)
    sheet.blob(0, y, (0.77, 0.63), t.cortex)
    sheet.blob(0, y, (0.72, 0.58), t.fluid)
    sheet.blob(0, y - 0.04, (0.7, 0.53), t.organ, 0, 0.02)
    sheet.blob(0, y, (0.35, 0.18), t.organ + 0.15)
    sheet.blob(0, y + 0.06, (0.28, 0.12), t.fluid)
    sheet.blob(0.42, y + 0.45, (0.24, 0.17), t.organ - 0.08, 0.4, 0.1)
    line = np.array([(0.08, y + 0.15), (0.12, y + 0.5), (0.25, y + 0.8), (0.25, 1)])
    for gray, width in ((t.fluid, 0.16), (t.organ, 0.1)):
        sheet.line(line, gray, width)
    levels = np.arange(y + 0.75, 1, 0.13)
    _vertebrae(sheet, np.stack([np.full(len(levels), 0.1), levels], axis=1), t, (0.07, 0.05))
    for x, down, radii in ((-0.45, 0.4, (0.2, 0.07)), (-0.3, 0.62, (0.22, 0.1))):
        sheet.blob(x, y + down, radii, t.air)
        sheet.blob(x, y + down + 0.12, radii, t.muscle)
    sheet.line(np.array([(-0.1, y + 0.6), (-0.12, 1)]), t.air, 0.08)
    return sheet.slice()


def spine_slice(rng: np.random.Generator, side: int) -> FloatArray:
    """A sagittal MR of the spine: vertebrae, discs, cord or roots in fluid, fat of the back."""
    t = _tissues(rng, MR)
    sheet = Sheet(rng, side, t.muscle)
    size, bend = uniform(rng, (0.07, 0.2)), uniform(rng, (-0.25, 0.25))
    y = np.arange(-1.1, 1.2, size * uniform(rng, (1.25, 1.6)))
    x = uniform(rng, (-0.3, 0.1)) + bend * np.sin(1.7 * y + uniform(rng, (-1, 1)))
    line = np.stack([x, y], axis=1)
    sheet.box(1.1, 0, (uniform(rng, (0.2, 0.6)), 1), t.fat)
    sheet.box(-1.1, 0, (uniform(rng, (0.1, 0.6)), 1), t.air)
    sheet.scatter(5, (0.7, 0.5), (0.05, 0.25), (t.air, t.organ))
    sheet.line(line, t.organ, size * 1.7)
    for gray, width in ((t.fluid, 0.8), (t.organ, 0.4)):
        sheet.line(line + np.array((size * 1.5, 0)), gray, size * width)
    _vertebrae(sheet, line, t, (size, size * 0.55))
    for x0, y0 in (line + size * np.array((2.6, 0.3))).tolist():
        sheet.blob(x0, y0, (size * 0.6, size * 0.25), t.marrow, 0.4)
    return sheet.slice()


def breast_slice(rng: np.random.Generator, side: int) -> FloatArray:
    """An axial MR of both breasts, in front of the chest wall, heart and lungs."""
    sheet, t = Sheet(rng, side), _tissues(rng, MR)
    wall = uniform(rng, (0.0, 0.35))
    for s in SIDES:
        radii = uniform(rng, (0.32, 0.44)), uniform(rng, (0.45, 0.8))
        sheet.blob(s * 0.47, wall, radii, t.fat, s * 0.1)
        for _ in range(9):
            x, y = s * 0.47 + rng.normal(0, 0.1), wall - rng.uniform(0.1, radii[1] * 0.8)
            sheet.blob(x, y, (0.1, 0.05), uniform(rng, (t.muscle, 1)), uniform(rng, (0, 3)))
    sheet.blob(0, wall + 0.75, (1.0, 0.75), t.fat)
    sheet.blob(0, wall + 0.75, (0.95, 0.68), t.muscle)
    for s in SIDES:
        sheet.blob(s * 0.5, wall + 0.85, (0.38, 0.6), t.air)
    sheet.blob(0.15, wall + 0.55, (0.3, 0.28), t.fluid, 0.4)
    return sheet.slice()


def limb_slice(rng: np.random.Generator, side: int) -> FloatArray:
    """One or two limbs cut across: fat, muscles, hollow bone."""
    sheet, t = Sheet(rng, side), _tissues(rng)
    for x in (-0.48, 0.48) if happens(rng, 0.5) else (0.0,):
        radius = uniform(rng, (0.3, 0.45)) * (1 if x else 2)
        sheet.blob(x, 0, (radius, radius), t.fat)
        for turn in rng.uniform(0, 6.3, 7).tolist():
            at = x + 0.42 * radius * np.cos(turn), 0.42 * radius * np.sin(turn)
            sheet.blob(*at, (0.38 * radius, 0.3 * radius), t.muscle + rng.normal(0, 0.04), turn)
        bone = radius * uniform(rng, (0.15, 0.45))
        for gray, size in ((t.cortex, bone), (t.marrow, bone * uniform(rng, (0.4, 0.85)))):
            sheet.blob(x + 0.05, 0, (size, size), gray)
    return sheet.slice()


SLICES: dict[str, Drawing] = {
    "axial chest": axial_chest,
    "axial abdomen": axial_abdomen,
    "coronal body": coronal_body,
    "sagittal body": sagittal_body,
    "head slice": head_slice,
    "sagittal head": sagittal_head,
    "spine slice": spine_slice,
    "breast slice": breast_slice,
    "limb slice": limb_slice,
}
