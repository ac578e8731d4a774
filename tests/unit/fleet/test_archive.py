"""What is sent to hosts and comes back: only files, and never outside of their directory."""

import io
import tarfile
from pathlib import Path

import pytest

from harness.errors import ConfigError, LoadError
from harness.fleet import archive
from harness.fleet.archive import pack_results, pack_sources, unpack_archive


def test_what_was_packed_is_unpacked_without_what_tools_make_there(tmp_path: Path) -> None:
    source = tmp_path / "app"
    for name in ("main.py", "shop/views.py", ".git/config", "shop/__pycache__/views.pyc", "node_modules/x/y.js"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    (source / "main.py").chmod(0o755)
    (source / "link.py").symlink_to("main.py")
    (source / "loop").symlink_to(".")
    unpack_archive(pack_sources(source), tmp_path / "there")
    files = {str(path.relative_to(tmp_path / "there")) for path in (tmp_path / "there").rglob("*") if path.is_file()}
    assert files == {"main.py", "shop/views.py", "link.py"}
    assert (tmp_path / "there/link.py").read_text() == "main.py"
    assert (tmp_path / "there/main.py").stat().st_mode & 0o777 == 0o755


def test_results_come_back_whole(tmp_path: Path) -> None:
    (tmp_path / "out/sessions").mkdir(parents=True)
    (tmp_path / "out/sessions/0001.json").write_bytes(b"{}")
    unpack_archive(pack_results(tmp_path / "out"), tmp_path / "here")
    assert (tmp_path / "here/sessions/0001.json").read_bytes() == b"{}"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("../x", tarfile.REGTYPE), ("/tmp/x", tarfile.REGTYPE), ("x", tarfile.SYMTYPE), ("x", tarfile.FIFOTYPE)],
)
def test_an_archive_of_another_program_is_refused(tmp_path: Path, name: str, kind: bytes) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as made:
        member = tarfile.TarInfo(name)
        member.type = kind
        made.addfile(member)
    with pytest.raises(LoadError, match="which barehop does not pack"):
        unpack_archive(content.getvalue(), tmp_path / "here")
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("length", [0, 10, 100])
def test_a_cut_archive_is_refused(tmp_path: Path, length: int) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/file").write_bytes(bytes(range(256)))
    with pytest.raises(LoadError, match="An archive is damaged"):
        unpack_archive(pack_results(tmp_path / "out")[:length], tmp_path / "here")


def test_too_much_to_send_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_SENT_BYTES", 3)
    (tmp_path / "file").write_bytes(b"four")
    with pytest.raises(ConfigError, match="--app-there"):
        pack_sources(tmp_path)
    with pytest.raises(ConfigError, match="--app-there"):
        pack_sources(tmp_path / "absent")
