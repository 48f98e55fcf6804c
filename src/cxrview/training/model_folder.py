"""A trained network and its report -> the files that train and extend leave in a run's folder."""

from cxrview.model.classifier import Classifier
from cxrview.report.charts import draw_sheet
from cxrview.training.checkpoint import RunFolder
from cxrview.training.export import CHECK_IMAGE_COUNT, export_checked
from cxrview.training.image_list import ImageList
from cxrview.training.page import TrainingReport, training_charts, training_page
from cxrview.training.tables import history_csv

REPORT_FILE = "report.html"


def write_model(folder: RunFolder, report: TrainingReport, images: ImageList) -> Classifier:
    """Export the model, write what both commands write beside it, and remove the run's state.

    images: on some of which the exported model is checked; at least one. The model file comes last:
    a folder that has it is complete. Raises UnusableOutput.
    """
    card = report.card
    (method,) = card.preprocessing
    some = images.cache.images[method][images.rows[:CHECK_IMAGE_COUNT]]
    classifier = export_checked(report.result.network, card, some)
    folder.write("history.csv", history_csv(report.result.history))
    for kind in ("png", "svg"):
        content = draw_sheet(training_charts(report.result), "Training", kind)
        folder.write(f"curves.{kind}", content)
    folder.write("card.json", card.to_json())
    folder.write(REPORT_FILE, training_page(report))
    folder.write(folder.model.name, classifier.content)
    folder.remove_state()
    return classifier
