"""Every augmentation does what its name says, alone, and is switched on in the recipes."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from cxrview.training.augment import (
    FULL_AUGMENTATION,
    MULTI_TASK_AUGMENTATION,
    PAPER_AUGMENTATION,
    Augmentation,
    augment,
    to_full_range,
)
from cxrview.training.recipe import PRESETS

NONE = Augmentation(rotation=0, shift=0, shear=0, zoom=0, mirror=0, black_fill=0)
N = 64


def scene() -> torch.Tensor:
    """(64, 1, 64, 64): a bright rectangle off the center on a ground that is 0.3 everywhere."""
    image = torch.full((64, 64), 0.3)
    image[20:44, 16:30] = 0.9
    return image.expand(N, 1, 64, 64).clone()


def altered(**settings) -> torch.Tensor:
    return augment(scene(), replace(NONE, **settings), torch.Generator().manual_seed(0))[0]


def changed(images: torch.Tensor) -> torch.Tensor:
    """(n,) whether an image differs from the scene by more than resampling does."""
    return (images - scene()).abs().amax((1, 2, 3)) > 0.05


def bright(images: torch.Tensor) -> torch.Tensor:
    """(n, 64, 64) weights of the rectangle."""
    return ((images[:, 0] - 0.3) / 0.6).clamp(0, 1)


def moments(images: torch.Tensor) -> dict[str, np.ndarray]:
    """Area, center, variances and covariance of the rectangle, per image."""
    weights = bright(images).double()
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    area = weights.sum((1, 2))
    cx, cy = ((weights * axis).sum((1, 2)) / area for axis in (x, y))
    dx, dy = x[None] - cx[:, None, None], y[None] - cy[:, None, None]
    vxx, vyy, vxy = (
        (weights * a * b).sum((1, 2)) / area for a, b in ((dx, dx), (dy, dy), (dx, dy))
    )
    found = {"area": area, "x": cx, "y": cy, "vxx": vxx, "vyy": vyy, "vxy": vxy}
    return {name: values.numpy() for name, values in found.items()}


PLAIN = {name: values[0] for name, values in moments(scene()).items()}


def rotates(images):
    """Angles of the long axis spread over the range to either side; the area stays."""
    m = moments(images)
    angles = np.degrees(0.5 * np.arctan2(2 * m["vxy"], m["vyy"] - m["vxx"]))
    assert angles.min() < -20
    assert angles.max() > 20
    assert np.abs(angles).max() < 46
    assert np.allclose(m["area"], PLAIN["area"], rtol=0.1)


def shifts(images):
    """The center moves in both directions by up to a tenth of 64 pixels; nothing else changes."""
    m = moments(images)
    for axis in "xy":
        moved = m[axis] - PLAIN[axis]
        assert moved.min() < -3
        assert moved.max() > 3
        assert np.abs(moved).max() < 6.6
    assert np.allclose(m["area"], PLAIN["area"], rtol=0.05)


def shears(images):
    """Axes are no longer perpendicular: covariance to either side, the area stays."""
    m = moments(images)
    assert m["vxy"].min() < -2
    assert m["vxy"].max() > 2
    assert np.allclose(m["area"], PLAIN["area"], rtol=0.1)


def zooms(images):
    """Both axes get larger and smaller, independently of each other."""
    m = moments(images)
    wide, high = (np.sqrt(m[v] / PLAIN[v]) for v in ("vxx", "vyy"))
    for scale in (wide, high):
        assert scale.min() < 0.9
        assert scale.max() > 1.1
    assert abs(np.corrcoef(wide, high)[0, 1]) < 0.5


def mirrors(images):
    """About half are the mirror image, the others are unchanged."""
    mirrored = scene().flip(3)
    is_mirrored = (images - mirrored).abs().amax((1, 2, 3)) < 0.01
    assert 16 < int(is_mirrored.sum()) < 48
    assert torch.equal(is_mirrored, changed(images))


def shrinks(images):
    """Some shrink, on black or white ground; none grows."""
    edges = torch.stack([images[:, 0, 0, 32], images[:, 0, 32, 0]])
    small = changed(images)
    assert 8 < int(small.sum()) < 40
    grounds = edges[:, small].amax(0), edges[:, small].amin(0)
    assert (grounds[1] < 0.05).any()
    assert (grounds[0] > 0.95).any()


def crops(images):
    """Some show the middle enlarged; no ground appears."""
    m = moments(images)
    larger = changed(images)
    assert 5 < int(larger.sum()) < 40
    assert (m["area"][larger.numpy()] > PLAIN["area"]).all()
    assert m["area"][larger.numpy()].mean() > PLAIN["area"] * 1.2
    assert images.min() > 0.25


def burns_in_text(images):
    """Blocks of at most 8 x 27 pixels change; elsewhere the image stays."""
    difference = (images - scene()).abs()[:, 0] > 1e-4
    chosen = difference.any(2).any(1)
    assert 16 < int(chosen.sum()) < 48
    for mask in difference[chosen]:
        rows, columns = torch.nonzero(mask.any(1)).flatten(), torch.nonzero(mask.any(0)).flatten()
        assert int(rows.max() - rows.min()) < 8
        assert int(columns.max() - columns.min()) < 27


def alters_photometry(images):
    """Gray levels change, edges stay where they are; contrast falls in most."""
    chosen = changed(images) | ((images - scene()).abs().amax((1, 2, 3)) > 0)
    assert int(chosen.sum()) > 32
    inside, outside = (
        images[:, 0, 24:40, 20:26].mean((1, 2)),
        images[:, 0, 50:60, 40:60].mean((1, 2)),
    )
    assert (inside >= outside - 0.02).all()
    assert ((inside - outside) < 0.55).float().mean() > 0.4
    spread = (inside - outside).std()
    assert spread > 0.05


def inverts(images):
    """About a third is exactly 1 minus the image, the others are unchanged."""
    inverted = (images - (1 - scene())).abs().amax((1, 2, 3)) == 0
    assert 8 < int(inverted.sum()) < 36
    assert torch.equal(images[~inverted], scene()[~inverted])


def turns(images):
    """Each image is one of the four quarter turns of the scene, each about as often."""
    often = [int((images == scene().rot90(k, (2, 3))).all(3).all(2).sum()) for k in range(4)]
    assert sum(often) == N
    assert min(often) > 4


def fills_the_range(images):
    """The darkest gray level becomes 0, the brightest 1, the others stay in proportion."""
    torch.testing.assert_close(images, (scene() - 0.3) / 0.6)


def alters_tone(images):
    """About three in ten change; shading runs either way; edges stay where they are."""
    part = images[(images != scene()).any(3).any(2).any(1), 0]
    assert 8 < len(part) < 32
    assert (part[:, 24:40, 17:29].mean((1, 2)) > part[:, 24:40, 32:36].mean((1, 2))).all()
    slope = part[:, 5:15, 56:].mean((1, 2)) - part[:, 5:15, :8].mean((1, 2))
    assert slope.min() < -0.1
    assert slope.max() > 0.1


def every_copy(image: torch.Tensor, seed: int = 0, **settings) -> torch.Tensor:
    """256 altered copies of an image (64, 64)."""
    images = image.expand(256, 1, 64, 64).clone()
    return augment(images, replace(NONE, **settings), torch.Generator().manual_seed(seed))[0][:, 0]


def test_tone_bends_the_curve_about_its_middle():
    for level, (lowest, highest) in ((0.25, (0.16, 0.37)), (0.5, (0.5, 0.5)), (0.75, (0.63, 0.84))):
        middle = every_copy(torch.full((64, 64), level), tone=1.0)[:, 31:33, 31:33].mean((1, 2))
        assert float(middle.min()) == pytest.approx(lowest, abs=0.02)
        assert float(middle.max()) == pytest.approx(highest, abs=0.02)


def test_tone_strengthens_and_weakens_detail():
    stripes = torch.full((64, 64), 0.45)
    stripes[:, ::2] = 0.55
    images = every_copy(stripes, tone=1.0)[:, :, 28:36]
    contrast = (images[:, :, ::2] - images[:, :, 1::2]).mean((1, 2)) / 0.1
    assert float(contrast.min()) < 0.5
    assert float(contrast.max()) > 2
    assert abs(float(contrast.log().mean())) < 0.2


def photometric(image: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """256 copies of an image (64, 64), photometry altered in all."""
    return every_copy(image, seed, photometric=1.0)


def is_noisy(images: torch.Tensor) -> torch.Tensor:
    """(n,) whether a region that was flat is not."""
    return images[:, 50:62, 40:60].std((1, 2)) > 0.002


def test_photometry_adds_noise_to_three_in_ten():
    noisy = photometric(torch.full((64, 64), 0.5))
    share = float(is_noisy(noisy).float().mean())
    assert 0.2 < share < 0.4
    assert 0.05 < float(noisy[:, 50:62, 40:60].std((1, 2)).max()) < 0.15


def test_photometry_blurs_one_in_five():
    """Over 3, 5 or 7 pixels, of which one changes from one mean to the next."""
    image = torch.full((64, 64), 0.2)
    image[:, :32] = 0.8
    widths = set()
    for seed in range(8):
        images = photometric(image, seed)
        contrast = images[:, 10, 10] - images[:, 10, 50]
        clear = ~is_noisy(images) & (contrast > 0.1)
        sharpness = ((images[:, 10, 31] - images[:, 10, 32]) / contrast)[clear]
        blurred = sharpness < 0.5
        assert 0.1 < float(blurred.float().mean()) < 0.3
        assert (sharpness[~blurred] - 1).abs().max() < 0.05
        (width,) = set((1 / sharpness[blurred]).round().tolist())
        assert (sharpness[blurred] * width - 1).abs().max() < 0.05
        widths.add(width)
    assert widths == {3, 5, 7}


def test_photometry_changes_gamma_and_brightness():
    image = torch.zeros(64, 64)
    image[:20], image[20:40] = 0.5, 0.9
    images = photometric(image)
    low, middle, high = images[:, 50, 30], images[:, 10, 30], images[:, 30, 30]
    usable = ~is_noisy(images) & (high - low > 0.1) & (high < 0.999)
    ratio = ((middle - low) / (high - low))[usable]  # contrast and brightness do not change it
    assert float(ratio.min()) < 0.4
    assert float(ratio.max()) > 0.7
    assert float(low[usable].max()) > 0.4  # what was black is gray


TABLE = {
    "rotation": ({"rotation": 45.0}, rotates),
    "shift": ({"shift": 0.1}, shifts),
    "shear": ({"shear": 0.2}, shears),
    "zoom": ({"zoom": 0.2}, zooms),
    "mirror": ({"mirror": 0.5}, mirrors),
    "zoom_out": ({"zoom_out": 0.35}, shrinks),
    "zoom_in": ({"zoom_in": 0.35}, crops),
    "text": ({"text": 0.5}, burns_in_text),
    "photometric": ({"photometric": 0.8}, alters_photometry),
    "tone": ({"tone": 0.3}, alters_tone),
    "invert": ({"invert": 0.3}, inverts),
    "quarter_turns": ({"quarter_turns": 1.0}, turns),
    "full_range": ({"full_range": True}, fills_the_range),
}


@pytest.mark.parametrize("name", TABLE)
def test_an_augmentation_does_what_its_name_says(name):
    settings, check = TABLE[name]
    check(altered(**settings))


def test_the_table_has_every_augmentation():
    assert set(TABLE) | {"black_fill"} == {field.name for field in fields(Augmentation)}


@pytest.mark.parametrize(("share", "ground"), [(1.0, 0.0), (0.0, 0.3)])
def test_what_moves_in_is_black_or_the_border(share, ground):
    images = altered(rotation=45.0, black_fill=share)
    assert float(images.amin()) == pytest.approx(ground, abs=1e-4)


def test_nothing_changes_where_all_is_switched_off():
    assert torch.equal(altered(), scene())


def test_the_pose_that_comes_out_is_that_of_the_image():
    """As many quarter turns clockwise as it says make the image upright again."""
    augmentation = replace(NONE, quarter_turns=0.7, invert=0.5)
    images, pose = augment(scene(), augmentation, torch.Generator().manual_seed(0))
    for image, count, inverted in zip(
        images[:, 0], pose.turns.tolist(), pose.inverted.tolist(), strict=True
    ):
        upright = image.rot90(-count)
        torch.testing.assert_close(1 - upright if inverted else upright, scene()[0, 0])
    assert 0.4 < float((pose.turns > 0).float().mean()) < 0.7  # 0.7 are turned, a quarter by 0
    assert 0.3 < float(pose.inverted.float().mean()) < 0.7


def test_a_flat_image_stays_flat_over_the_full_range():
    flat = torch.full((2, 1, 4, 4), 0.5)
    assert torch.equal(to_full_range(flat), torch.zeros(2, 1, 4, 4))


def test_text_has_the_same_share_of_a_larger_image():
    images = torch.full((200, 1, 96, 96), 0.3)
    made, _ = augment(images, replace(NONE, text=1.0), torch.Generator().manual_seed(0))
    difference = (made != images)[:, 0]
    heights, widths = (difference.any(axis).sum(1) for axis in (2, 1))
    assert 10 <= int(heights.max()) <= 12  # of 64 pixels 8, of 96 half as many again
    assert 36 <= int(widths.max()) <= 40


@pytest.mark.parametrize(
    "augmentation",
    [MULTI_TASK_AUGMENTATION, FULL_AUGMENTATION, PAPER_AUGMENTATION, Augmentation()],
    ids=["multi-task", "full", "paper", "default"],
)
def test_augmented_images_keep_shape_and_range(augmentation):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(64, 1, 64, 64, generator=generator)
    before = images.clone()
    made, _ = augment(images, augmentation, generator)
    assert made.shape == images.shape
    assert made.min() >= 0
    assert made.max() <= 1 + 1e-6
    assert torch.equal(images, before)
    assert not torch.equal(made, images)


GEOMETRY = {"rotation", "shift", "shear", "zoom", "mirror"}
EVERYTHING = {field.name for field in fields(Augmentation)}
SWITCHED_ON = {**dict.fromkeys(PRESETS, EVERYTHING), "paper": GEOMETRY}


@pytest.mark.parametrize("preset", PRESETS)
def test_recipes_switch_augmentations_on(preset):
    """A network that names orientation and polarity sees all of them; the paper's sees neither."""
    augmentation = PRESETS[preset].recipe.main.augmentation
    on = {f.name for f in fields(Augmentation) if getattr(augmentation, f.name) > 0}
    assert on == SWITCHED_ON[preset]
    assert augmentation.rotation == (45 if preset == "paper" else 22)
    assert augmentation.quarter_turns in (0, 1)
