"""scripts/unpack takes packages out of a real apt repository, made here, without installing anything."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

UNPACK = Path(__file__).parents[3] / "scripts" / "unpack"
INSTALLED = "Package: present\nStatus: install ok installed\nVersion: 1\nArchitecture: all\nMaintainer: me\n\n"

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="this distribution has no apt")


def build(repository: Path, name: str, depends: str) -> str:
    """A package that consists of /usr/bin/NAME; returns its entry in the repository's index."""
    tree = repository / name
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN").chmod(0o755)  # dpkg-deb insists, whatever the umask
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin" / name).touch()
    control = f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: me\nDepends: {depends}\nDescription: -\n"
    (tree / "DEBIAN/control").write_text(control)
    archive = repository / f"{name}.deb"
    subprocess.run(["dpkg-deb", "--build", tree, archive], check=True, stdout=subprocess.DEVNULL)
    content = archive.read_bytes()
    checksum = hashlib.sha256(content).hexdigest()
    return f"{control}Filename: ./{archive.name}\nSize: {len(content)}\nSHA256: {checksum}\n\n"


@pytest.fixture
def apt_config(tmp_path: Path) -> Path:
    """An apt that knows only our repository, in which `wanted` needs `needed` and `present`, and `present` is there."""
    repository = tmp_path / "repository"
    repository.mkdir()
    packages = [build(repository, "wanted", "needed, present"), build(repository, "needed", "present")]
    (repository / "Packages").write_text("".join([*packages, build(repository, "present", "")]))
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] copy:{repository} ./\n")
    (tmp_path / "status").write_text(INSTALLED)
    config = tmp_path / "apt.conf"
    config.write_text(
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\n'
        'Dir::Etc::sourceparts "/dev/null";\n'
        f'Dir::State::status "{tmp_path}/status";\n'
        'APT::Update::Post-Invoke { "false"; };\n'
    )
    return config


def unpack(apt_config: Path, *packages: str) -> subprocess.CompletedProcess[str]:
    command = [str(UNPACK), str(apt_config.parent / "unpacked"), *packages]
    environment = os.environ | {"APT_CONFIG": str(apt_config)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_package_comes_with_what_it_needs_and_without_what_is_installed(apt_config: Path) -> None:
    done = unpack(apt_config, "wanted")
    assert (done.returncode, done.stderr) == (0, "")
    binaries = apt_config.parent / "unpacked/usr/bin"
    assert sorted(file.name for file in binaries.iterdir()) == ["needed", "wanted"]
    assert not (apt_config.parent / "unpacked.apt").exists()


def test_a_package_that_cannot_be_had_is_named_with_what_apt_said(apt_config: Path) -> None:
    done = unpack(apt_config, "wanted", "nowhere")
    assert done.returncode == 3
    assert "could not fetch the packages wanted nowhere" in done.stderr
    assert "Unable to locate package nowhere" in done.stderr
