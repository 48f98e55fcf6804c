"""Line integrals -> the film: Beer-Lambert, scatter, blur, window, curve, noise, collimation."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from cxrview.phantom.grids import blur, clouds, low_pass, resize
from cxrview.phantom.random_draws import Floats, Mask, Span, between, happens

HARDENING: Span = (0.75, 1.0)  # of the attenuation is left: the beam hardens on its way
LATERAL_VOLTAGE = 0.72  # of the attenuation: laterals are taken with more kV
SCATTER_CELLS = 16  # the grid on which scatter is smooth
SCATTER_REACH = 0.6  # of the scattered quanta reach the detector
UNSHARPNESS: Span = (0.1, 0.9)  # sigma in 1/128 of the long side: focus, motion, screen
HEEL: Span = (0.0, 0.08)  # optical density: uneven tube output
HEEL_CELLS = 5
TEXTURES = ((9, 0.03), (26, 0.02))  # cells, deviation: tissue is not uniform; of the attenuation
DARKEST = 1e-5  # exposure under which a logarithm is pointless

BODY = 0.35  # attenuation that tells patient from air
INSIDE = 6  # the window is set on the picture without a 1/6 margin, as devices do
LEAST_BODY = 50  # pixels of body, else the whole middle counts
WINDOW_LOW: Span = (0.2, 4.0)  # percentile that becomes black
CURVED = 0.6  # of films have an S-shaped curve, the others are linear
SLOPE: Span = (2.5, 6.0)
INFLECTION: Span = (0.25, 0.5)
LATERAL_INFLECTION = 0.12
GAMMA = (-0.12, 0.28)  # mean and deviation of its logarithm
SHARPENED = 0.35  # of films: multiscale processing
SHARPENING: Span = (0.3, 1.2)
SHARPENING_REACH = 1 / 16  # sigma, of the long side
LIFTED = 0.60  # of films: the lungs are no blacker than grey, the air outside stays black
LIFT_DEPTH = 0.5  # attenuation by which the lift has set in
LIFT: Span = (0.0, 0.45)
CONTRAST: Span = (0.72, 1.0)
FOG: Span = (0.0, 0.1)
GRAIN = 0.035  # deviation of the noise at most
GRAIN_SKEW = 1.5  # exponent: more quiet films than noisy ones
FINEST_GRAIN = 128  # px: a pixel of a bigger picture catches fewer quanta, so it is noisier
INVERTED = 0.03  # of films have the wrong polarity

COLLIMATED = 0.45  # of films show the collimator or the cassette's edge
BORDER = 0.10  # of the side at most
BORDERS = 0.6  # of the four sides
WIDE_BORDERS = 0.15  # of these films have them twice as wide
TILT = 1.5  # degrees, deviation
BLACK: Span = (0.0, 0.06)
WHITE: Span = (0.9, 1.0)
WHITE_BORDERS = 0.05  # of these films


@dataclass(frozen=True, slots=True)
class Exposure:
    """What differs between the films of a frontal and a lateral."""

    voltage: float
    scatter: Span  # share of the exposure
    floor: Span  # least exposure: off-focus radiation, glare; drawn on a logarithmic scale
    window_high: Span  # percentile that becomes white


FRONTAL = Exposure(1.0, (0.05, 0.40), (0.004, 0.040), (85.0, 99.5))
LATERAL = Exposure(LATERAL_VOLTAGE, (0.05, 0.25), (0.004, 0.012), (90.0, 99.8))


def develop(
    rng: np.random.Generator, path: Floats, lateral: bool, height: int, width: int
) -> tuple[Floats, bool]:
    """Attenuation (h, w) -> (height, width) float32 in [0, 1], and whether it came out inverted."""
    body = path > BODY
    density = _expose(rng, path, LATERAL if lateral else FRONTAL)
    film = _tone(rng, _window(rng, density, body, lateral), path, lateral)
    if film.shape != (height, width):
        film = resize(film, height, width, Image.Resampling.BICUBIC)
    film = np.clip(film + _grain(rng, height, width), 0, 1)
    inverted = happens(rng, INVERTED)
    film = _collimate(rng, 1 - film if inverted else film)
    return np.clip(film, 0, 1), inverted


def _expose(rng: np.random.Generator, path: Floats, exposure: Exposure) -> Floats:
    """Attenuation -> optical density, bone bright: minus the logarithm of what arrives."""
    height, width = path.shape
    for cells, share in TEXTURES:
        path = path * (1 + share * clouds(rng, height, width, cells))
    primary = np.exp(-path * between(rng, HARDENING) * exposure.voltage)
    share = between(rng, exposure.scatter)
    scatter = np.maximum(low_pass(primary, SCATTER_CELLS), 0)
    floor = np.exp(between(rng, (np.log(exposure.floor[0]), np.log(exposure.floor[1]))))
    arriving = (1 - share) * primary + share * SCATTER_REACH * scatter + floor
    density = -np.log(np.maximum(arriving, DARKEST))
    density = blur(density, between(rng, UNSHARPNESS) * max(path.shape) / 128)
    return np.asarray(density + between(rng, HEEL) * clouds(rng, height, width, HEEL_CELLS))


def _window(rng: np.random.Generator, density: Floats, body: Mask, lateral: bool) -> Floats:
    """Optical density -> 0 .. 1 between two percentiles of the body; may overshoot."""
    dy, dx = (side // INSIDE for side in density.shape)
    inner = density[dy : density.shape[0] - dy, dx : density.shape[1] - dx]
    patient = inner[body[dy : density.shape[0] - dy, dx : density.shape[1] - dx]]
    pixels = patient if patient.size > LEAST_BODY else inner
    exposure = LATERAL if lateral else FRONTAL
    levels = between(rng, WINDOW_LOW), between(rng, exposure.window_high)
    low, high = np.percentile(pixels, levels)
    return np.asarray((density - low) / max(high - low, 1e-3))


def _tone(rng: np.random.Generator, film: Floats, path: Floats, lateral: bool) -> Floats:
    """The curve of film or device, its processing, and its black level."""
    if happens(rng, CURVED):
        slope, middle = between(rng, SLOPE), between(rng, INFLECTION)
        film = _s_curve(film, slope, middle + (LATERAL_INFLECTION if lateral else 0))
    film = np.clip(film, 0, 1) ** np.exp(rng.normal(*GAMMA))
    if happens(rng, SHARPENED):
        detail = film - blur(film, SHARPENING_REACH * max(film.shape))
        film = np.clip(film + between(rng, SHARPENING) * detail, 0, 1)
    lift = between(rng, LIFT) if happens(rng, LIFTED) else 0.0
    film = (1 - lift) * film + lift * (1 - np.exp(-np.square(path / LIFT_DEPTH)))
    return np.asarray(film * between(rng, CONTRAST) + between(rng, FOG))


def _s_curve(film: Floats, slope: float, middle: float) -> Floats:
    """Sigmoid through (0, 0) and (1, 1)."""
    at = np.tanh(slope / 2 * (np.append(film.ravel(), (0, 1)) - middle))
    return np.asarray(((at[:-2] - at[-2]) / (at[-1] - at[-2])).reshape(film.shape))


def _grain(rng: np.random.Generator, height: int, width: int) -> Floats:
    fineness = max(1.0, max(height, width) / FINEST_GRAIN) ** 0.5
    grain = rng.standard_normal((height, width), dtype=np.float32)
    return grain * np.float32(GRAIN * rng.random() ** GRAIN_SKEW * fineness)


def _collimate(rng: np.random.Generator, film: Floats) -> Floats:
    """Borders, sometimes tilted, mostly black."""
    if not happens(rng, COLLIMATED):
        return film
    wide = 2 if happens(rng, WIDE_BORDERS) else 1
    left, right, top, bottom = rng.uniform(0, BORDER, 4) * (rng.random(4) < BORDERS) * wide
    height, width = film.shape
    y = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height - 0.5
    x = (np.arange(width, dtype=np.float32)[None, :] + 0.5) / width - 0.5
    tilt = np.radians(rng.normal(0, TILT))
    across, down = x * np.cos(tilt) + y * np.sin(tilt), y * np.cos(tilt) - x * np.sin(tilt)
    outside = (across < left - 0.5) | (across > 0.5 - right)
    outside |= (down < top - 0.5) | (down > 0.5 - bottom)
    level = between(rng, WHITE if happens(rng, WHITE_BORDERS) else BLACK)
    return np.where(outside, np.float32(level), film)
