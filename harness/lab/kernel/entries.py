"""A kernel value as it was before it was changed, and how it becomes that again, with the values linked to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.lab.kernel.linked_values import LINKED, LinkedValues, irreversible, links_of, sysctl_name
from harness.lab.kernel.turning import normal
from harness.lab.kernelfiles import HERE, Roots
from harness.model.knobs import FileText, Form
from harness.model.words import Model

LONGEST_TEXT = 4096  # a page, which is what one write to such a file can hold
SWITCHES = ("0", "1")


class Entry(Model):
    """A file: the text that makes it as it was `before`, and every value that is `ours`, in its normal form.

    Entries of one `group` change each other; it is named after its first sysctl.
    """

    path: str
    form: Form
    before: str
    ours: tuple[str, ...]
    group: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a value is not as it was. `stays`: it is ours still, and has to be put back later."""

    sentence: str
    stays: bool


Group = list[Entry]


def entries_of(given: Mapping[str, Sequence[FileText]], roots: Roots = HERE) -> list[Entry]:
    """The files as they are now, by path with what each may be given, and those linked to them. Raises OSError."""
    entries: dict[str, Entry] = {}
    for path, files in given.items():
        linked = links_of(sysctl_name(path, roots))
        if linked:
            entries |= {entry.path: entry for entry in _linked_entries(linked, given, roots)}
        else:
            entries[path] = entry_of(path, files[0].form, [file.text for file in files])
    return list(entries.values())


def entry_of(path: str, form: Form, texts: Iterable[str], group: str = "") -> Entry:
    """The file as it is now, and the texts that it may be given. Raises OSError."""
    text = Path(path).read_text().strip()
    before = normal(text, form) if form == "choice" else text
    ours = tuple(dict.fromkeys(normal(each, form) for each in texts))
    return Entry(path=path, form=form, before=before, ours=ours, group=group)


def groups_of(entries: Iterable[Entry]) -> list[Group]:
    """Entries that change each other together, in the order of the first of each."""
    groups: dict[str, Group] = {}
    for entry in entries:
        groups.setdefault(entry.group or entry.path, []).append(entry)
    return list(groups.values())


def to_write_back(group: Group) -> Group:
    """Those whose old text has to be written so that the whole group is as it was."""
    exclusive = any(linked.exclusive for linked in LINKED if linked.names[0] == group[0].group)
    if not exclusive:
        return group
    return [entry for entry in group if entry.before != "0"] or group[:1]


def value_of(path: str, form: Form) -> str:
    """What the file holds now, in its normal form. Raises OSError."""
    return normal(Path(path).read_text(), form)


def is_back(entry: Entry) -> bool:
    try:
        return value_of(entry.path, entry.form) == normal(entry.before, entry.form)
    except OSError:
        return False


def put_back(entries: Sequence[Entry]) -> list[Problem]:
    """In the opposite order; every value is read again afterwards."""
    return [problem for group in reversed(groups_of(entries)) for problem in _put_group_back(group)]


def trial_problem(entries: Sequence[Entry]) -> str | None:
    """Why the values could not be put back: each is given the text that it has now, which must change nothing.

    Of a choice the kernel lists what it takes, so that there is nothing to try.
    """
    for group in groups_of(entry for entry in entries if entry.form != "choice"):
        for entry in to_write_back(group):
            try:
                Path(entry.path).write_text(f"{entry.before}\n")
            except OSError as error:
                return f"{entry.path} does not even take the value that it has, {entry.before}: {error.strerror}"
        for entry in _not_back(group):
            now = value_of(entry.path, entry.form)
            return f"{entry.path} was {entry.before}, and is {now} after {entry.before} was written to it"
    return None


def fault_of_entry(entry: Entry, roots: Roots = HERE) -> str | None:
    """Why an entry of a journal cannot come from a run of barehop's."""
    real = Path(entry.path).resolve()
    kernel = (roots.proc / "sys", roots.sys)
    if ".." in Path(entry.path).parts or not any(real.is_relative_to(root.resolve()) for root in kernel):
        return f"{entry.path} is no value of the kernel"
    texts = (entry.before, *entry.ours)
    if any(len(text) > LONGEST_TEXT or not text.replace("\t", " ").isprintable() for text in texts):
        return f"what {entry.path} is to be given is no value of one line"
    name = sysctl_name(str(real), roots)
    if reason := irreversible(name, entry.before):
        return f"{entry.path} is never changed by a run: {reason}"
    return None


def _linked_entries(linked: LinkedValues, given: Mapping[str, Sequence[FileText]], roots: Roots) -> Iterable[Entry]:
    """In the order of the group; a kernel may lack some of them."""
    paths = [roots.proc / "sys" / name.replace(".", "/") for name in linked.names]
    there = [str(path) for path in paths if path.exists()]
    texts = {path: [file.text for file in given.get(path, ())] for path in there}
    together = [text for each in texts.values() for text in each]
    for path in there:
        mine = [*texts[path], "0"] if linked.exclusive else [*together, *SWITCHES]
        yield entry_of(path, "words", mine, group=linked.names[0])


def _put_group_back(group: Group) -> list[Problem]:
    try:
        now = {entry.path: value_of(entry.path, entry.form) for entry in group}
        if all(now[entry.path] == normal(entry.before, entry.form) for entry in group):
            return []
        if foreign := [entry for entry in group if now[entry.path] not in _known(entry)]:
            return [Problem(_foreign(entry, now[entry.path]), stays=False) for entry in foreign]
        for entry in to_write_back(group):
            Path(entry.path).write_text(entry.before)
    except OSError as error:
        entry = next((entry for entry in group if entry.path == error.filename), group[0])
        return [Problem(_stuck(entry, error.strerror or str(error)), stays=True)]
    return [Problem(_stuck(entry, "the kernel makes something else of it"), stays=True) for entry in _not_back(group)]


def _not_back(group: Group) -> Group:
    return [entry for entry in group if not is_back(entry)]


def _known(entry: Entry) -> set[str]:
    return {*entry.ours, normal(entry.before, entry.form)}


def _foreign(entry: Entry, now: str) -> str:
    return (
        f"Somebody else has made {entry.path} {now}, which was {normal(entry.before, entry.form)} before this run and "
        "never that in it. It is left as it is."
    )


def _stuck(entry: Entry, reason: str) -> str:
    return (
        f"{entry.path} cannot be made {entry.before} again: {reason}. Type as root: echo '{entry.before}' > "
        f"{entry.path}; then run barehop restore."
    )
