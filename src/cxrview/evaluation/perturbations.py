"""What is done to films before they reach us: picture (h, w) 0 .. 255 -> altered picture.

Each alteration acts on a film of at most 256 pixels, before any preparation; noise, blur and
letters are sized for that. They share no code with the training's augmentation.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Grey = npt.NDArray[np.uint8]
Alteration = Callable[[Grey, np.random.Generator], Grey]

NOISE = 64.0  # grey levels, one standard deviation
BLUR = 5.0  # pixels of 256
TILT = 15.0  # degrees
FRAME = 0.3  # of a side, added at each end
CROP = 0.7  # of each side that is left
LETTERS = ("DOE JOHN 1970", "CHEST PORTABLE", "12:41 80kV 2mAs")


def _frame(film: Grey, down: float, across: float) -> Grey:
    rows, columns = int(film.shape[0] * down), int(film.shape[1] * across)
    return np.pad(film, ((rows, rows), (columns, columns)))


def _crop(film: Grey) -> Grey:
    rows, columns = (int(length * (1 - CROP) / 2) for length in film.shape)
    return film[rows : film.shape[0] - rows, columns : film.shape[1] - columns]


def _gamma(film: Grey, power: float) -> Grey:
    return (255 * (film / 255.0) ** power + 0.5).astype(np.uint8)


def _noise(film: Grey, rng: np.random.Generator) -> Grey:
    return np.clip(film + rng.normal(0, NOISE, film.shape), 0, 255).astype(np.uint8)


def _blur(film: Grey) -> Grey:
    return np.asarray(Image.fromarray(film).filter(ImageFilter.GaussianBlur(BLUR)))


def _tilt(film: Grey, rng: np.random.Generator) -> Grey:
    angle = TILT if rng.random() < 0.5 else -TILT
    tilted = Image.fromarray(film).rotate(angle, Image.Resampling.BICUBIC, expand=True)
    return np.asarray(tilted)


def _letters(film: Grey, rng: np.random.Generator) -> Grey:
    """A black block of 45 % x 16 % at the top or the bottom with three lines in it."""
    height, width = film.shape
    picture = Image.fromarray(film)
    pen = ImageDraw.Draw(picture)
    band = rng.uniform(0, 0.1) if rng.random() < 0.5 else rng.uniform(0.75, 0.85)
    x, y = int(width * rng.uniform(0, 0.5)), int(height * band)
    wide, high = int(width * 0.45), int(height * 0.16)
    pen.rectangle([x, y, x + wide, y + high], fill=0)
    font = ImageFont.load_default(max(8, high * 0.3))
    for number, line in enumerate(LETTERS):
        pen.text((x + 2, y + number * high * 0.32), line, fill=255, font=font)
    return np.asarray(picture)


UNALTERED = "unaltered"

PERTURBATIONS: dict[str, Alteration] = {
    UNALTERED: lambda film, _: film,
    "inverted": lambda film, _: 255 - film,
    "turned by 90": lambda film, _: np.rot90(film, 1),
    "turned by 180": lambda film, _: np.rot90(film, 2),
    "turned by 270": lambda film, _: np.rot90(film, 3),
    "mirrored": lambda film, _: film[:, ::-1],
    "cropped to 70 %": lambda film, _: _crop(film),
    "padded by 30 %": lambda film, _: _frame(film, FRAME, FRAME),
    "padded at the sides": lambda film, _: _frame(film, 0, FRAME),
    "gamma 0.4": lambda film, _: _gamma(film, 0.4),
    "gamma 2.5": lambda film, _: _gamma(film, 2.5),
    "low contrast": lambda film, _: (film * 0.25 + 102).astype(np.uint8),
    "noise": _noise,
    "blur": lambda film, _: _blur(film),
    "tilted by 15": _tilt,
    "text burned in": _letters,
}


def perturb(film: Grey, name: str, seed: int) -> Grey:
    """A film under a named alteration; the same for the same seed. KeyError for unknown names."""
    return np.ascontiguousarray(PERTURBATIONS[name](film, np.random.default_rng(seed)))
