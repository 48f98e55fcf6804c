"""Rotation and polarity in eight poses: counted against the pose and the label table."""

from cxrview.evaluation.perturbations import PERTURBATIONS, POSES
from cxrview.evaluation.robustness import pose_results
from cxrview.labels import Label, read_labels
from cxrview.model.classifier import Prediction
from cxrview.views import View


def predicted(label, answer):
    """The label with a prediction under each perturbation; `answer`: pose -> its answers."""
    return label, {
        name: Prediction(0.0, 1.0, *(answer(*POSES[name]) if name in POSES else (None, None)))
        for name in PERTURBATIONS
    }


UPRIGHT = Label("a.png", View.FRONTAL, "p")
TURNED = Label("b.png", View.LATERAL, "q", rotation=270, inverted=True)


def test_all_eight_poses_are_counted():
    poses = pose_results([predicted(UPRIGHT, lambda degrees, inverted: (degrees, inverted))])
    assert {one.name for one in poses} == set(POSES)
    assert len(set(POSES.values())) == 8
    assert {(one.rotation.right, one.polarity.right) for one in poses} == {(1, 1)}


def test_the_label_table_says_how_an_image_lies():
    poses = pose_results([
        predicted(TURNED, lambda degrees, inverted: ((270 + degrees) % 360, not inverted))
    ])  # fmt: skip
    assert {(one.rotation.right, one.polarity.right) for one in poses} == {(1, 1)}


def test_the_worst_pose_comes_first():
    def answer(degrees, inverted):
        return (None if (degrees, inverted) == (90, True) else degrees), inverted

    worst = pose_results([predicted(UPRIGHT, answer), predicted(UPRIGHT, lambda *pose: pose)])[0]
    assert worst.name == "inverted, rotated by 90"
    assert (worst.rotation.right, worst.rotation.unsure, worst.polarity.right) == (1, 1, 2)


def test_a_model_without_these_answers_has_no_poses():
    assert pose_results([predicted(UPRIGHT, lambda *_: (None, None))]) == ()
    assert pose_results([]) == ()


def test_rotation_and_polarity_of_a_label_table(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("file,view,rotation,inverted\na,PA,90,True\nb,LL,,\nc,LL,180.0,0\n")
    found = [(one.rotation, one.inverted) for one in read_labels(table)]
    assert found == [(90, True), (0, False), (180, False)]
