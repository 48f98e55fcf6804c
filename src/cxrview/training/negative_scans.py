"""Drawn negatives: angiograms, nuclear medicine, ultrasound, mammograms, teeth, endoscopy, cells.

Each function returns (side, side) gray levels, about 0 to 1.
"""

import numpy as np
from PIL import Image

from cxrview.images import FloatArray
from cxrview.phantom.image_formation import blur, resize, smooth_noise
from cxrview.phantom.random_draws import SIDES, happens, uniform
from cxrview.training.negative_drawings import Drawing, Sheet, grid, round_field
from cxrview.training.negative_radiographs import REGIONS, draw_radiograph
from cxrview.training.negative_slices import axial_abdomen, axial_chest, coronal_body, head_slice


def angiogram(rng: np.random.Generator, side: int) -> FloatArray:
    """Vessels that branch, on an even or subtracted ground; a catheter; often a round field."""
    ground = uniform(rng, (0.4, 0.85))
    sheet = Sheet(rng, side, ground)
    deep = ground * uniform(rng, (0.1, 0.7))
    for _ in range(int(rng.integers(1, 4))):
        start = rng.uniform(-0.8, 0.8, 2)
        angle = float(np.arctan2(-start[1], -start[0])) + rng.normal(0, 0.6)
        sheet.tree(start, angle, uniform(rng, (0.5, 0.9)), deep, uniform(rng, (0.02, 0.11)))
        if happens(rng, 0.5):  # the catheter
            t = np.linspace(0, 1, 12)[:, None]
            bend, edge = rng.normal(0, 0.4, 2), np.array([rng.uniform(-0.5, 0.5), 1.1])
            sheet.line(start * (1 - t) + edge * t + bend * t * (1 - t), deep * 0.8, 0.02)
    gray = sheet.gray(uniform(rng, (0, 1)), 0, uniform(rng, (0, 0.08)))
    gray = gray + uniform(rng, (0, 0.15)) * smooth_noise(rng, side, side, 5)
    if happens(rng, 0.6):  # the bones, dark, or what the subtraction left of them
        region = REGIONS[str(rng.choice(list(REGIONS)))]
        gray = gray - uniform(rng, (0.03, 0.5)) * draw_radiograph(rng, side, region)
    return round_field(rng, gray) if happens(rng, 0.35) else gray


def nuclear_body(rng: np.random.Generator, side: int) -> FloatArray:
    """Positron emission or bone scan of the whole body: hot organs or bones, the rest faint."""
    sheet = Sheet(rng, side)
    wide, faint = uniform(rng, (0.3, 0.5)), uniform(rng, (0.05, 0.3))
    top, hot = uniform(rng, (-0.9, -0.6)), rng.uniform(0.3, 1, 8).tolist()
    sheet.blob(0, top, (0.4 * wide, 0.16), faint)
    sheet.blob(0, top + 0.65, (wide, 0.5), faint, 0, 0.06)
    sheet.blob(0, top + 1.15, (wide * 0.9, 0.35), faint)
    for s in SIDES:
        sheet.line(np.array([(s * wide, top + 0.35), (s * wide * 1.35, top + 1.2)]), faint, 0.12)
        sheet.line(np.array([(s * wide * 0.45, top + 1.3), (s * wide * 0.4, 1.2)]), faint, 0.2)
        sheet.blob(s * wide * 0.4, top + 0.5, (wide * 0.25, 0.25), faint * uniform(rng, (0.3, 1)))
        sheet.blob(s * wide * 0.4, top + 0.95, (0.07, 0.1), hot[0], s * 0.3)
    if happens(rng, 0.65):
        sheet.blob(0, top - 0.02, (0.3 * wide, 0.1), hot[1])
        sheet.blob(-0.4 * wide, top + 0.8, (0.45 * wide, 0.14), hot[2] * 0.6, 0.2)
        sheet.blob(0.25 * wide, top + 0.55, (0.28 * wide, 0.11), hot[3], 0.5)
        sheet.blob(0, top + 1.35, (0.1, 0.08), hot[4])
    else:
        _bones(sheet, wide, top, hot[5])
    sheet.scatter(int(rng.integers(0, 9)), (0.3 * wide, 0.4), (0.015, 0.06), (0.4, 1))
    gray = sheet.gray(uniform(rng, (0.8, 2.5)), 0.2, uniform(rng, (0, 0.06)))
    return 1 - gray if happens(rng, 0.6) else gray


def _bones(sheet: Sheet, wide: float, top: float, hot: float) -> None:
    """Skull, spine, ribs, pelvis and long bones of a bone scan."""
    sheet.blob(0, top, (0.32 * wide, 0.13), hot * 0.6)
    for y in np.arange(top + 0.2, top + 1.3, 0.07).tolist():
        sheet.box(0, y, (0.04, 0.025), hot)
    for s in SIDES:
        for y in np.arange(top + 0.3, top + 0.9, 0.08).tolist():
            points = [(s * 0.05, y), (s * wide * 0.7, y + 0.03), (s * wide * 0.75, y + 0.12)]
            sheet.line(np.array(points), hot * 0.6, 0.02)
        sheet.blob(s * 0.4 * wide, top + 1.25, (0.3 * wide, 0.08), hot, s * 0.6)
        sheet.line(np.array([(s * wide * 0.5, top + 1.35), (s * wide * 0.4, 1.2)]), hot * 0.6, 0.05)
        sheet.line(np.array([(s * wide, top + 0.35), (s * wide * 1.3, top + 1.1)]), hot * 0.5, 0.04)


def nuclear_organ(rng: np.random.Generator, side: int) -> FloatArray:
    """Emission from a brain, a heart muscle, a thyroid gland or kidneys; coarse and blurred."""
    sheet = Sheet(rng, side, uniform(rng, (0, 0.15)))
    a, b = uniform(rng, (0.3, 0.75)), uniform(rng, (0.4, 0.85))
    hot, cold = uniform(rng, (0.7, 1)), uniform(rng, (0.1, 0.5))
    if happens(rng, 0.65):
        sheet.blob(0, 0, (a, b), hot)
        thick, uneven = uniform(rng, (0.65, 0.85)), uniform(rng, (0.02, 0.12))
        sheet.blob(0, 0, (a * thick, b * thick), cold, 0, uneven)
        if happens(rng, 0.6):
            sheet.line(np.array([(0, -b), (0, b)]), hot, uniform(rng, (0.03, 0.1)))
        for s in SIDES:
            for y in (-0.3, 0.2):
                sheet.blob(s * a * 0.35, y * b, (a * 0.22, b * 0.2), uniform(rng, (cold, hot)), s)
        sheet.scatter(int(rng.integers(0, 13)), (a * 0.5, b * 0.5), (0.04, 0.12), (cold, hot))
    else:
        for s in SIDES:
            sheet.blob(s * a * 0.6, rng.normal(0, 0.1), (a * 0.3, b * 0.5), hot, s * 0.3, 0.1)
        sheet.scatter(4, (0.4, 0.4), (0.03, 0.2), (0.1, hot))
    softness, texture, noise = rng.uniform((1.2, 0, 0), (4, 0.15, 0.05)).tolist()
    gray = sheet.gray(softness, texture, noise)
    return 1 - gray if happens(rng, 0.4) else gray


def ultrasound(rng: np.random.Generator, side: int) -> FloatArray:
    """Speckle in a fan or a rectangle: layers, cysts, echoes of bone with shadows."""
    x, y = grid(side)
    cells = int(rng.integers(3, 12))
    bright = 0.35 + 0.3 * smooth_noise(rng, side, side, cells)
    waves = np.sin(y * uniform(rng, (6, 30)) + 2 * smooth_noise(rng, side, side, 3))
    bright = bright + uniform(rng, (0, 0.3)) * np.maximum(waves, 0) ** 4
    for _ in range(int(rng.integers(0, 4))):
        u, v = x - uniform(rng, (-0.6, 0.6)), y - uniform(rng, (-0.5, 0.7))
        form = (u / uniform(rng, (0.1, 0.4))) ** 2 + (v / uniform(rng, (0.08, 0.3))) ** 2
        if happens(rng, 0.6):
            bright = np.where(form < 1, 0.03, bright)
        else:  # bone: a bright arc and the shadow below it
            bright = np.where((abs(u) < 0.3) & (v > 0), bright * 0.25, bright)
            bright = np.where((abs(form - 1) < 0.25) & (v < 0), 0.95, bright)
    speckle = np.abs(rng.standard_normal((side, side), dtype=np.float32))
    gray = np.clip(bright, 0, 1) * (0.3 + blur(speckle, uniform(rng, (0.5, 1.4))))
    depth = y + uniform(rng, (1.1, 1.6))
    angle, reach = np.arctan2(x - uniform(rng, (-0.1, 0.1)), depth), np.hypot(x, depth)
    fan = (abs(angle) < uniform(rng, (0.4, 0.9))) & (reach < 2.1)
    fan &= reach > uniform(rng, (0.1, 0.5))
    return np.asarray(gray * (fan if happens(rng, 0.65) else abs(x) < uniform(rng, (0.5, 1))))


def mammogram(rng: np.random.Generator, side: int) -> FloatArray:
    """A breast at one edge: fibres in fat, skin line, the chest muscle in one corner."""
    x, y = grid(side)
    x = x + 1
    wide, high, middle = uniform(rng, (0.4, 2.0)), uniform(rng, (0.35, 1.1)), rng.normal(0, 0.3)
    pointed = uniform(rng, (1.0, 2.5))
    inside = 1 - np.sqrt((x / wide) ** 2 + np.abs((y - middle) / high) ** pointed)
    # Fibres of all sizes that run towards the nipple: noise in polar coordinates around it
    fibres = np.zeros((side, side))
    for coarse in (4, 9, 18, 36):
        fibres += smooth_noise(rng, side, side, coarse) / np.sqrt(coarse / 4)
    angle = np.arctan2(y - middle, wide - x + 0.1)
    fibres += uniform(rng, (0, 0.5)) * np.sin(angle * uniform(rng, (15, 50)) + 4 * fibres)
    dense, sharp = uniform(rng, (0.1, 0.8)), uniform(rng, (0.02, 0.6))
    gland = np.clip(0.5 + sharp * fibres + rng.normal(0, 0.3), 0, 1.5)
    gland *= np.clip(inside * uniform(rng, (1.5, 4)), 0, 1)
    thickness = np.clip(inside * uniform(rng, (2, 12)), 0, 1) ** uniform(rng, (0.4, 1))
    gray = thickness * (uniform(rng, (0.2, 0.7)) + dense * gland)
    if happens(rng, 0.5):
        muscle = 1 - x / uniform(rng, (0.4, 0.9)) - (y + 1) / uniform(rng, (0.8, 1.8))
        gray = np.maximum(gray, np.clip(muscle * 6, 0, 1) * uniform(rng, (0.5, 0.8)))
    gray = gray / max(1.0, float(gray.max())) + rng.normal(0, 0.015, gray.shape)
    return np.asarray(gray if happens(rng, 0.5) else gray[:, ::-1])


def dental_panorama(rng: np.random.Generator, side: int) -> FloatArray:
    """Two curved rows of teeth, jaw with its rami, spine shadows at the edges; or a few teeth."""
    sheet = Sheet(rng, side, uniform(rng, (0.1, 0.3)))
    zoom, bow = (1.0, uniform(rng, (0.1, 0.35))) if happens(rng, 0.7) else (3.0, 0.05)
    x = np.linspace(-0.85, 0.85, 25)
    arch = np.stack([x, 0.45 - bow * 2 * x**2], axis=1)
    sheet.box(0, -0.3, (0.6, 0.12), 0.4)
    sheet.line(arch * (1, zoom), 0.5, 0.3)
    for s in SIDES:
        sheet.line(np.array([(s * 0.72, 0.3 - bow), (s * 0.82, -0.6)]), 0.5, 0.2)
        sheet.box(s * 0.98, 0, (0.06, 1), 0.55)
        sheet.blob(s * 0.35, -0.4, (0.25, 0.15), 0.15)
    count = 15 if zoom == 1 else 5
    for row in SIDES:
        for k, at in enumerate(np.linspace(-0.65, 0.65, count).tolist()):
            y = 0.05 - bow * 1.6 * at**2 + row * 0.13 * zoom**0.7
            if happens(rng, 0.1):
                continue
            gray, thick = uniform(rng, (0.65, 0.9)), 0.6 / count
            sheet.blob(at, y, (thick, 0.17 * zoom**0.7), gray, 0, 0.05)
            sheet.blob(at, y - row * 0.06, (thick * 0.9, 0.07 * zoom**0.7), gray + 0.1)
            if k % 4 == 1 and happens(rng, 0.4):
                sheet.box(at, y - row * 0.08, (thick * 0.7, 0.04), 1.0)
    return sheet.gray(uniform(rng, (0.6, 1.6)), 0.1, uniform(rng, (0, 0.05)))


def scope_view(rng: np.random.Generator, side: int) -> FloatArray:
    """A bright disc: a fundus with vessels, or a gut with a dark middle, folds and glints."""
    sheet = Sheet(rng, side, uniform(rng, (0.4, 0.8)))
    x, y = focus = rng.normal(0, 0.3, 2)
    if happens(rng, 0.5):
        sheet.blob(x, y, (0.15, 0.15), 0.95)
        for angle in rng.uniform(0, 6.3, 6).tolist():
            sheet.tree(focus, angle, 0.7, 0.25, uniform(rng, (0.02, 0.05)))
        gray = sheet.gray(0.6, 0.05)
    else:
        for radius in np.linspace(1.2, 0.2, 7).tolist():
            gray_level = 0.15 + 0.6 * radius + rng.normal(0, 0.06)
            sheet.blob(x, y, (radius, radius), gray_level, 0, 0.1)
        sheet.scatter(8, (0.4, 0.4), (0.01, 0.05), (0.9, 1))
        gray = sheet.gray(uniform(rng, (0.5, 2)), 0.07)
    return round_field(rng, gray)


def cells(rng: np.random.Generator, side: int) -> FloatArray:
    """A stained section: many dark nuclei on a pale ground with white gaps."""
    sheet = Sheet(rng, side, uniform(rng, (0.6, 0.85)))
    sheet.scatter(6, (0.6, 0.6), (0.05, 0.5), (0.5, 1))
    size = uniform(rng, (0.015, 0.07))
    sheet.scatter(int(min(90, 0.5 / size**1.3)), (0.6, 0.6), (size * 0.6, size), (0.15, 0.5))
    return sheet.gray(uniform(rng, (0, 0.8)), 0.06, 0.03)


MOSAIC_OF = (nuclear_organ, axial_chest, axial_abdomen, coronal_body, head_slice, ultrasound)


def mosaic(rng: np.random.Generator, side: int) -> FloatArray:
    """A sheet of 2 x 2 to 5 x 5 similar slices, with or without gaps."""
    draw = MOSAIC_OF[rng.integers(len(MOSAIC_OF))]
    tiles, gap = int(rng.integers(2, 6)), int(rng.integers(0, 4))
    cell = side // tiles - gap
    source = [draw(rng, side) for _ in range(2)]
    sheet = np.zeros((side, side), np.float32)
    for k in range(tiles**2):
        mix = k / tiles**2
        row, column = (n * (cell + gap) for n in divmod(k, tiles))
        tile = (1 - mix) * source[0] + mix * source[1]
        small = resize(tile, cell, cell, Image.Resampling.BOX)
        sheet[row : row + cell, column : column + cell] = small
    return sheet


SCANS: dict[str, Drawing] = {
    "angiogram": angiogram,
    "nuclear body": nuclear_body,
    "nuclear organ": nuclear_organ,
    "ultrasound": ultrasound,
    "mammogram": mammogram,
    "dental panorama": dental_panorama,
    "scope view": scope_view,
    "cells": cells,
    "mosaic": mosaic,
}
