"""Writes the values in the journal back to the host, with those linked to them; says why a value cannot be restored."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from harness.model.base import JsonModel
from harness.model.plugins import FileText, ValueForm
from harness.testbed.kernel.actions import normalize
from harness.testbed.machine.procfs import HOST_ROOTS, Roots

MAX_TEXT = 4096  # a page, the limit of one write to such a file
SWITCH_VALUES = ("0", "1")


class JournalEntry(JsonModel):
    """A kernel file: its text `before` the change, and every value that a run may give it (`ours`), normalized.

    Entries of one `group` change each other; it is named after its first sysctl.
    """

    path: str
    form: ValueForm
    before: str
    ours: tuple[str, ...]
    group: str = ""

    @property
    def old_value(self) -> str:
        """The value before the change, normalized."""
        return normalize(self.before, self.form)

    def read(self) -> str:
        """Return the present value, normalized. Raises OSError."""
        return normalize(Path(self.path).read_text(), self.form)

    def is_restored(self) -> bool:
        """Return whether the file has its old value again."""
        try:
            return self.read() == self.old_value
        except OSError:
            return False


EntryGroup = list[JournalEntry]


@dataclass(frozen=True, slots=True)
class LinkedValues:
    """Sysctls that change when one of them is written, in the order in which they are restored.

    `exclusive`: only one of them is in force. The others read 0, but 0 cannot be written to them. So only the one in
    force is written back, and the kernel sets the others to 0 again.
    """

    names: tuple[str, ...]
    exclusive: bool


# Documentation/admin-guide/sysctl/vm.rst, kernel.rst, and the handlers in mm/ and kernel/watchdog.c.
LINKED_VALUES = (
    LinkedValues(("vm.dirty_ratio", "vm.dirty_bytes"), exclusive=True),
    LinkedValues(("vm.dirty_background_ratio", "vm.dirty_background_bytes"), exclusive=True),
    LinkedValues(("vm.overcommit_ratio", "vm.overcommit_kbytes"), exclusive=True),
    LinkedValues(("vm.nr_hugepages", "vm.nr_hugepages_mempolicy"), exclusive=False),
    LinkedValues(("kernel.watchdog", "kernel.soft_watchdog", "kernel.nmi_watchdog"), exclusive=False),
)
# Writing is an action, or the value changes by itself: there is nothing to restore.
ACTION_SYSCTLS = (
    "vm.drop_caches", "vm.compact_memory", "vm.stat_refresh", "kernel.ns_last_pid", "kernel.*_next_id",
    "kernel.tainted", "kernel.cad_pid", "kernel.kexec_load_limit_*", "fs.binfmt_misc.*", "*.flush",
)  # fmt: skip
# Programs that the kernel starts as root.
PROGRAM_SYSCTLS = (
    "kernel.core_pattern", "kernel.modprobe", "kernel.hotplug", "kernel.poweroff_cmd", "kernel.usermodehelper.*",
)  # fmt: skip
# With this value, the kernel takes no other until it is rebooted.
ONE_WAY_VALUES = {
    "kernel.modules_disabled": "1",
    "kernel.kexec_load_disabled": "1",
    "kernel.unprivileged_bpf_disabled": "1",
    "kernel.yama.ptrace_scope": "3",
    "kernel.loadpin.enforce": "1",
}


@dataclass(frozen=True, slots=True)
class RestoreProblem:
    """The reason why a value was not restored. `must_stay`: it still has a value of ours and must be restored later."""

    sentence: str
    must_stay: bool


def make_entries(given: Mapping[str, Sequence[FileText]], roots: Roots = HOST_ROOTS) -> list[JournalEntry]:
    """Return the entries of files as they are now, and of those linked to them. Raises OSError.

    `given` maps each path to the values that a run may write to it.
    """
    entries: dict[str, JournalEntry] = {}
    for path, files in given.items():
        name = sysctl_name(path, roots)
        linked = next((linked for linked in LINKED_VALUES if name in linked.names), None)
        if linked:
            entries |= {entry.path: entry for entry in _linked_entries(linked, given, roots)}
        else:
            entries[path] = _make_entry(path, files[0].form, [file.text for file in files])
    return list(entries.values())


def _linked_entries(
    linked: LinkedValues, given: Mapping[str, Sequence[FileText]], roots: Roots
) -> Iterator[JournalEntry]:
    """Yield the entries of a linked group in its order; a kernel may lack some of them."""
    paths = [roots.proc / "sys" / name.replace(".", "/") for name in linked.names]
    texts = {str(path): [file.text for file in given.get(str(path), ())] for path in paths if path.exists()}
    all_texts = [text for values in texts.values() for text in values]
    for path, values in texts.items():
        own = [*values, "0"] if linked.exclusive else [*all_texts, *SWITCH_VALUES]
        yield _make_entry(path, "words", own, group=linked.names[0])


def _make_entry(path: str, form: ValueForm, texts: Iterable[str], group: str = "") -> JournalEntry:
    text = Path(path).read_text().strip()
    before = normalize(text, form) if form == "choice" else text
    ours = tuple(dict.fromkeys(normalize(value, form) for value in texts))
    return JournalEntry(path=path, form=form, before=before, ours=ours, group=group)


def group_entries(entries: Iterable[JournalEntry]) -> list[EntryGroup]:
    """Return entries in groups that change each other, in the order of the first of each."""
    groups: dict[str, EntryGroup] = {}
    for entry in entries:
        groups.setdefault(entry.group or entry.path, []).append(entry)
    return list(groups.values())


def entries_to_write(group: EntryGroup) -> EntryGroup:
    """Return the entries of a group to write; for an exclusive group, only the one in force."""
    if not any(linked.exclusive for linked in LINKED_VALUES if linked.names[0] == group[0].group):
        return group
    return [entry for entry in group if entry.before != "0"] or group[:1]


def restore_entries(entries: Sequence[JournalEntry]) -> list[RestoreProblem]:
    """Restore the entries in reverse order, and read every value again."""
    return [problem for group in reversed(group_entries(entries)) for problem in _restore_group(group)]


def _restore_group(group: EntryGroup) -> list[RestoreProblem]:
    try:
        now = {entry.path: entry.read() for entry in group}
        if all(now[entry.path] == entry.old_value for entry in group):
            return []
        if foreign := [entry for entry in group if now[entry.path] not in (*entry.ours, entry.old_value)]:
            return [RestoreProblem(_foreign_sentence(entry, now[entry.path]), must_stay=False) for entry in foreign]
        for entry in entries_to_write(group):
            Path(entry.path).write_text(entry.before)
    except OSError as error:
        entry = next((entry for entry in group if entry.path == error.filename), group[0])
        return [RestoreProblem(_stuck_sentence(entry, error.strerror or str(error)), must_stay=True)]
    return [
        RestoreProblem(_stuck_sentence(entry, "the kernel changes it to another value"), must_stay=True)
        for entry in group
        if not entry.is_restored()
    ]


def _foreign_sentence(entry: JournalEntry, now: str) -> str:
    return (
        f"Another process has set {entry.path} to {now}; it was {entry.old_value} before this run, which never set it "
        "to that. It is left as it is."
    )


def _stuck_sentence(entry: JournalEntry, reason: str) -> str:
    return (
        f"{entry.path} cannot be set back to {entry.before}: {reason}. Run as root: echo '{entry.before}' > "
        f"{entry.path}; then run barehop restore."
    )


def restore_problem(entries: Sequence[JournalEntry]) -> str | None:
    """Return why the values could not be restored: write each file's present text to it, which must change nothing.

    Files that list their choices need no such test.
    """
    for group in group_entries(entry for entry in entries if entry.form != "choice"):
        for entry in entries_to_write(group):
            try:
                Path(entry.path).write_text(f"{entry.before}\n")
            except OSError as error:
                return f"{entry.path} does not even take the value that it has, {entry.before}: {error.strerror}"
        for entry in group:
            if not entry.is_restored():
                now = f"{entry.path} was {entry.before}, and is {entry.read()}"
                return f"{now} after {entry.before} was written to it"
    return None


def entry_fault(entry: JournalEntry, roots: Roots = HOST_ROOTS) -> str | None:
    """Return why an entry of a journal cannot come from a run of barehop, or None."""
    real = Path(entry.path).resolve()
    kernel = (roots.proc / "sys", roots.sys)
    if ".." in Path(entry.path).parts or not any(real.is_relative_to(root.resolve()) for root in kernel):
        return f"{entry.path} is not a kernel value"
    texts = (entry.before, *entry.ours)
    if any(len(text) > MAX_TEXT or not text.replace("\t", " ").isprintable() for text in texts):
        return f"what {entry.path} is to be given is not one line of text"
    if reason := irreversible_reason(sysctl_name(str(real), roots), entry.before):
        return f"{entry.path} is never changed by a run: {reason}"
    return None


def sysctl_name(path: str, roots: Roots = HOST_ROOTS) -> str:
    """Return the name of the sysctl of this file, or ""."""
    root = roots.proc / "sys"
    return ".".join(Path(path).relative_to(root).parts) if Path(path).is_relative_to(root) else ""


def irreversible_reason(name: str, text: str) -> str | None:
    """Return why a sysctl could not be restored after `text` was written to it, or None."""
    if any(fnmatch(name, pattern) for pattern in ACTION_SYSCTLS):
        return "writing it is an action, or it changes by itself, so there is nothing to restore"
    if any(fnmatch(name, pattern) for pattern in PROGRAM_SYSCTLS):
        return "it names a program that the kernel starts as root"
    if ONE_WAY_VALUES.get(name) == text.strip():
        return f"from {text.strip()} the kernel takes no other value until it is rebooted"
    return None


def exclusive_groups(names: Iterable[str]) -> Iterator[Sequence[str]]:
    """Yield groups of `names` of which only one can be in force."""
    given = set(names)
    for linked in LINKED_VALUES:
        present = [name for name in linked.names if name in given]
        if linked.exclusive and len(present) > 1:
            yield present
