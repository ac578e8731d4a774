"""Files and directories as one value of bytes: what is sent to a host, and the results directory that comes back.

Only regular files are packed and unpacked, so that no link in an archive leads out of its directory.
"""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from harness.errors import ConfigError, LoadError

NOT_SENT = {".git", ".hg", ".venv", "venv", "node_modules", "__pycache__"}  # made on each host, or not needed there
MAX_SENT_BYTES, MAX_RESULT_BYTES = 64 << 20, 2 << 30
FILE_MODES = 0o755


def pack_sources(path: Path) -> bytes:
    """Return the files at or below `path`, without what tools make there. Raises ConfigError above MAX_SENT_BYTES."""
    if not path.exists():
        raise ConfigError(f"There is no {path} here to send. Where the hosts have it, give --app-there.")
    files = [path] if path.is_file() else list(_files_below(path, NOT_SENT))
    total_bytes = sum(file.stat().st_size for file in files)
    if total_bytes > MAX_SENT_BYTES:
        raise ConfigError(
            f"{path} has {total_bytes >> 20} MiB; at most {MAX_SENT_BYTES >> 20} MiB are sent to a host. Copy it to "
            "the same path on all hosts, and give --app-there."
        )
    return _pack(files, path.parent if path.is_file() else path)


def pack_results(directory: Path) -> bytes:
    """Return the files of a results directory."""
    return _pack(list(_files_below(directory, set())), directory)


def unpack_archive(content: bytes, directory: Path) -> None:
    """Write the files of an archive into `directory`. Raises LoadError for one that `pack_...` did not make."""
    left_bytes = MAX_RESULT_BYTES
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            for member in archive:
                left_bytes -= member.size
                if not member.isreg() or not _stays_below(member.name) or left_bytes < 0:
                    raise LoadError(
                        f"An archive has {member.name!r}, which barehop does not pack. Nothing more is unpacked."
                    )
                file = archive.extractfile(member)
                path = directory / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.read() if file else b"")
                path.chmod(member.mode & FILE_MODES | 0o600)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise LoadError(f"An archive is damaged: {error}.") from None


def _files_below(directory: Path, left_out: set[str]) -> Iterator[Path]:
    """Yield the regular files, also those behind a link, in the order of their names."""
    for place, folders, names in os.walk(directory):
        folders[:] = sorted(set(folders) - left_out)
        yield from (path for name in sorted(names) if (path := Path(place, name)).is_file())


def _pack(files: list[Path], directory: Path) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz", compresslevel=1, dereference=True) as archive:
        for file in files:
            archive.add(file, str(file.relative_to(directory)), recursive=False)
    return content.getvalue()


def _stays_below(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and path != PurePosixPath()
