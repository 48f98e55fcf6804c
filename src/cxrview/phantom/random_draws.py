"""Random draws shared by all parts of a phantom: from a span, with a probability; rotations."""

import numpy as np

from cxrview.images import FloatArray

Span = tuple[float, float]  # lowest, highest

RIGHT, LEFT = -1.0, 1.0  # sign of the patient's side along +x
SIDES = (RIGHT, LEFT)


def uniform(rng: np.random.Generator, span: Span) -> float:
    """Return a uniform draw from the span."""
    return float(rng.uniform(*span))


def happens(rng: np.random.Generator, share: float) -> bool:
    """Return True with probability `share`."""
    return bool(rng.random() < share)


def draw_side(rng: np.random.Generator) -> float:
    """Return RIGHT or LEFT with equal probability."""
    return LEFT if happens(rng, 0.5) else RIGHT


def rotation_matrix(x: float, y: float = 0.0, z: float = 0.0) -> FloatArray:
    """Return the (3, 3) rotation by x, then y, then z degrees about the axes of the body."""
    angles = np.radians((x, y, z))
    cx, cy, cz = np.cos(angles)
    sx, sy, sz = np.sin(angles)
    return np.array(
        [
            [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
            [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
            [-sy, cy * sx, cy * cx],
        ]
    )
