"""DICOM files as other programs decode them; run by an interpreter in which those are installed.

    PYTHON benchmarks/other_decoders.py DECODER < paths

For each path on stdin one line on stdout: `ok` after writing the pixels of the first frame to
PATH.npy, else the name of the error. A process that dies is started again behind that path.
"""

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np


def by_pydicom(path: str) -> np.ndarray:
    """Decode by pydicom with every plugin that is installed: pylibjpeg, pyjpegls, GDCM."""
    import pydicom

    return pydicom.dcmread(path, force=True).pixel_array


def by_gdcm(path: str) -> np.ndarray:
    """GDCM's own reader of files."""
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(path)
    if not reader.Read():
        raise ValueError("GDCM cannot read the file")
    image = reader.GetImage()
    kinds = {gdcm.PixelFormat.UINT8: "u1", gdcm.PixelFormat.INT8: "i1",
             gdcm.PixelFormat.UINT16: "u2", gdcm.PixelFormat.INT16: "i2",
             gdcm.PixelFormat.UINT32: "u4", gdcm.PixelFormat.INT32: "i4",
             gdcm.PixelFormat.UINT12: "u2", gdcm.PixelFormat.INT12: "i2"}  # fmt: skip
    form = image.GetPixelFormat()
    kind = kinds[form.GetScalarType()]
    samples = form.GetSamplesPerPixel()
    data = image.GetBuffer().encode("utf-8", errors="surrogateescape")
    shape = (image.GetDimension(1), image.GetDimension(0), samples)
    frame = np.frombuffer(data, kind)[: int(np.prod(shape))]
    return frame.reshape(shape if samples > 1 else shape[:2])


def by_dcmtk(path: str) -> np.ndarray:
    """DCMTK's dcmj2pnm, from the lowest to the highest value."""
    from PIL import Image

    target = Path(f"{path}.pgm")
    command = ["dcmj2pnm", "+Wm", "+op", path, str(target)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    if done.returncode or not target.is_file():
        raise ValueError("dcmj2pnm fails")
    with Image.open(target) as image:
        return np.asarray(image)


DECODERS: dict[str, Callable[[str], np.ndarray]] = {
    "pydicom": by_pydicom, "GDCM": by_gdcm, "DCMTK": by_dcmtk,
}  # fmt: skip


def main() -> None:
    decode = DECODERS[sys.argv[1]]
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        path = line.strip()
        try:
            pixels = decode(path)
            while pixels.ndim > 3 or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
                pixels = pixels[0]
            np.save(f"{path}.npy", pixels)
            print("ok", flush=True)
        except Exception as error:  # whatever the other program raises
            print(type(error).__name__, flush=True)


if __name__ == "__main__":
    main()
