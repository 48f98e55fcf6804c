"""Time from a key on the label page until the next radiograph is there, in Chromium.

python benchmarks/label_keys.py --images 60

Draws one phantom, writes it as uncompressed DICOM files of 2544 x 3056 pixels (12 bits in 16, with
other noise each), labels them one after the other and prints the median and the 95th percentile.
"""

import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright
from pydicom import dcmread

from cxrview.phantom.folder import FolderContents, write_folder

ROWS, COLUMNS = 3056, 2544
WATCH = """
() => {
  window.waits = [];
  addEventListener("keydown", () => { window.pressed = performance.now(); }, { capture: true });
  const viewer = document.getElementById("viewer");
  new MutationObserver(() => {
    if (viewer.dataset.image) waits.push(performance.now() - pressed);
  }).observe(viewer, { attributeFilter: ["data-image"] });
}
"""
REQUESTS = """
() => performance.getEntriesByType("resource").filter((one) => one.name.endsWith("/api/label"))
  .map((one) => one.responseEnd - one.requestStart)
"""


def write_films(folder: Path, count: int) -> None:
    """DICOM files of ROWS x COLUMNS pixels."""
    write_folder(folder / "phantom", FolderContents(4))
    source = dcmread(next(iter(sorted((folder / "phantom").glob("*.dcm")))))
    small = source.pixel_array.astype(np.float32)
    rows = np.arange(ROWS) * small.shape[0] // ROWS
    columns = np.arange(COLUMNS) * small.shape[1] // COLUMNS
    large = small[rows][:, columns] / small.max() * 4000
    rng = np.random.default_rng(0)
    source.Rows, source.Columns = ROWS, COLUMNS
    source.BitsAllocated, source.BitsStored, source.HighBit = 16, 12, 11
    (folder / "films").mkdir()
    for number in range(count):
        noisy = large + rng.integers(0, 90, large.shape)
        source.PixelData = noisy.astype(np.uint16).tobytes()
        source.SOPInstanceUID = source.file_meta.MediaStorageSOPInstanceUID = f"2.25.{number + 1}"
        source.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        source.save_as(folder / "films" / f"{number:04}.dcm")


def label_all(page: Page, count: int, pause: float) -> tuple[list[float], list[float]]:
    """Label `count` images, each after `pause` seconds -> milliseconds: waits, requests."""
    page.wait_for_selector("#viewer[data-image]")
    page.evaluate(WATCH)
    for _ in range(count):
        image = page.get_attribute("#viewer", "data-image")
        page.wait_for_timeout(1000 * pause)
        page.keyboard.press("f")
        page.wait_for_selector(f"#viewer[data-image]:not([data-image='{image}'])")
    return page.evaluate("() => waits"), page.evaluate(REQUESTS)


@contextlib.contextmanager
def opened(folder: Path, *words: str) -> Iterator[tuple[Page, int, float]]:
    """Start a command that serves pages -> page in Chromium, process id, time of the start."""
    command = [sys.executable, "-m", "cxrview", *words, "--no-browser"]
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        start = time.perf_counter()
        server = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
        lines = iter(server.stderr.readline, "")
        page.goto(next(m[0] for line in lines if (m := re.search(r"http://\S+", line))))
        try:
            yield page, server.pid, start
        finally:
            browser.close()
            server.terminate()
            server.communicate()


def report_load() -> None:
    """Print how busy the machine is."""
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


def report(name: str, milliseconds: list[float]) -> None:
    """Print median and 95th percentile."""
    ordered = sorted(milliseconds)
    high = ordered[round(0.95 * (len(ordered) - 1))]
    print(f"{name}: median {statistics.median(ordered):.0f} ms, 95th percentile {high:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--pause", type=float, default=0.7, help="seconds of a look at an image")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_films(Path(name), options.images)
        with opened(Path(name), "label", "films") as (page, *_):
            waits, requests = label_all(page, options.images - 1, options.pause)
    report(f"{len(waits)} keys, until the next image is on the page", waits)
    report("of these the server, until the label is on the disk", requests)
    report_load()


if __name__ == "__main__":
    main()
