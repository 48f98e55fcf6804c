"""The tools that cxrview is compared with, as functions of a path.

Each follows the documentation of its library and does no more; all run on one thread.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType

import gdcm
import numpy as np
import openjpeg
import pydicom
import torch
from monai.networks.nets import resnet50
from PIL import Image
from pydicom.encaps import get_frame
from torch import Tensor, nn

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NATIVE_SIDE = 224  # pixels, of ViewModel's input
RESNET50_PARAMETERS = 25_557_032

Peer = Callable[[Path], object]


def pillow_draft(path: Path) -> Image.Image:
    """JPEG -> grey pixels at the lowest resolution that leaves 256: decoding only."""
    with Image.open(path) as image:
        image.draft("L", (256, 256))
        image.load()
        return image


def pydicom_pixels(path: Path) -> np.ndarray:
    """DICOM -> all pixels, by the interface that pydicom documents."""
    return pydicom.dcmread(path).pixel_array


def openjpeg_pixels(path: Path) -> np.ndarray:
    """JPEG 2000 or HTJ2K in DICOM -> all pixels, by the decoder of pylibjpeg-openjpeg."""
    return openjpeg.decode(get_frame(pydicom.dcmread(path).PixelData, 0, number_of_frames=1))


def gdcm_pixels(path: Path) -> str:
    """DICOM -> all pixels, by the reader of GDCM; GetBuffer passes them to Python."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    if not reader.Read():
        raise ValueError(f"GDCM cannot read {path.name}")
    return reader.GetImage().GetBuffer()


def imagenet_resnet50() -> nn.Module:
    """The ResNet-50 that torchvision builds, by MONAI; its random weights take the same time."""
    net = resnet50(
        spatial_dims=2, n_input_channels=3, num_classes=1000,
        conv1_t_size=7, conv1_t_stride=2, shortcut_type="B", bias_downsample=False,
    )  # fmt: skip
    count = sum(parameter.numel() for parameter in net.parameters())
    if count != RESNET50_PARAMETERS:
        raise ValueError(f"{count} parameters are no ResNet-50")
    return net.eval()


class Normalize:
    """torchvision.transforms.Normalize for one batch of pictures (n, 3, h, w)."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        self.mean = torch.tensor(mean)[:, None, None]
        self.std = torch.tensor(std)[:, None, None]

    def __call__(self, pictures: Tensor) -> Tensor:
        """Return the normalised batch."""
        return (pictures - self.mean) / self.std


@contextmanager
def torchvision_stand_in() -> Iterator[None]:
    """Let torchxrayvision be imported where torchvision is not installed or does not load.

    It imports the names `models` and `transforms`, and uses neither in what is timed here, except
    `Normalize`, which is defined above. If torchvision can be imported, it is used.
    """
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        package = ModuleType("torchvision")
        parts = {name: ModuleType(f"torchvision.{name}") for name in ("models", "transforms")}
        vars(package).update(parts)
        stand_ins = {"torchvision": package, **{part.__name__: part for part in parts.values()}}
        sys.modules.update(stand_ins)
        yield
        for name in stand_ins:
            del sys.modules[name]
    else:
        yield


class TorchXRayVision:
    """JPEG -> logits of frontal and lateral, by the pipeline that its documentation shows."""

    def __init__(self) -> None:
        with torchvision_stand_in():
            import torchxrayvision as xrv
        view_model = xrv.baseline_models.xinario.ViewModel

        class RandomViewModel(view_model):  # its own `forward`, without its download of weights
            def __init__(self) -> None:
                nn.Module.__init__(self)
                self.model = imagenet_resnet50()
                self.norm = Normalize(IMAGENET_MEAN, IMAGENET_STD)

        self.version: str = xrv.__version__
        self._load = xrv.utils.load_image
        self._crop = xrv.datasets.XRayCenterCrop()
        self._resize = xrv.datasets.XRayResizer(NATIVE_SIDE)
        self._model = RandomViewModel().eval()

    @property
    def steps(self) -> dict[str, Callable]:
        """Its four steps in order; each takes what the one before returned."""
        return {
            "load_image": lambda path: self._load(str(path)),
            "XRayCenterCrop": self._crop,
            "XRayResizer(224)": self._resize,
            "ViewModel": lambda picture: self._predict(picture[None]),
        }

    def _predict(self, pictures: np.ndarray) -> Tensor:
        with torch.inference_mode():
            return self._model(torch.from_numpy(pictures))

    def batch(self, paths: Sequence[Path]) -> Tensor:
        """Process a batch: load and resize each, stack, one call of the model."""
        pictures = [self._resize(self._crop(self._load(str(path)))) for path in paths]
        return self._predict(np.stack(pictures))

    def __call__(self, path: Path) -> Tensor:
        """Take all steps."""
        value: object = path
        for step in self.steps.values():
            value = step(value)
        return value

    def without_resizer(self, path: Path) -> Tensor:
        """Let the model resize the image itself, which is faster and gives other pixels."""
        with redirect_stdout(sys.stderr):  # it prints a warning once
            return self._predict(self._crop(self._load(str(path)))[None])
