"""Line integrals -> pixels: Beer-Lambert, scatter, blur, window, curve, noise, collimation."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from cxrview.images import FloatArray, Mask
from cxrview.phantom.random_draws import Span, happens, uniform

HARDENING_FACTOR: Span = (0.75, 1.0)  # of the attenuation remains after beam hardening
LATERAL_VOLTAGE_FACTOR = 0.72  # of the attenuation: laterals use a higher voltage
SCATTER_CELLS = 16  # the grid on which scatter is smooth
SCATTER_DETECTED_SHARE = 0.6  # of the scattered quanta reach the detector
UNSHARPNESS_SIGMA: Span = (0.1, 0.9)  # sigma in 1/128 of the long side: focus, motion, screen
HEEL_AMPLITUDE: Span = (0.0, 0.08)  # optical density: uneven tube output
HEEL_CELLS = 5
TEXTURES = ((9, 0.03), (26, 0.02))  # cells, deviation: tissue is not uniform; of the attenuation
MIN_EXPOSURE = 1e-5  # lower bound of the exposure before the logarithm

BODY_ATTENUATION = 0.35  # attenuation above which a pixel is patient, not air
WINDOW_MARGIN_DIVISOR = 6  # the window is computed without a margin of 1/6, as devices do
MIN_BODY_PIXELS = 50  # pixels of body; with fewer, the window uses the whole centre
WINDOW_LOW_PERCENTILE: Span = (0.2, 4.0)  # percentile that becomes black
S_CURVE_SHARE = 0.6  # of images have an S-shaped curve, the rest a linear one
S_CURVE_SLOPE: Span = (2.5, 6.0)
S_CURVE_INFLECTION: Span = (0.25, 0.5)
LATERAL_INFLECTION_SHIFT = 0.12
LOG_GAMMA = (-0.12, 0.28)  # mean and deviation of its logarithm
SHARPENED_SHARE = 0.35  # of images: multiscale processing
SHARPENING_AMOUNT: Span = (0.3, 1.2)
SHARPENING_SIGMA = 1 / 16  # sigma, of the long side
LIFTED_SHARE = 0.60  # of images: lungs are grey instead of black, air outside the body stays black
LIFT_DEPTH = 0.5  # attenuation at which the lift is reached
LIFT_AMOUNT: Span = (0.0, 0.45)
CONTRAST: Span = (0.72, 1.0)
FOG: Span = (0.0, 0.1)
MAX_GRAIN = 0.035  # deviation of the noise at most
GRAIN_SKEW = 1.5  # exponent: most images have little noise
GRAIN_REFERENCE_SIDE = 128  # px: smaller pixels detect fewer quanta, so they are noisier
INVERTED_SHARE = 0.03  # of images have the wrong polarity

COLLIMATED_SHARE = 0.45  # of images show the collimator or the cassette's edge
MAX_BORDER = 0.10  # of the side at most
BORDER_PROBABILITY = 0.6  # of the four sides
WIDE_BORDER_PROBABILITY = 0.15  # of these images have them twice as wide
BORDER_TILT_SD = 1.5  # degrees, deviation
BLACK_BORDER_LEVEL: Span = (0.0, 0.06)
WHITE_BORDER_LEVEL: Span = (0.9, 1.0)
WHITE_BORDER_PROBABILITY = 0.05  # of these images


@dataclass(frozen=True, slots=True)
class Exposure:
    """Exposure parameters that differ between frontal and lateral images."""

    voltage_factor: float
    scatter: Span  # share of the exposure
    background_exposure: Span  # smallest exposure: off-focus radiation, glare; log-uniform
    window_high_percentile: Span  # percentile that becomes white


FRONTAL_EXPOSURE = Exposure(1.0, (0.05, 0.40), (0.004, 0.040), (85.0, 99.5))
LATERAL_EXPOSURE = Exposure(LATERAL_VOLTAGE_FACTOR, (0.05, 0.25), (0.004, 0.012), (90.0, 99.8))


def develop(
    rng: np.random.Generator, path: FloatArray, lateral: bool, height: int, width: int
) -> tuple[FloatArray, bool]:
    """Return the (height, width) image in [0, 1] of attenuation (h, w), and if it is inverted.

    An inverted image has the wrong polarity: its bones are dark.
    """
    body = path > BODY_ATTENUATION
    density = _expose(rng, path, LATERAL_EXPOSURE if lateral else FRONTAL_EXPOSURE)
    image = _tone(rng, _window(rng, density, body, lateral), path, lateral)
    if image.shape != (height, width):
        image = resize(image, height, width, Image.Resampling.BICUBIC)
    image = np.clip(image + _grain(rng, height, width), 0, 1)
    inverted = happens(rng, INVERTED_SHARE)
    image = _collimate(rng, 1 - image if inverted else image)
    return np.clip(image, 0, 1), inverted


def _expose(rng: np.random.Generator, path: FloatArray, exposure: Exposure) -> FloatArray:
    """Attenuation -> optical density, bone bright: minus the logarithm of the detected exposure."""
    height, width = path.shape
    for cells, share in TEXTURES:
        path = path * (1 + share * smooth_noise(rng, height, width, cells))
    primary = np.exp(-path * uniform(rng, HARDENING_FACTOR) * exposure.voltage_factor)
    share = uniform(rng, exposure.scatter)
    scatter = np.maximum(low_pass(primary, SCATTER_CELLS), 0)
    background_exposure = np.exp(
        uniform(
            rng, (np.log(exposure.background_exposure[0]), np.log(exposure.background_exposure[1]))
        )
    )
    detected = (
        (1 - share) * primary + share * SCATTER_DETECTED_SHARE * scatter + background_exposure
    )
    density = -np.log(np.maximum(detected, MIN_EXPOSURE))
    density = blur(density, uniform(rng, UNSHARPNESS_SIGMA) * max(path.shape) / 128)
    return np.asarray(
        density + uniform(rng, HEEL_AMPLITUDE) * smooth_noise(rng, height, width, HEEL_CELLS)
    )


def _window(rng: np.random.Generator, density: FloatArray, body: Mask, lateral: bool) -> FloatArray:
    """Scale optical density to 0 .. 1 between two percentiles of the body; may exceed the range."""
    dy, dx = (side // WINDOW_MARGIN_DIVISOR for side in density.shape)
    inner = density[dy : density.shape[0] - dy, dx : density.shape[1] - dx]
    patient = inner[body[dy : density.shape[0] - dy, dx : density.shape[1] - dx]]
    pixels = patient if patient.size > MIN_BODY_PIXELS else inner
    exposure = LATERAL_EXPOSURE if lateral else FRONTAL_EXPOSURE
    levels = uniform(rng, WINDOW_LOW_PERCENTILE), uniform(rng, exposure.window_high_percentile)
    low, high = np.percentile(pixels, levels)
    return np.asarray((density - low) / max(high - low, 1e-3))


def _tone(
    rng: np.random.Generator, image: FloatArray, path: FloatArray, lateral: bool
) -> FloatArray:
    """Apply the characteristic curve, the image processing and the black level."""
    if happens(rng, S_CURVE_SHARE):
        slope, middle = uniform(rng, S_CURVE_SLOPE), uniform(rng, S_CURVE_INFLECTION)
        image = _s_curve(image, slope, middle + (LATERAL_INFLECTION_SHIFT if lateral else 0))
    image = np.clip(image, 0, 1) ** np.exp(rng.normal(*LOG_GAMMA))
    if happens(rng, SHARPENED_SHARE):
        detail = image - blur(image, SHARPENING_SIGMA * max(image.shape))
        image = np.clip(image + uniform(rng, SHARPENING_AMOUNT) * detail, 0, 1)
    lift = uniform(rng, LIFT_AMOUNT) if happens(rng, LIFTED_SHARE) else 0.0
    image = (1 - lift) * image + lift * (1 - np.exp(-np.square(path / LIFT_DEPTH)))
    return np.asarray(image * uniform(rng, CONTRAST) + uniform(rng, FOG))


def _s_curve(image: FloatArray, slope: float, middle: float) -> FloatArray:
    """Sigmoid through (0, 0) and (1, 1)."""
    at = np.tanh(slope / 2 * (np.append(image.ravel(), (0, 1)) - middle))
    return np.asarray(((at[:-2] - at[-2]) / (at[-1] - at[-2])).reshape(image.shape))


def _grain(rng: np.random.Generator, height: int, width: int) -> FloatArray:
    fineness = max(1.0, max(height, width) / GRAIN_REFERENCE_SIDE) ** 0.5
    grain = rng.standard_normal((height, width), dtype=np.float32)
    return grain * np.float32(MAX_GRAIN * rng.random() ** GRAIN_SKEW * fineness)


def _collimate(rng: np.random.Generator, image: FloatArray) -> FloatArray:
    """Cover the borders as a collimator does: sometimes tilted, mostly black."""
    if not happens(rng, COLLIMATED_SHARE):
        return image
    wide = 2 if happens(rng, WIDE_BORDER_PROBABILITY) else 1
    left, right, top, bottom = (
        rng.uniform(0, MAX_BORDER, 4) * (rng.random(4) < BORDER_PROBABILITY) * wide
    )
    height, width = image.shape
    y = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height - 0.5
    x = (np.arange(width, dtype=np.float32)[None, :] + 0.5) / width - 0.5
    tilt = np.radians(rng.normal(0, BORDER_TILT_SD))
    across, down = x * np.cos(tilt) + y * np.sin(tilt), y * np.cos(tilt) - x * np.sin(tilt)
    outside = (across < left - 0.5) | (across > 0.5 - right)
    outside |= (down < top - 0.5) | (down > 0.5 - bottom)
    level = uniform(
        rng, WHITE_BORDER_LEVEL if happens(rng, WHITE_BORDER_PROBABILITY) else BLACK_BORDER_LEVEL
    )
    return np.where(outside, np.float32(level), image)


MIN_SIGMA = 0.2  # pixels: a smaller sigma has no visible effect


def blur(image: FloatArray, sigma: float) -> FloatArray:
    """Return the (h, w) image, blurred by a Gaussian of sigma pixels; edges are repeated."""
    if sigma < MIN_SIGMA:
        return image
    reach = int(3 * sigma + 1)
    weights = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
    weights = (weights / weights.sum()).astype(image.dtype)
    height, width = image.shape
    padded = np.pad(image, reach, mode="edge")
    rows = sum(w * padded[i : i + height] for i, w in enumerate(weights))
    return np.asarray(sum(w * np.asarray(rows)[:, i : i + width] for i, w in enumerate(weights)))


def resize(image: FloatArray, height: int, width: int, method: Image.Resampling) -> FloatArray:
    """Return the (h, w) image resampled to (height, width), float32."""
    source = Image.fromarray(np.ascontiguousarray(image, np.float32))
    return np.asarray(source.resize((width, height), method))


def low_pass(image: FloatArray, cells: int) -> FloatArray:
    """Return the (h, w) image, averaged over cells x cells blocks and interpolated between them."""
    height, width = image.shape
    blocks = resize(image, cells, cells, Image.Resampling.BOX)
    return resize(blocks, height, width, Image.Resampling.BICUBIC)


def smooth_noise(rng: np.random.Generator, height: int, width: int, cells: int) -> FloatArray:
    """Return (height, width) noise, interpolated between cells x cells normal knots."""
    knots = rng.standard_normal((cells, cells), dtype=np.float32)
    return resize(knots, height, width, Image.Resampling.BICUBIC)
