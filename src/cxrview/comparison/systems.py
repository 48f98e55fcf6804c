"""The systems, one line each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from cxrview.comparison.builders import (
    alexnet_net,
    densenet121_net,
    paper_net,
    resnet50_net,
    resnet101_net,
    vgg16_net,
)
from cxrview.comparison.classics import logistic, nearest
from cxrview.comparison.learners import CHESTER, ClassicLearner, NetLearner
from cxrview.comparison.material import Preparation
from cxrview.errors import WrongUse
from cxrview.model.layers import SIDE
from cxrview.training.augment import FULL

THUMBNAIL = 32  # pixels


class Task(StrEnum):
    """What is told apart."""

    VIEW = "view"  # frontal, lateral
    GATE = "gate"  # chest film, anything else


@dataclass(frozen=True, slots=True)
class System:
    """One row of the comparison."""

    name: str
    title: str
    task: Task
    published: float | None  # millions of parameters, as its authors or the field report them
    way: str  # of preparing its pictures
    side: int | None  # of its pictures; None: as asked for
    learner: NetLearner | ClassicLearner
    source: str

    def preparation(self, side: int) -> Preparation:
        """Its pictures, where `side` is asked for."""
        return Preparation(self.way, self.side or side)


# At a rate of 0.001 a net without normalisation and with this many weights does not settle.
SLOW = 1e-4

SYSTEMS: tuple[System, ...] = (
    System("paper", "the paper's net", Task.VIEW, 0.105761, "squash", SIDE,
           NetLearner(build=paper_net), "Choe and Jo 2021"),
    System("alexnet", "AlexNet", Task.VIEW, 61.1, "squash", None,
           NetLearner(build=alexnet_net, rate=SLOW),
           "Krizhevsky et al. 2012; in one column, arXiv 1404.5997"),
    System("vgg16", "VGG16", Task.VIEW, 138.4, "squash", None,
           NetLearner(build=vgg16_net, rate=SLOW), "Simonyan and Zisserman, arXiv 1409.1556"),
    System("resnet50", "ResNet50", Task.VIEW, 25.6, "squash", None,
           NetLearner(build=resnet50_net), "He et al., arXiv 1512.03385"),
    System("resnet101", "ResNet101", Task.VIEW, 44.5, "squash", None,
           NetLearner(build=resnet101_net), "He et al., arXiv 1512.03385"),
    System("densenet121", "DenseNet121", Task.VIEW, 8.0, "squash", None,
           NetLearner(build=densenet121_net),
           "Huang et al., arXiv 1608.06993; for chest films CheXNet, arXiv 1711.05225"),
    System("nearest", "1-NN on thumbnails", Task.VIEW, None, "thumbnail", THUMBNAIL,
           ClassicLearner(make=nearest), "Cover and Hart 1967"),
    System("logistic", "logistic regression on thumbnails", Task.VIEW, None, "thumbnail", THUMBNAIL,
           ClassicLearner(make=logistic), "Cox 1958"),
    System("gate_net", "our gate: drawn negatives", Task.GATE, 0.105761, "framed", SIDE,
           NetLearner(build=paper_net, augmentation=replace(FULL, invert=0.2)), "this package"),
    System("autoencoder", "Chester's autoencoder", Task.GATE, 16.115872, "framed", SIDE,
           CHESTER, "Cohen et al., arXiv 1901.11210; sizes as in the released network"),
)  # fmt: skip

BY_NAME = {system.name: system for system in SYSTEMS}


def chosen(names: Sequence[str]) -> list[System]:
    """Names -> systems, in the table's order. Raises WrongUse, listing those known."""
    unknown = [name for name in names if name not in BY_NAME]
    if unknown or not names:
        what = f"no system {unknown[0]!r}" if unknown else "no system is named"
        raise WrongUse(f"{what}; known: {', '.join(BY_NAME)}")
    return [system for system in SYSTEMS if system.name in names]
