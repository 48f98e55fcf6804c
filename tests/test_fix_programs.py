"""`cxrview fix`: what other programs say about its copies: dciodvfy, DCMTK and Orthanc."""

import contextlib
import json
import os
import shutil
import socket
import subprocess

import httpx2
import numpy as np
import pytest
from PIL import Image

from cxrview import __version__
from cxrview.phantom.dicom_object import HEADER_QUOTA, PhantomIdentity, dicom_object, stated_view_of
from cxrview.phantom.draw import draw_one
from cxrview.phantom.encodings import quantize
from cxrview.views import View
from makers_dicom import DICOM, FILES, PHANTOMS, corrected, read
from waiting import HANGING, wait_until

CODE = "399067008"  # lateral
PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))  # Debian's Orthanc is there
EACH_FILE = pytest.mark.parametrize("data", FILES.values(), ids=FILES)
NOT_DECODED = {"dicom jpeg 2000", "dicom htj2k"}  # by Orthanc without plug-ins


def program(name: str, package: str) -> str:
    """The path of a program; skips the test where it is absent."""
    path = shutil.which(name, path=PATH)
    if path is None:
        pytest.skip(f"{name} (Debian package {package}) is absent")
    return path


def copy_of(data: bytes) -> bytes:
    return corrected(data, View.LATERAL).content


@EACH_FILE
def test_dcmtk_reads_the_copies(tmp_path, data):
    """It finds the new tags, and complains about nothing in the whole file."""
    path = tmp_path / "copy.dcm"
    path.write_bytes(copy_of(data))
    command = [program("dcmdump", "dcmtk"), "+L", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for expected in (CODE, "109103", "121322", read(data).SOPInstanceUID):
        assert f"[{expected}]" in done.stdout
    assert "ViewPosition" in done.stdout
    assert "[PA]" not in done.stdout


def errors_of(tmp_path, data: bytes) -> set[str]:
    """The errors that dciodvfy finds in a file."""
    checker, converter = program("dciodvfy", "dicom3tools"), program("dcmconv", "dcmtk")
    path, plain = tmp_path / "file.dcm", tmp_path / "plain.dcm"
    # It does not know HTJ2K: the transfer syntax JPEG 2000, padded to its length, stands for it.
    path.write_bytes(data.replace(b"1.2.840.10008.1.2.4.201", b"1.2.840.10008.1.2.4.90\0"))
    if read(data).file_meta.TransferSyntaxUID.is_deflated:  # nor does it inflate
        subprocess.run([converter, "+te", path, plain], check=True)
        path = plain
    done = subprocess.run([checker, path], capture_output=True, text=True, check=False)
    errors = {line for line in done.stderr.splitlines() if "Error" in line}
    assert bool(errors) == bool(done.returncode), done.stderr
    return errors


@pytest.mark.parametrize("data", PHANTOMS.values(), ids=PHANTOMS)
def test_dciodvfy_finds_no_error_in_phantoms_and_copies(tmp_path, data):
    assert not errors_of(tmp_path, data)
    assert not errors_of(tmp_path, copy_of(data))


def test_dciodvfy_finds_no_new_error_in_the_copy_of_a_file_with_few_elements(tmp_path):
    before, after = (
        errors_of(tmp_path, data) for data in (FILES["sparse"], copy_of(FILES["sparse"]))
    )
    assert after < before


def test_dciodvfy_finds_no_error_in_phantoms_with_any_tags(tmp_path):
    """Right, missing and wrong tags, in all encodings of a folder of phantoms."""
    for number in range(len(HEADER_QUOTA)):
        phantom, encoding = draw_one(3, number, 64, 1.0), DICOM[number % len(DICOM)]
        levels, stated = quantize(phantom.pixels, encoding.bits), stated_view_of(phantom, 3, number)
        data = dicom_object(levels, PhantomIdentity(3, number), stated, encoding, number)
        assert not errors_of(tmp_path, data), (number, stated, encoding.name)


def free_port() -> int:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    """A client of an Orthanc server of its own, which ends with the tests of this file."""
    path, folder = program("Orthanc", "orthanc"), tmp_path_factory.mktemp("orthanc")
    port = free_port()
    config = {
        "HttpPort": port, "StorageDirectory": str(folder), "IndexDirectory": str(folder),
        "DicomServerEnabled": False, "AuthenticationEnabled": False, "RemoteAccessAllowed": False,
        "Plugins": [], "LuaScripts": [], "Locale": "C",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    log = folder / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen([path, folder / "config.json"], stdout=file, stderr=file)
    client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=HANGING, trust_env=False)

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(httpx2.TransportError):
            return client.get("/system").is_success
        return False

    try:
        wait_until(answers)
        yield client
    finally:
        client.close()
        process.kill()  # nothing in its folder is needed any more
        process.wait()


def stored(orthanc: httpx2.Client, data: bytes) -> str:
    """The address of an uploaded file."""
    answer = orthanc.post("/instances", content=data)
    assert answer.is_success, answer.text
    return f"/instances/{answer.json()['ID']}"


@pytest.mark.xdist_group("orthanc")
@pytest.mark.parametrize("data", PHANTOMS.values(), ids=PHANTOMS)
def test_orthanc_reads_the_tags_of_the_copies(orthanc, data):
    copy, source = read(copy_of(data)), read(data)
    tags = orthanc.get(stored(orthanc, copy_of(data)) + "/simplified-tags").json()
    assert tags["ViewPosition"] == ""
    assert tags["PatientOrientation"] == "\\F"
    (view,) = tags["ViewCodeSequence"]
    assert (view["CodeValue"], view["CodingSchemeDesignator"]) == (CODE, "SCT")
    assert tags["SOPInstanceUID"] == copy.SOPInstanceUID != source.SOPInstanceUID
    (reference,) = tags["SourceImageSequence"]
    assert reference["ReferencedSOPInstanceUID"] == source.SOPInstanceUID
    assert reference["ReferencedSOPClassUID"] == source.SOPClassUID
    assert reference["PurposeOfReferenceCodeSequence"][0]["CodeValue"] == "121322"
    (equipment,) = tags["ContributingEquipmentSequence"]
    assert (equipment["Manufacturer"], equipment["SoftwareVersions"]) == ("cxrview", __version__)
    assert equipment["PurposeOfReferenceCodeSequence"][0]["CodeValue"] == "109103"


@pytest.mark.xdist_group("orthanc")
@pytest.mark.parametrize("name", PHANTOMS)
def test_orthanc_finds_the_same_pixels_in_the_copies(orthanc, tmp_path, name):
    source, copy = (stored(orthanc, data) for data in (PHANTOMS[name], copy_of(PHANTOMS[name])))
    for kind in ("raw", *(["image-uint16"] if name not in NOT_DECODED else [])):
        frames = [orthanc.get(f"{place}/frames/0/{kind}") for place in (source, copy)]
        assert all(frame.is_success for frame in frames)
        assert frames[0].content == frames[1].content
        assert len(frames[0].content) > 1000
    if name not in NOT_DECODED:
        (tmp_path / "frame.png").write_bytes(frames[0].content)
        decoded = np.asarray(Image.open(tmp_path / "frame.png"))
        ds = read(PHANTOMS[name])
        assert decoded.shape == (ds.Rows, ds.Columns)
        assert len(np.unique(decoded)) > 100
