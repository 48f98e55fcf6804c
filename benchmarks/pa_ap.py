"""How well PA and AP are told apart on sources that were not trained on.

    python benchmarks/pa_ap.py MODEL

MODEL: the file of a multi-task model. A logistic regression on the last features of its network
(mean and maximum of each channel) learns the column `original_view` of CXRVIEW_DATA/cxr/labels.csv
(else ../shared/data): PA against AP, standing or supine. Each source that has both is left out in
turn; a source with AP alone only trains. Prints one line per source left out, with 95 % intervals.
"""

import csv
import os
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cxrview.metrics.classification import Share
from cxrview.model.classifier import load
from cxrview.model.preprocess import preprocess
from cxrview.readers.decode import decode
from cxrview.training.export import load_network

FOLDER = Path(os.environ.get("CXRVIEW_DATA", "../shared/data")) / "cxr"
PROJECTIONS = {"PA": 0, "AP": 1, "AP SUPINE": 1}


def frontals() -> list[dict[str, str]]:
    with (FOLDER / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["view"] == "frontal"]
    return [row for row in rows if row["original_view"].upper() in PROJECTIONS]


def features(model: str, rows: list[dict[str, str]]) -> np.ndarray:
    """Return (n, features) float32: what the last layer of the network receives."""
    classifier = load(model)
    network = load_network(classifier.content, classifier.card)
    (method,) = classifier.card.preprocessing
    found = []
    last = network.layer_modules["logits"]
    last.register_forward_hook(lambda _module, inputs, _output: found.append(inputs[0]))
    for row in rows:
        with (FOLDER / row["file"]).open("rb") as stream:
            image = preprocess(decode(stream), method).images[method]
        with torch.inference_mode():
            network(torch.from_numpy(image)[None, None])
    return torch.cat(found).numpy()


def main() -> None:
    rows = frontals()
    known, sources = features(sys.argv[1], rows), np.array([row["source"] for row in rows])
    is_ap = np.array([PROJECTIONS[row["original_view"].upper()] for row in rows])
    print(
        f"{len(rows)} frontals: {dict(Counter(zip(sources.tolist(), is_ap.tolist(), strict=True)))}"
    )
    for source in sorted(set(sources)):
        held = sources == source
        if len(set(is_ap[held])) < 2:
            continue
        regression = LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000)
        fitted = make_pipeline(StandardScaler(), regression).fit(known[~held], is_ap[~held])
        right = fitted.predict(known[held]) == is_ap[held]
        for name, mask in (("PA", is_ap[held] == 0), ("AP", is_ap[held] == 1)):
            share = Share(int(right[mask].sum()), int(mask.sum()))
            low, high = share.interval
            print(f"{source} left out, {name}: {share.hits} of {share.total} right, "
                  f"{share.value:.1%} ({low:.1%} - {high:.1%})")  # fmt: skip


if __name__ == "__main__":
    main()
