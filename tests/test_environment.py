"""What a run says of its surroundings: our commit or none, and nobody's name."""

import os
import platform

from cxrview import __version__
from cxrview.training import config as module
from cxrview.training.config import environment, source_commit


def test_an_installed_package_has_no_commit_even_inside_another_tree(monkeypatch, tmp_path):
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(module, "SOURCE_FOLDER", tmp_path / "venv")
    assert source_commit() == f"unknown (installed package of version {__version__})"


def test_a_broken_tree_has_no_commit(monkeypatch, tmp_path):
    (tmp_path / ".git").write_text("gitdir: nowhere")
    monkeypatch.setattr(module, "SOURCE_FOLDER", tmp_path)
    assert source_commit() == f"unknown (installed package of version {__version__})"


def test_an_environment_names_versions_and_no_host():
    found = environment("cpu")
    assert found["device"] == "cpu"
    assert found["torch"].startswith("2.13")
    assert platform.node() not in found.values()


def test_a_system_without_an_affinity_mask_has_processors(monkeypatch):
    """As macOS."""
    monkeypatch.delattr(os, "sched_getaffinity")
    assert int(environment("cpu")["processors"]) >= 1
