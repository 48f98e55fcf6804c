"""The default number of workers respects the affinity mask and the CPU quota of the cgroup."""

import os

import pytest

from cxrview.engines.local import available_processors

V1 = "11:cpuset:/\n4:cpu,cpuacct:{0}\n1:name=systemd:{0}\n"
CASES = {  # name: (/proc/self/cgroup, files below /sys/fs/cgroup, processors of 16)
    "no cgroup": ("", {}, 16),
    "v2 without a quota": ("0::/\n", {"cpu.max": "max 100000\n"}, 16),
    "v2 with a quota": ("0::/\n", {"cpu.max": "400000 100000\n"}, 4),
    "v2, a fraction counts as one": ("0::/\n", {"cpu.max": "250000 100000\n"}, 3),
    "v2, less than one": ("0::/\n", {"cpu.max": "20000 100000\n"}, 1),
    "v2, more than the mask": ("0::/\n", {"cpu.max": "9900000 100000\n"}, 16),
    "v2 in a slice": ("0::/a.slice/job\n", {"a.slice/job/cpu.max": "200000 100000\n"}, 2),
    "v2 in a parent": (
        "0::/a.slice/job\n",
        {"a.slice/job/cpu.max": "max 100000\n", "a.slice/cpu.max": "500000 100000\n"},
        5,
    ),
    "v2, path of the host": ("0::/docker/abc\n", {"cpu.max": "300000 100000\n"}, 3),
    "v1": (
        V1.format("/docker/abc"),
        {"cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "600000\n",
         "cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n"},
        6,
    ),
    "v1, mounted as cpu, path of the host": (
        V1.format("/docker/abc"),
        {"cpu/cpu.cfs_quota_us": "150000\n", "cpu/cpu.cfs_period_us": "50000\n"},
        3,
    ),
    "v1 without a quota": (
        V1.format("/"),
        {"cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"},
        16,
    ),
    "nonsense": ("0::\nx\n:::\n", {"cpu.max": "0 0\n"}, 16),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_quota_of_the_cgroup(tmp_path, monkeypatch, name):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    membership, files, expected = CASES[name]
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(membership)
    for file, text in files.items():
        path = tmp_path / "sys/fs/cgroup" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert available_processors(tmp_path) == expected


def test_the_affinity_mask_without_any_cgroup(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert available_processors(tmp_path) == 2
    assert available_processors() in (1, 2)
