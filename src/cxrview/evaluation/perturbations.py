"""Perturbations applied before classification: image (h, w) uint8 -> perturbed (h, w) uint8.

Each perturbation acts on the image reduced to at most 256 pixels, before all other preprocessing;
noise, blur and text have sizes for that. Rotations by 90, 180 and 270 are counterclockwise. The
perturbations share no code with the augmentation of the training.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from cxrview.images import radiograph_of
from cxrview.model.classifier import Classifier, Prediction, load
from cxrview.model.preprocess import GrayImage, to_uint8, working_image
from cxrview.readers.decode import decode
from cxrview.sources.find import Item

Perturbation = Callable[[GrayImage, np.random.Generator], GrayImage]

NOISE_SD = 64.0  # gray levels, one standard deviation
BLUR_SIGMA = 5.0  # pixels, standard deviation
ROTATION_DEGREES = 15.0  # degrees
PADDING_SHARE = 0.3  # of a side, added at each end
CROP_SHARE = 0.7  # of each side that is left
TEXT_LINES = ("DOE JOHN 1970", "CHEST PORTABLE", "12:41 80kV 2mAs")


def _pad(image: GrayImage, vertical: float, horizontal: float) -> GrayImage:
    rows, columns = int(image.shape[0] * vertical), int(image.shape[1] * horizontal)
    return np.pad(image, ((rows, rows), (columns, columns)))


def _crop(image: GrayImage) -> GrayImage:
    rows, columns = (int(length * (1 - CROP_SHARE) / 2) for length in image.shape)
    return image[rows : image.shape[0] - rows, columns : image.shape[1] - columns]


def _gamma(image: GrayImage, power: float) -> GrayImage:
    return (255 * (image / 255.0) ** power + 0.5).astype(np.uint8)


def _add_noise(image: GrayImage, rng: np.random.Generator) -> GrayImage:
    return np.clip(image + rng.normal(0, NOISE_SD, image.shape), 0, 255).astype(np.uint8)


def _blur(image: GrayImage) -> GrayImage:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(BLUR_SIGMA)))


def _rotate(image: GrayImage, rng: np.random.Generator) -> GrayImage:
    angle = ROTATION_DEGREES if rng.random() < 0.5 else -ROTATION_DEGREES
    rotated = Image.fromarray(image).rotate(angle, Image.Resampling.BICUBIC, expand=True)
    return np.asarray(rotated)


def _burn_text(image: GrayImage, rng: np.random.Generator) -> GrayImage:
    """A black block of 45 % x 16 % at the top or the bottom with three lines of text."""
    height, width = image.shape
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    top = rng.uniform(0, 0.1) if rng.random() < 0.5 else rng.uniform(0.75, 0.85)
    x, y = int(width * rng.uniform(0, 0.5)), int(height * top)
    block_width, block_height = int(width * 0.45), int(height * 0.16)
    draw.rectangle([x, y, x + block_width, y + block_height], fill=0)
    font = ImageFont.load_default(max(8, block_height * 0.3))
    for number, line in enumerate(TEXT_LINES):
        draw.text((x + 2, y + number * block_height * 0.32), line, fill=255, font=font)
    return np.asarray(picture)


UNALTERED = "unaltered"

PERTURBATIONS: dict[str, Perturbation] = {
    UNALTERED: lambda image, _: image,
    "inverted": lambda image, _: 255 - image,
    "rotated by 90": lambda image, _: np.rot90(image, 1),
    "rotated by 180": lambda image, _: np.rot90(image, 2),
    "rotated by 270": lambda image, _: np.rot90(image, 3),
    "mirrored": lambda image, _: image[:, ::-1],
    "cropped to 70 %": lambda image, _: _crop(image),
    "padded by 30 %": lambda image, _: _pad(image, PADDING_SHARE, PADDING_SHARE),
    "padded at the sides": lambda image, _: _pad(image, 0, PADDING_SHARE),
    "gamma 0.4": lambda image, _: _gamma(image, 0.4),
    "gamma 2.5": lambda image, _: _gamma(image, 2.5),
    "low contrast": lambda image, _: (image * 0.25 + 102).astype(np.uint8),
    "noise": _add_noise,
    "blur": lambda image, _: _blur(image),
    "rotated by 15": _rotate,
    "text burned in": _burn_text,
    "inverted, rotated by 90": lambda image, _: 255 - np.rot90(image, 1),
    "inverted, rotated by 180": lambda image, _: 255 - np.rot90(image, 2),
    "inverted, rotated by 270": lambda image, _: 255 - np.rot90(image, 3),
}

# The eight poses: degrees clockwise that undo the rotation, and whether the polarity is inverted
POSES: dict[str, tuple[int, bool]] = {
    UNALTERED: (0, False),
    "rotated by 90": (90, False),
    "rotated by 180": (180, False),
    "rotated by 270": (270, False),
    "inverted": (0, True),
    "inverted, rotated by 90": (90, True),
    "inverted, rotated by 180": (180, True),
    "inverted, rotated by 270": (270, True),
}


def perturb(image: GrayImage, name: str, seed: int) -> GrayImage:
    """The image under a named perturbation; the same seed repeats it. KeyError for other names."""
    return np.ascontiguousarray(PERTURBATIONS[name](image, np.random.default_rng(seed)))


def make_perturbed_classifier(
    model: str,
) -> Callable[[tuple[int, Item]], list[Prediction]]:
    """The function that a worker process applies to each (seed, item)."""
    return partial(classify_perturbed, classifier=load(model))


def classify_perturbed(seed_and_item: tuple[int, Item], classifier: Classifier) -> list[Prediction]:
    """The predictions for one file under each of PERTURBATIONS; raises UnreadableImage."""
    seed, item = seed_and_item
    with item.open() as stream:
        image = to_uint8(working_image(decode(stream)))
    return [classifier.predict(radiograph_of(perturb(image, name, seed))) for name in PERTURBATIONS]
