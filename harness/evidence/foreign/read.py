"""From files of other load tools to runs: finds what is in each file, and reports what is left out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from harness import plugins
from harness.errors import ConfigError, raise_all
from harness.evidence.foreign.decode import decode
from harness.evidence.foreign.leftover import mixed, unread_lines, unread_output
from harness.evidence.foreign.names import architecture_of, named, transport_of
from harness.evidence.foreign.parts import Kind, Part, parts_of
from harness.evidence.foreign.sense import asked_rate, misfits, nonsense, unbalanced
from harness.evidence.foreign.tidy import tidy
from harness.evidence.foreign.unread import UNREAD
from harness.model import Foreign, Reader
from harness.regular_file import read_regular

FORMATS = "harness.evidence.foreign.formats"
COMPRESSED = {
    b"\x1f\x8b": "gunzip",
    b"PK\x03\x04": "unzip",
    b"BZh": "bunzip2",
    b"\xfd7zXZ": "unxz",
    b"(\xb5/\xfd": "unzstd",
}
MOST_BYTES = 250_000_000  # a list of single times, which is read into memory
ADVICE = "Give the path of a file that has a tool's output."
WAY_OUT = "Give the file as the tool wrote it, whole; barehop list names the formats that can be read."


def read_foreign(spec: str | Path) -> tuple[Foreign, ...]:
    """The runs in a file, given as `[[WHERE/]ARCHITECTURE=]FILE`: one, or more where the file has more.

    Without a name the file's own counts, or else that of the file: tcp-1.txt is a run of tcp. What in a file does not
    add up, or is not read, is in the runs' remarks. Raises ConfigError, with one sentence on what was seen and the way
    out.
    """
    where, architecture, file = named(str(spec))
    readers = {name: plugins.load(FORMATS, name, Reader) for name in plugins.names(FORMATS)}
    parts = parts_of(_text(file), [*_read_kinds(readers), *_unread_kinds()])
    runs = _all_runs(file, parts, readers)
    found = {run.architecture for run in runs}
    if architecture and len(found) > 1:
        raise ConfigError(f"{file} has {', '.join(sorted(found))}, which cannot all be {architecture!r}. Give no name.")
    titled = _mixed([_answered(_titled(run, where, architecture)) for run in runs])
    raise_all((f"{file}: {sentence}" for run in titled for sentence in nonsense(run)), ConfigError)
    return tuple(_remarked(titled))


def read_all(specs: Iterable[str | Path]) -> tuple[Foreign, ...]:
    """The runs of several files, in their order. Raises ConfigError with what is wrong with all of them."""
    runs: list[Foreign] = []
    problems: list[str] = []
    for spec in specs:
        try:
            runs += read_foreign(spec)
        except ConfigError as error:
            problems.append(str(error))
    raise_all(problems, ConfigError)
    return tuple(runs)


def _read_kinds(readers: dict[str, Reader]) -> Iterator[Kind]:
    for name, reader in readers.items():
        yield Kind(name, reader.marks, has_tabs=reader.has_tabs, is_by_line=reader.is_by_line)


def _unread_kinds() -> Iterator[Kind]:
    for one in UNREAD:
        yield Kind(one.what, one.marks, is_by_line=one.is_by_line, is_read=False)


def _text(file: Path) -> str:
    raw = read_regular(file, MOST_BYTES, ADVICE)
    if not raw.strip():
        raise ConfigError(f"{file} is empty. {WAY_OUT}")
    tool = next((tool for magic, tool in COMPRESSED.items() if raw.startswith(magic)), None)
    if tool:
        raise ConfigError(f"{file} is compressed. Unpack it with {tool}, and give what is in it.")
    try:
        return tidy(decode(raw))
    except ValueError as error:
        raise ConfigError(f"{file} is no text: {error}. {WAY_OUT}") from error


def _all_runs(file: Path, parts: Sequence[Part], readers: dict[str, Reader]) -> list[Foreign]:
    """Of every part that is of a format, with remarks on the others."""
    read = [part for part in parts if part.kind and part.kind.is_read]
    if not read:
        raise ConfigError(_nothing_to_read(file, parts))
    runs = [run for number, part in enumerate(read, 1) for run in _runs(file, part, readers, _place(number, read))]
    if not runs:
        names = ", ".join(dict.fromkeys(part.kind.name for part in read if part.kind))
        raise ConfigError(f"{file} holds no run of {names}. {WAY_OUT}")
    beside = [
        *unread_output(parts),
        *unread_lines(parts, {name: reader.knows for name, reader in readers.items()}),
    ]
    return [replace(runs[0], remarks=(*runs[0].remarks, *beside)), *runs[1:]]


def _runs(file: Path, part: Part, readers: dict[str, Reader], place: str) -> list[Foreign]:
    assert part.kind
    name = part.kind.name
    try:
        runs = readers[name].read(part.text, Foreign(file, name))
    except ValidationError as error:
        raise ConfigError(f"{file}{place} is not what {name} looks like: {_first(error)}. {WAY_OUT}") from error
    except ValueError as error:
        raise ConfigError(f"{file}{place} cannot be read as {name}: {error}") from error
    option = readers[name].rate_option
    return [replace(run, remarks=(*run.remarks, *asked_rate(run, option))) for run in runs]


def _place(number: int, read: Sequence[Part]) -> str:
    return f" (run {number} of {len(read)} in it)" if len(read) > 1 else ""


def _nothing_to_read(file: Path, parts: Sequence[Part]) -> str:
    known = {one.what: one for one in UNREAD}
    found = next((known[part.kind.name] for part in parts if part.kind), None)
    if found:
        return f"{file} is {found.what}, which is not read. Instead, {found.instead}."
    formats = ", ".join(plugins.names(FORMATS))
    beginning = _beginning("".join(part.text for part in parts))
    return (
        f"{file} begins with {beginning!r}, which is no format that can be read, or too little of one. Give it "
        f"as the tool wrote it; these can be read: {formats}."
    )


def _beginning(text: str) -> str:
    first = text.strip().split("\n")[0]
    return first if len(first) <= 60 else f"{first[:57]}..."


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def _titled(run: Foreign, where: str, architecture: str) -> Foreign:
    name = architecture or run.architecture or architecture_of(run.source)
    return replace(run, where=run.where or where, architecture=name, transport=run.transport or transport_of(name))


def _answered(run: Foreign) -> Foreign:
    """Without a right answer there is nothing of which rate and times could be those."""
    if run.requests != 0:
        return run
    kinds = ", ".join(f"{count} {kind}" for kind, count in run.failures.items()) or "none was made"
    remark = f"No request was answered right ({kinds}): its rate and times are left out."
    without = replace(run, requests_per_s=None, mean_us=None, percentiles_us={}, latency_us=())
    return replace(without, remarks=(*run.remarks, remark))


def _mixed(runs: list[Foreign]) -> list[Foreign]:
    first, *others = runs
    return [replace(first, remarks=(*first.remarks, *mixed(runs))), *others]


def _remarked(runs: Sequence[Foreign]) -> Iterator[Foreign]:
    missing = unbalanced(runs)
    for run in runs:
        lacking = filter(None, [missing.get((run.where, run.architecture))])
        yield replace(run, remarks=(*run.remarks, *misfits(run), *lacking))
