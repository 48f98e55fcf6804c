"""The page of a training: confusion matrix, misclassified images, curves."""

import re
from dataclasses import replace

import numpy as np
import pytest

from cxrview.model.card import CardMetric
from cxrview.report.charts import draw_chart
from cxrview.report.content import LineChart, Series, Table
from cxrview.training.callbacks import EpochMetrics
from cxrview.training.page import TrainingReport, misclassified, training_page
from cxrview.training.recipe import DEFAULT_RECIPE
from cxrview.training.results import Measured
from cxrview.training.run import plain_card
from cxrview.training.trainer import TrainResult
from cxrview.views import Verdict, decide
from makers_networks import image_list, network

# of six images, the first and the fourth lateral: P(lateral), P(chest)
PREDICTIONS = [(0.99, 0.9), (0.6, 0.9), (0.01, 0.1), (0.2, 0.9), (0.3, 0.9), (0.97, 0.9)]
CARD = plain_card(DEFAULT_RECIPE, 0)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    images = image_list(tmp_path_factory.mktemp("images"), 6)
    return Measured(images, np.array(PREDICTIONS), "validation images")


def report(measured, metrics=()):
    history = (EpochMetrics(1, 0.5, 0.9),)
    card = replace(CARD, metrics=metrics)
    return TrainingReport(
        card=card, images=Table(("part", "number"), (("training", "3"),)), measured=measured,
        result=TrainResult(network(0), history, 1), recipe="steps = 3\n",
        environment={"torch": "2.13"}, introduction=("trained on 3 frontal", "one more sentence"),
    )  # fmt: skip


def test_misclassified_images_have_the_surest_wrong_answer_first(measured):
    verdicts = [decide(p, c, CARD.thresholds) for p, c in PREDICTIONS]
    assert verdicts[2] is Verdict.NOT_CHEST
    assert misclassified(measured, verdicts) == [5, 2, 3, 1]  # 4 is undecided, not wrong


def test_the_page_shows_what_was_held_out(measured):
    metric = CardMetric("accuracy, validation images", 0.5, 0.2, 0.8, "3 of 6")
    page = training_page(report(measured, (metric,)))
    rows = " ".join(page.split())
    for words in ("Confusion matrix", "Misclassified images", "4 of 4 shown", "5.png",
                  "labelled frontal", "P(lateral) 0.970, P(chest) 0.900", "3 of 6", "steps = 3",
                  "<p>trained on 3 frontal</p>", "<p>one more sentence</p>", "2.13",
                  "store this page"):  # fmt: skip
        assert words in rows
    assert page.count("data:image/png;base64,") == 4
    assert page.index("5.png") < page.index("2.png") < page.index("3.png") < page.index("1.png")
    cells = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", page[page.index("Confusion matrix") :])
    assert cells[:15] == [
        "label", "frontal", "lateral", "uncertain", "not_chest",
        "frontal", "0", "1", "2", "1",
        "lateral", "0", "1", "1", "0",
    ]  # fmt: skip


def test_a_model_that_does_not_compute_p_chest_shows_none(measured):
    shown = report(measured)
    page = training_page(replace(shown, card=replace(shown.card, has_gate=False)))
    assert "P(lateral) 0.970" in page
    assert "P(chest) 0" not in page


def test_without_held_out_images_the_page_says_so(measured):
    nothing = replace(measured, images=measured.images.select(np.zeros(6, np.bool_)),
                      predictions=np.zeros((0, 2)))  # fmt: skip
    for one in (nothing, None):
        page = training_page(report(one))
        assert "nothing was measured" in page
        assert "Confusion matrix" not in page


@pytest.mark.parametrize(("count", "has_marks"), [(1, True), (20, True), (21, False)])
def test_few_epochs_are_drawn_as_points(count, has_marks):
    series = Series("training", list(range(count)), [0.5] * count)
    chart = LineChart(title="Loss", x_label="epoch", y_label="loss", series=(series,))
    without = replace(chart, series=(replace(series, x=[], y=[]),))
    drawn, empty = (draw_chart(one).count(b"<use ") for one in (chart, without))
    assert (drawn - empty >= count) == has_marks
