"""Equalised thumbnails -> 1-NN and logistic regression: what a net has to beat."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from cxrview.comparison.cost import FLOAT, Cost
from cxrview.comparison.course import Training
from cxrview.comparison.images import Lesson, Pictures

Numbers = npt.NDArray[np.float64]


def nearest() -> Any:
    """The view of the most similar film."""
    return KNeighborsClassifier(n_neighbors=1, algorithm="brute")


def logistic() -> Any:
    """A weight for each pixel, strongly held back; both views count the same."""
    return LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000)


def features(pictures: Pictures) -> npt.NDArray[np.float32]:
    """(n, side, side) 0 .. 255 -> (n, side * side) in [0, 1]."""
    return pictures.reshape(len(pictures), -1).astype(np.float32) / np.float32(255)


def kept(model: Any) -> int:
    """Numbers that a trained model consists of."""
    if isinstance(model, LogisticRegression):
        return int(model.coef_.size + model.intercept_.size)
    return int(model.n_samples_fit_ * model.n_features_in_)


def learn(model: Any, lesson: Lesson) -> tuple[Callable[[Pictures], Numbers], Cost, Training]:
    """Train on the pictures and their mirror images -> P(True) of pictures, cost, training."""
    begun = time.process_time()
    both = np.concatenate([lesson.pictures, lesson.pictures[:, :, ::-1]])
    model.fit(features(both), np.tile(lesson.classes, 2))
    training = Training(seconds=time.process_time() - begun, passes=1, wanted=1)
    size = kept(model)
    pixels = both.shape[1] * both.shape[2]
    cost = Cost(parameters=size, multiply_adds=size // pixels * pixels, stored=FLOAT * size)

    def judge(pictures: Pictures) -> Numbers:
        return np.asarray(model.predict_proba(features(pictures))[:, 1], np.float64)

    return judge, cost, training
