"""Letters burned into a film: side markers, projection, posture, time."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cxrview.phantom.random_draws import Floats, Span, between, happens

MARKED = 0.6  # of films
# Any word on any film: a net that reads PA off the picture would be lost on the next hospital.
WORDS = (
    "L", "R", "L", "R", "LEFT", "PA", "AP", "ERECT", "SUPINE", "PORTABLE", "12:41", "LAT",
    "STANDING", "A1", "III", "SEMI",
)  # fmt: skip
COUNT = (1, 4)
MARKER_SIZE: Span = (10.0, 24.0)  # 1/256 of the long side: one or two letters
WORD_SIZE: Span = (7.0, 12.0)
MARKER_LENGTH = 2  # letters
AT_THE_EDGES: tuple[Span, Span] = ((0.02, 0.15), (0.8, 0.93))  # of the width
DOWN: Span = (0.02, 0.9)  # of the height
INK: Span = (0.7, 1.0)  # opacity
WHITE: Span = (0.85, 1.0)
GRID = 256  # pixels: small pictures get their letters from a finer one


def burn_in(rng: np.random.Generator, picture: Floats) -> Floats:
    """(h, w) in [0, 1] -> the same with letters, on some films."""
    if not happens(rng, MARKED):
        return picture
    height, width = picture.shape
    finer = max(1.0, GRID / max(height, width))
    image = Image.new("L", (round(width * finer), round(height * finer)), 0)
    pen = ImageDraw.Draw(image)
    for _ in range(rng.integers(*COUNT)):
        _word(rng, pen, image.size)
    mask = np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float32) / 255
    mask *= between(rng, INK)
    return picture * (1 - mask) + mask * between(rng, WHITE)


def _word(rng: np.random.Generator, pen: ImageDraw.ImageDraw, size: tuple[int, int]) -> None:
    word = WORDS[rng.integers(len(WORDS))]
    span = MARKER_SIZE if len(word) <= MARKER_LENGTH else WORD_SIZE
    points = between(rng, span) * max(size) / GRID
    x = between(rng, AT_THE_EDGES[rng.integers(2)]) * size[0]
    pen.text((x, between(rng, DOWN) * size[1]), word, fill=255, font=_font(round(points)))


@lru_cache(maxsize=64)
def _font(points: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(points)
