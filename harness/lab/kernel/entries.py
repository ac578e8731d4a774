"""Kernel values as they were before a change, with the values linked to them, and how they are restored."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.lab.kernel.linked_values import LINKED, LinkedValues, irreversible, links_of, sysctl_name
from harness.lab.kernel.turning import normal
from harness.lab.kernelfiles import HERE, Roots
from harness.model.knobs import FileText, Form
from harness.model.words import Model

LONGEST_TEXT = 4096  # a page, the limit of one write to such a file
SWITCHES = ("0", "1")


class Entry(Model):
    """A kernel file: its text `before` the change, and every value that a run may give it (`ours`), normalized.

    Entries of one `group` change each other; it is named after its first sysctl.
    """

    path: str
    form: Form
    before: str
    ours: tuple[str, ...]
    group: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a value is not as it was. `stays`: it still has a value of ours and must be restored later."""

    sentence: str
    stays: bool


Group = list[Entry]


def entries_of(given: Mapping[str, Sequence[FileText]], roots: Roots = HERE) -> list[Entry]:
    """Return the entries of files as they are now, and of those linked to them. Raises OSError.

    `given` maps each path to what it may be given.
    """
    entries: dict[str, Entry] = {}
    for path, files in given.items():
        linked = links_of(sysctl_name(path, roots))
        if linked:
            entries |= {entry.path: entry for entry in _linked_entries(linked, given, roots)}
        else:
            entries[path] = entry_of(path, files[0].form, [file.text for file in files])
    return list(entries.values())


def entry_of(path: str, form: Form, texts: Iterable[str], group: str = "") -> Entry:
    """Return the entry of a file as it is now; `texts` are what it may be given. Raises OSError."""
    text = Path(path).read_text().strip()
    before = normal(text, form) if form == "choice" else text
    ours = tuple(dict.fromkeys(normal(value, form) for value in texts))
    return Entry(path=path, form=form, before=before, ours=ours, group=group)


def groups_of(entries: Iterable[Entry]) -> list[Group]:
    """Return entries in groups that change each other, in the order of the first of each."""
    groups: dict[str, Group] = {}
    for entry in entries:
        groups.setdefault(entry.group or entry.path, []).append(entry)
    return list(groups.values())


def to_write_back(group: Group) -> Group:
    """Return the entries of a group to write; for an exclusive group, only the one in force."""
    exclusive = any(linked.exclusive for linked in LINKED if linked.names[0] == group[0].group)
    if not exclusive:
        return group
    return [entry for entry in group if entry.before != "0"] or group[:1]


def value_of(path: str, form: Form) -> str:
    """Return the present value of a file, normalized. Raises OSError."""
    return normal(Path(path).read_text(), form)


def is_back(entry: Entry) -> bool:
    """Return whether the file has its old value again."""
    try:
        return value_of(entry.path, entry.form) == normal(entry.before, entry.form)
    except OSError:
        return False


def put_back(entries: Sequence[Entry]) -> list[Problem]:
    """Restore the entries in reverse order, and read every value again."""
    return [problem for group in reversed(groups_of(entries)) for problem in _restore_group(group)]


def trial_problem(entries: Sequence[Entry]) -> str | None:
    """Return why the values could not be restored: write each file's present text to it, which must change nothing.

    A choice lists what it takes, so there is nothing to try.
    """
    for group in groups_of(entry for entry in entries if entry.form != "choice"):
        for entry in to_write_back(group):
            try:
                Path(entry.path).write_text(f"{entry.before}\n")
            except OSError as error:
                return f"{entry.path} does not even take the value that it has, {entry.before}: {error.strerror}"
        for entry in _entries_not_restored(group):
            now = value_of(entry.path, entry.form)
            return f"{entry.path} was {entry.before}, and is {now} after {entry.before} was written to it"
    return None


def fault_of_entry(entry: Entry, roots: Roots = HERE) -> str | None:
    """Return why an entry of a journal cannot come from a run of barehop, or None."""
    real = Path(entry.path).resolve()
    kernel = (roots.proc / "sys", roots.sys)
    if ".." in Path(entry.path).parts or not any(real.is_relative_to(root.resolve()) for root in kernel):
        return f"{entry.path} is not a kernel value"
    texts = (entry.before, *entry.ours)
    if any(len(text) > LONGEST_TEXT or not text.replace("\t", " ").isprintable() for text in texts):
        return f"what {entry.path} is to be given is not one line of text"
    name = sysctl_name(str(real), roots)
    if reason := irreversible(name, entry.before):
        return f"{entry.path} is never changed by a run: {reason}"
    return None


def _linked_entries(linked: LinkedValues, given: Mapping[str, Sequence[FileText]], roots: Roots) -> Iterable[Entry]:
    """Yield the entries of a linked group in its order; a kernel may lack some of them."""
    paths = [roots.proc / "sys" / name.replace(".", "/") for name in linked.names]
    existing = [str(path) for path in paths if path.exists()]
    texts = {path: [file.text for file in given.get(path, ())] for path in existing}
    all_texts = [text for values in texts.values() for text in values]
    for path in existing:
        own = [*texts[path], "0"] if linked.exclusive else [*all_texts, *SWITCHES]
        yield entry_of(path, "words", own, group=linked.names[0])


def _restore_group(group: Group) -> list[Problem]:
    try:
        now = {entry.path: value_of(entry.path, entry.form) for entry in group}
        if all(now[entry.path] == normal(entry.before, entry.form) for entry in group):
            return []
        if foreign := [entry for entry in group if now[entry.path] not in _known_values(entry)]:
            return [Problem(_foreign_sentence(entry, now[entry.path]), stays=False) for entry in foreign]
        for entry in to_write_back(group):
            Path(entry.path).write_text(entry.before)
    except OSError as error:
        entry = next((entry for entry in group if entry.path == error.filename), group[0])
        return [Problem(_stuck_sentence(entry, error.strerror or str(error)), stays=True)]
    return [
        Problem(_stuck_sentence(entry, "the kernel changes it to another value"), stays=True)
        for entry in _entries_not_restored(group)
    ]


def _entries_not_restored(group: Group) -> Group:
    return [entry for entry in group if not is_back(entry)]


def _known_values(entry: Entry) -> set[str]:
    return {*entry.ours, normal(entry.before, entry.form)}


def _foreign_sentence(entry: Entry, now: str) -> str:
    return (
        f"Another process has set {entry.path} to {now}; it was {normal(entry.before, entry.form)} before this run, "
        "which never set it to that. It is left as it is."
    )


def _stuck_sentence(entry: Entry, reason: str) -> str:
    return (
        f"{entry.path} cannot be set back to {entry.before}: {reason}. Run as root: echo '{entry.before}' > "
        f"{entry.path}; then run barehop restore."
    )
