"""Page -> one HTML file that needs nothing from outside and runs nothing."""

import io
from typing import Literal

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from cxrview.report.charts import draw_chart
from cxrview.report.content import BarChart, Chart, Histogram, LineChart, Page, data_uri

JPEG_QUALITY = 82


def image_uri(pixels: npt.NDArray[np.uint8], kind: Literal["jpeg", "png"]) -> str:
    """Pixels (h, w) as the source of an image in a page."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, quality=JPEG_QUALITY)  # which PNG ignores
    return data_uri(file.getvalue(), f"image/{kind}")


def chart_uri(chart: Chart) -> str:
    """The chart as SVG in a data URI, so that its styles and identifiers stay its own."""
    return data_uri(draw_chart(chart), "image/svg+xml")


def alternative_text(chart: Chart) -> str:
    """What a screen reader reads instead of the chart."""
    match chart:
        case LineChart():
            return f"{chart.title}: {chart.y_label} against {chart.x_label}"
        case BarChart():
            bars = "; ".join(f"{bar.name}: {bar.text}" for bar in chart.bars)
            return f"{chart.title}, {chart.axis_label}: {bars}"
        case Histogram():
            return f"{chart.title}: number of images by {chart.axis_label}"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("cxrview.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "kind": lambda block: type(block).__name__,
        "chart_uri": chart_uri,
        "alternative_text": alternative_text,
    }
    return environment


ENVIRONMENT = _environment()


def html_page(page: Page) -> str:
    """The page as a complete HTML document. Every text is escaped."""
    return ENVIRONMENT.get_template("page.html").render(page=page)
