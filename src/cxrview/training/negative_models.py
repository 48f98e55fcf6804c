"""Models of body parts other than the chest, made of the phantom's solids.

Centimetres; attenuation in 1/cm on the scale of the phantom's soft tissue; +x to the patient's
left, +y to the front, +z to the head. Each model yields its parts with random sizes.
"""

from collections.abc import Callable, Iterator

import numpy as np

from cxrview.images import FloatArray
from cxrview.phantom.random_draws import SIDES, happens, rotation_matrix, uniform
from cxrview.phantom.rays import Point, Solids, capsule, column, ellipsoid, tube

FLESH = 0.2  # of a solid with this attenuation, the longest path counts: flesh does not add up
AIR = -0.2  # added to flesh
BONE = 0.5
METAL = 3.0
COLON = ((-11, 0, -7), (-11, 0, 10), (0, 4, 6), (11, 0, 13), (11, 0, -6), (1, 0, -9))
CHILD_SHARE = 0.25  # of legs and trunks
IMPLANT_SHARE = 0.12

Part = tuple[Solids, float]


def _blob(x: float, y: float, z: float, radii: Point, weight: float, tilt: float = 0.0) -> Part:
    """An ellipsoid, tilted by degrees about y."""
    return ellipsoid((x, y, z), radii, rotation_matrix(0, tilt)), weight


def _rod(start: Point, end: Point, radius: float, weight: float = BONE) -> Part:
    return capsule(start, end, radius), weight


def _bone(start: Point, end: Point, radius: float) -> list[Part]:
    """A hollow shaft with wider ends."""
    radii = 1.5 * radius, 1.4 * radius, 1.8 * radius
    ends = [(ellipsoid(at, radii), 0.25) for at in (start, end)]
    return [(tube(start, end, radius), 0.7), (tube(start, end, 0.55 * radius), -0.5), *ends]


def _vertebra(z: float, y: float, size: float) -> Iterator[Part]:
    """A body with flat end plates, pedicles, and spinous and transverse processes."""
    wide, deep, high = 2.4 * size, 1.8 * size, 1.3 * size
    yield column((0, y, 0), (wide, deep), z - high, z + high), 0.26
    back = y - deep
    yield _blob(0, back - 1.9 * size, z - 0.9 * size, (0.4, 1.7 * size, 0.8 * size), BONE)
    for s in SIDES:
        yield _blob(s * 1.3 * size, back - 0.4, z + 0.3, (0.5, 0.9 * size, 0.6 * size), 0.6)
        yield _rod((s * 1.5 * size, back, z), (s * 4.2 * size, back - 0.5, z), 0.45 * size, 0.35)


def _spine(heights: FloatArray, curve: Callable[[float], float], size: float) -> Iterator[Part]:
    for z in heights:
        yield from _vertebra(float(z), curve(float(z)), size)


def arm(rng: np.random.Generator) -> Iterator[Part]:
    """Hand (origin), wrist, forearm, elbow, upper arm straight down."""
    spread, bone = uniform(rng, (3, 18)), uniform(rng, (0.06, 0.4))
    thick, short = uniform(rng, (0.85, 1.2)), uniform(rng, (0.8, 1.0))
    yield _blob(0, 0, -3, (4.3, 1.5, 5), FLESH)
    for finger in range(5):
        angle = np.radians(uniform(rng, (-65, -25)) if finger == 0 else spread * (finger - 2.3))
        along = np.array([np.sin(angle), 0, np.cos(angle)])
        root = np.array([-3 + 1.5 * finger, 0, -0.5 if finger else -3.5])
        length = uniform(rng, (6.0, 8.5)) * (short if finger in (0, 4) else 1.0)
        yield _rod(root - along, root + along * (length + 0.4), 0.95 * thick, FLESH)
        gap = uniform(rng, (0.005, 0.03))
        for k in range(3):
            first, last = (root + along * length * (k / 3 + x) for x in (gap, 0.33 - gap))
            yield _rod(first, last, (0.5 - 0.07 * k) * thick, bone)
            for end in (first, last):  # the ends are wider than the shaft
                wide = (0.65 - 0.08 * k) * thick
                yield ellipsoid(tuple(end), (wide, wide, wide)), 0.5 * bone
        yield _rod((-1.2 + 0.6 * finger, 0, -6), root - 0.3 * along, 0.5 * thick, bone)
    for x, z in ((-1.6, -6.6), (-0.5, -7.2), (0.7, -6.8), (1.6, -7.3), (-0.9, -7.9), (0.5, -8)):
        yield _blob(x, 0, z, (0.8, 0.8, 0.7), 0.8 * bone)
    yield _rod((0, 0, -5), (0, 0, -18), uniform(rng, (2.6, 3.3)), FLESH)
    yield _rod((0, 0, -17), (0, 0, -60), 4.2, FLESH)
    for x, radius in ((-1.3, 0.75), (1.2, 0.7)):
        for part, weight in _bone((x, 0, -9.5), (x, 0, -32), radius):
            yield part, weight * min(1.0, 2 * bone)
    yield from _bone((0, 0, -34.5), (0, 0, -62), 1.2)
    yield _blob(0, 0, -34.3, (3.2, 1.2, 1.2), BONE)


def shoulder(rng: np.random.Generator) -> Iterator[Part]:
    """Upper arm (head at the origin), shoulder blade, clavicle, outer ribs and lung."""
    yield _blob(-3, 0, 0, (8, 6, 6.5), FLESH)
    yield _rod((0, 0, 6), (4, 0, -45), 5.2, FLESH)
    yield _blob(-17, 0, -8, (13, 9, 22), FLESH)
    yield _blob(0, 0, 0, (2.5, 2.4, 2.5), 0.4)
    yield from _bone((0.8, 0, -1.5), (uniform(rng, (2, 9)), 0, -28), 1.25)
    yield _blob(-3, -0.5, -0.8, (0.8, 1.3, 2), BONE)
    yield _blob(-6.5, -4, -6, (3.5, 0.6, 7.5), 0.4, uniform(rng, (5, 25)))
    yield _rod((-10, -5, 1), (0.8, -1, 3.4), 0.9)
    yield _rod((-5, 2, 1), (-2, 3, 1.5), 0.8)
    height = uniform(rng, (2.5, 5))
    yield _rod((-17, 4, height - 1), (-7, 1, height + 0.7), 0.8, 0.7)
    yield _rod((-9, 1, height + 0.7), (-0.8, 0, 3.4), 0.75, 0.7)
    yield _blob(-15.5, 0, -9, (8.5, 6.5, 15), 0.8 * AIR)
    for z in np.arange(3, -22, -3.3):
        out = -6.5 - 0.02 * (z + 8) ** 2
        yield _rod((-20, -6, z + 2), (out, -1, z), 0.6)
        yield _rod((out, -1, z), (-16, 6, z - 4), 0.55, 0.4)


def foot(rng: np.random.Generator, x: float = 0.0) -> Iterator[Part]:
    """Heel, ankle bone, and five rays towards the front; the knee is the origin."""
    yield _blob(x, 4, -42, (4, uniform(rng, (10.5, 12.5)), 3.2), FLESH)
    yield _blob(x, 0, -38.8, (2, 2.6, 1.5), 0.6)
    yield _blob(x, -3.5, -42, (1.8, 3.6, 1.9), BONE)
    for k in range(5):
        toe = x - 3 + 1.5 * k
        yield _blob(x - 1.6 + 0.8 * k, 4 - k * 0.4, -41.5, (0.9, 1.3, 1.3), 0.4)
        yield _rod((x - 2 + k, 5, -41.5), (toe, 12 - k * 0.5, -43.3), 0.7, 0.7)
        yield _rod((toe, 12.3 - k * 0.5, -43.4), (toe, 14.3 - k * 0.6, -43.6), 0.55)
        yield _rod((toe, 14.5 - k * 0.6, -43.6), (toe, 16 - k * 0.7, -43.7), 0.5)


def leg(rng: np.random.Generator, x: float = 0.0) -> Iterator[Part]:
    """Thigh, knee (origin), lower leg and foot; a child's bones do not meet."""
    gap = uniform(rng, (0.4, 1.0)) if happens(rng, CHILD_SHARE) else 0.0
    fat, metal = uniform(rng, (0.8, 1.3)), happens(rng, IMPLANT_SHARE)
    yield _rod((x, 0, -14), (x, 0, 60), 8.5 * fat, FLESH)
    yield _rod((x, -0.5, 15), (x, -0.5, -44), 5.6 * fat, FLESH)
    yield from _bone((x + 0.2, 0, 3 + gap), (x + 2, 0, 42), 1.5)
    yield from _bone((x, 0, -3.5 - gap), (x, 0, -36), 1.4)
    yield from _bone((x + 3, -1.5, -4), (x + 2.2, -1, -38), 0.6)
    for s in SIDES:
        yield _blob(x + s * 2, -0.6, 1.6, (2.1, 2.9, 2.0), METAL if metal else 0.28)
        yield _blob(x + s * 1.8, 0, -2.4 - gap, (2.2, 2.6, 1.4), METAL if metal else 0.28)
    for z, tall in ((4.5 + gap, 4.5), (-4.5 - gap, 3.5)):
        yield _blob(x, -0.2, z, (2.7, 2.4, tall), 0.22)
    yield _blob(x, 3.8, uniform(rng, (1, 4)), (2, 0.9, 2.2), BONE)
    yield from foot(rng, x)


def legs(rng: np.random.Generator) -> Iterator[Part]:
    """Both legs side by side."""
    apart = uniform(rng, (7, 11))
    yield from leg(rng, -apart)
    yield from leg(rng, apart)


def _bowel(rng: np.random.Generator, weight: float) -> Iterator[Part]:
    """The colon as a chain of swellings, in pieces, and loops in the middle."""
    corners = rng.normal(COLON, 1.2)
    steps = np.linspace(0, 4.99, 36)
    first = steps.astype(int)
    chain = corners[first] + (corners[first + 1] - corners[first]) * (steps - first)[:, None]
    gone = int(rng.integers(36))
    for number, (x, y, z) in enumerate(chain):
        if (number - gone) % 36 > 36 * 0.35:
            yield _blob(x, y, z, rng.uniform(0.9, 2.4, 3), weight)
    for x, y, z in rng.normal(0, (4.5, 2, 5), (int(rng.integers(2, 10)), 3)):
        yield _blob(x, y + 3, z + 2, rng.uniform(0.6, 3, 3), weight * 0.8, uniform(rng, (0, 90)))


def _hip(rng: np.random.Generator, s: float, child: bool, along: FloatArray) -> Iterator[Part]:
    """One side's iliac wing, socket, pubis, ischium and thigh bone, in the direction `along`."""
    x, z = s * 9.0, -14.0
    wing = rotation_matrix(0, s * 17, s * uniform(rng, (25, 40)))
    yield ellipsoid((s * 8.5, -2, z + 8), (5.5, 0.9, 7), wing), 0.45
    yield _rod((s * 5, -4, z + 8), (s * 8, -1, z + 1), 1.4, 0.4)
    yield _blob(x - s * 0.7, 0, z + 0.5, (3.3, 3.1, 3.3), 0.3)
    yield _blob(x, 0, z, (2.8, 2.7, 2.8), -0.27)
    yield _rod((s * 7, 1, z + 1), (s * 0.7, 4, z - 3), 0.9)
    yield _rod((s * 6.5, -2, z - 1), (s * 4.5, -2, z - 8), 1.3)
    yield _rod((s * 4.8, -1, z - 8), (s * 0.7, 3.5, z - 4), 0.8)
    metal = METAL if happens(rng, IMPLANT_SHARE) else 0.0
    head = uniform(rng, (0.9, 1.8)) if child else 2.4
    yield _blob(x + s * 0.2, 0, z, (head, head, head), metal or 0.28)
    out = s * uniform(rng, (11.5, 14.5))  # abduction
    neck = 0.75 if child else 0.35
    yield _rod((x + (out - x) * neck, 0, z - 3 * neck), (out, 0, z - 3.5), 1.7, metal or 0.4)
    top = np.array([out, 0, z - 4.5])
    yield from _bone(tuple(top + 0.5 * along), tuple(top + 40 * along), 1.5)
    if not child:
        yield _blob(out + 0.6 * s, -0.5, z - 2.6, (1.8, 1.8, 2.6), 0.35)
        yield _blob(out - s, -1, z - 7, (1.2, 1.2, 1.2), 0.3)
    if metal:
        yield _rod(tuple(top - along), tuple(top + 14 * along), 0.9, metal)


def lower_trunk(rng: np.random.Generator, bowel: float = AIR) -> Iterator[Part]:
    """Loin (origin), last ribs, bowel, pelvis and thighs."""
    child = happens(rng, CHILD_SHARE)
    fat, bend = uniform(rng, (0.9, 1.25)), uniform(rng, (0.004, 0.02))
    yield _blob(0, 0, 6, (16.5 * fat, 11 * fat, 36), FLESH)
    yield _blob(0, -1, -12, (17.5 * fat, 10, 13), FLESH)
    yield _blob(-7, 1, 15, (8, 6, 7), 0.03)
    yield from _spine(np.arange(-5.4, 26, 3.7), lambda z: -3.5 - bend * (z - 3) ** 2, 1.0)
    yield _blob(0, -7, -9.5, (4.2, 1.6, 5), 0.3)
    yield from _bowel(rng, bowel)
    for s in SIDES:
        lifted = uniform(rng, (0, 70)) if happens(rng, 0.3) else uniform(rng, (-4, 4))
        along = np.array([s * np.sin(np.radians(lifted)), 0, -np.cos(np.radians(lifted))])
        start = np.array([s * 9, 0, -10])
        yield _rod(tuple(start), tuple(start + 65 * along), 8.5 * fat, FLESH)
        yield from _hip(rng, s, child, along)
        yield _rod((s * 3, -2, 18), (s * 8, -2, -8), 2.2, 0.03)  # psoas
        for z in (14, 18, 22):
            yield _rod((s * 2.5, -6, z + 1), (s * (3 + 0.5 * z), -2, z - 5), 0.55, 0.35)


def whole_body(rng: np.random.Generator) -> Iterator[Part]:
    """The lower trunk with a coarse chest, head and arms above it."""
    yield from lower_trunk(rng)
    yield _blob(0, 0, 30, (16.5, 10.5, 24), FLESH)
    yield _blob(0, -1, 43, (20, 8, 8), FLESH)
    yield _rod((0, -1, 35), (0, -1, 65), 6, FLESH)
    yield from _spine(np.arange(28, 56, 2.9), lambda z: -5 + 0.01 * (z - 28) ** 2, 0.8)
    yield _blob(0, 1, 66, (7.8, 9.8, 11), FLESH)
    yield _blob(0, 0, 68, (7.4, 9.4, 9), BONE)
    yield _blob(0, 0, 68, (6.8, 8.8, 8.4), -BONE)
    spread = uniform(rng, (0, 14))
    for s in SIDES:
        yield _blob(s * 7.5, -1, 35, (5.8, 7, 11.5), 0.8 * AIR)
        yield _rod((s * 18, 0, 48), (s * (20 + spread), 0, -8), 4.5, FLESH)
        yield from _bone((s * 17, 0, 43), (s * (18.5 + 0.5 * spread), 0, 16), 1.2)
        yield from _bone((s * (19 + 0.5 * spread), 0, 14), (s * (20 + spread), 0, -8), 0.9)
        for z in (26, 29, 32, 35, 38, 41, 44):
            yield _rod((s * 2, -6, z + 2), (s * 13.5, -1, z), 0.6, 0.4)


def barium_study(rng: np.random.Generator) -> Iterator[Part]:
    """The lower trunk with contrast medium in the bowel."""
    return lower_trunk(rng, uniform(rng, (0.25, 0.9)))


def head_and_neck(rng: np.random.Generator) -> Iterator[Part]:
    """Skull (origin), face, jaw, neck and shoulders."""
    thick, bend = uniform(rng, (0.4, 0.9)), uniform(rng, (-0.01, 0.03))
    yield _blob(0, 0, 0, (7.9, 9.9, 9.1), FLESH)
    yield _blob(0, 4, -9, (6, 6.5, 7), FLESH)
    yield _rod((0, -1.5, 4), (0, -1.5, -44), uniform(rng, (5.5, 7.5)), FLESH)
    yield _blob(0, -2, -33, (19, 8, 8), FLESH)
    yield _blob(0, 0, 0, (7.4, 9.4, 8.6), BONE)
    yield _blob(0, 0, 0, (7.4 - thick, 9.4 - thick, 8.6 - thick), -BONE)
    yield _blob(0, 1, -5.5, (5.5, 6.5, 1.2), 0.18)
    yield _blob(0, 5.5, -8, (4.2, 3.8, 4), 0.25)
    yield _blob(0, 7, -11.8, (2.8, 1.7, 1.8), 0.35)
    for s in SIDES:
        yield _rod((s * 1, -1, -5.5), (s * 6.5, -2.5, -5), 1.3)
        yield _blob(s * 3.1, 7, -3.6, (1.9, 2.4, 1.7), -0.4)
        yield _blob(s * 2.8, 6, -7.5, (1.5, 1.7, 1.8), -0.4)
        yield _blob(s * 1.3, 8.3, -1, (1.5, 0.8, 1.2), -0.3)
        yield _blob(s * 5.8, -2.5, -6.5, (1.2, 1.5, 2), 0.2)
        yield _rod((s * 5.2, 0.5, -6), (s * 4.8, 1.5, -13), 1.2, 0.4)
        yield _rod((s * 4.8, 1, -12.5), (s * 0.3, 9, -14.5), 1.3)
        yield _rod((s * 2, 1, -25.5), (s * 17, 2, -27), 0.7)
    yield from _spine(np.arange(-10, -34, -1.9), lambda z: -2 - bend * (z + 18) ** 2, 0.55)
    yield _rod((0, 2, -7), (0, 1.2, -40), 0.9, AIR)
    yield _blob(0, -1, -50, (16, 10, 20), FLESH)
    for s in SIDES:
        yield _blob(s * 6.5, -1.5, -40, (5, 5.5, 8), AIR)
