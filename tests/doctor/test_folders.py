"""Where things are kept."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flask_mlmonitor.doctor.places import NETWORK, file_system, in_container

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service
    from tests.doctor.conftest import Examine
from tests.disks import SmallDisk

MOUNTS = """\
22 1 0:20 / / rw,relatime shared:1 - overlay overlay rw,lowerdir=/x
23 22 0:21 / /data rw - nfs4 server:/export rw
24 23 0:22 / /data/local rw shared:2 master:1 - ext4 /dev/sda1 rw
25 22 0:23 / /two\\040words rw - tmpfs tmpfs rw
26 22 0:24 / /data2 rw - ext4 /dev/sdb1 rw
27 26 0:25 / /data2 rw - cifs //server/share rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "overlay"),
        ("/data", "nfs4"),
        ("/data/models/x", "nfs4"),
        ("/data/local/x", "ext4"),
        ("/data2/x", "cifs"),
        ("/data3", "overlay"),
        ("/two words/x", "tmpfs"),
    ],
)
def test_the_type_of_a_file_system(tmp_path: Path, path: str, kind: str) -> None:
    """The innermost mount counts, and of two on one point the later one."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)

    assert file_system(Path(path), mounts) == kind
    assert ({"nfs4", "cifs"} & {kind} <= NETWORK) is True


def test_the_file_systems_of_this_machine(tmp_path: Path, small_disk: SmallDisk) -> None:
    """As the kernel tells them; nothing where it does not."""
    assert file_system(small_disk.path / "folder" / "that is not there") == "tmpfs"
    assert file_system(Path("/proc/self")) == "proc"
    assert file_system(tmp_path, tmp_path / "missing") is None


@pytest.mark.parametrize(
    "mark", [".dockerenv", "run/.containerenv", "var/run/secrets/kubernetes.io"]
)
def test_a_container(tmp_path: Path, mark: str) -> None:
    """Docker, Podman and Kubernetes leave their marks."""
    assert not in_container(tmp_path)
    (tmp_path / mark).mkdir(parents=True)

    assert in_container(tmp_path)


def test_a_borrowed_folder(make_service: "MakeService", tmp_path: Path, found: "Examine") -> None:
    """The default one cannot be made: an error names the key, and where things are meanwhile."""
    (tmp_path / "instance").write_text("a file is in the folder's place")
    service = make_service(instance_path=tmp_path / "instance", TESTING=False)
    (finding,) = found(service, "data_folder")

    assert finding.level == "error"
    assert str(tmp_path / "instance") in finding.problem
    assert "MLMONITOR_DATA_DIR" in finding.remedy


def test_a_folder_that_became_a_file(
    patient: "Service", production: dict[str, Any], found: "Examine"
) -> None:
    """An error; and what could not be checked for that is no more than a finding."""
    Path(production["MLMONITOR_DATA_DIR"]).write_text("")
    (finding,) = found(patient, "data_folder")
    assert finding.level == "error"
    (failed,) = found(patient, "segments")

    assert "this could not be checked: NotADirectoryError" in failed.problem


def test_another_users_folder(
    patient: "Service", production: dict[str, Any], found: "Examine"
) -> None:
    """Who runs this as root learns that the app sees something else."""
    data = Path(production["MLMONITOR_DATA_DIR"])
    data.mkdir()
    assert found(patient, "data_folder") == []
    if os.geteuid() == 0:
        os.chown(data, 12345, -1)
        (finding,) = found(patient, "data_folder")
        assert finding.level == "info"


def test_a_small_disk(
    make_service: "MakeService", production: dict[str, Any], small_disk: SmallDisk, found: "Examine"
) -> None:
    """In memory, and nearly full."""
    config = {**production, "MLMONITOR_DATA_DIR": str(small_disk.path / "data")}
    service = make_service(**config)

    assert "(tmpfs)" in found(service, "file_systems")[0].problem
    assert "the disk of the data folder has " in found(service, "free_space")[0].problem
