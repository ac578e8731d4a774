"""The HTML report as text: complete, self-contained, and safe whatever arms are called."""

import re
from base64 import b64encode
from dataclasses import dataclass, field, replace
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from harness.analysis.plot_data import plot_data
from harness.model import MACHINE_STATE, Doubt
from tests.support.run_reports import render_html, render_terminal
from tests.support.simulated_run import PILOT, Run, run_of

DOUBTS = [
    Doubt(kind="steal", seen="2.1 % of CPU time was stolen", advice="Ask for dedicated CPUs; see `lscpu`."),
    Doubt(kind="busy", seen="python used 49 % of a CPU", advice="End what else runs on this machine."),
]
VOID = {"meta", "br", "link", "img", "hr", "input", "wbr"}
ADDRESSES = {"src", "href", "srcset", "action", "data", "poster"}
NUMBER = re.compile(r"[-+]?\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Element:
    tag: str
    attributes: dict[str, str]
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


class Reader(HTMLParser):
    """All elements of a page in their order, each with the text within it; fails where they do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Element] = []
        self.open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.found.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.texts.append(data)


def page_of(run: Run) -> str:
    return render_html(run.summary, run.plan, run.host, plot_data(run.plan.experiment, run.sessions))


def elements(page: str) -> list[Element]:
    reader = Reader()
    reader.feed(page)
    assert not reader.open
    return reader.found


def prose(page: str) -> str:
    """What a reader reads, with plain minus signs."""
    (main,) = (each for each in elements(page) if each.tag == "main")
    return main.text.replace("\N{MINUS SIGN}", "-")


@pytest.fixture(scope="module")
def few() -> Run:
    return run_of({"tcp": 1.0, "uds-tmpfs": 0.9, "uds-dir": 0.905}, pilot=PILOT, doubts=DOUBTS)


@pytest.fixture(scope="module")
def page(few: Run) -> str:
    return page_of(few)


def test_nothing_outside_the_file_is_referred_to(page: str) -> None:
    addresses = [value for each in elements(page) for name, value in each.attributes.items() if name in ADDRESSES]
    assert addresses
    assert all(address.startswith("#") for address in addresses)
    styles = "".join(each.text for each in elements(page) if each.tag == "style")
    assert "url(" not in styles
    assert "@import" not in styles


def test_a_browser_is_told_to_run_and_to_load_nothing(page: str) -> None:
    (policy,) = (each.attributes["content"] for each in elements(page) if "http-equiv" in each.attributes)
    styles = next(each for each in elements(page) if each.tag == "style").texts
    digest = b64encode(sha256("".join(styles).encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not [each for each in elements(page) if each.tag == "script"]


def test_a_page_is_at_most_2_mb(page: str) -> None:
    assert len(page.encode()) < 2_000_000


def test_names_cannot_become_markup() -> None:
    name = "<script>alert(1)</script>&<b>\"'"
    page = page_of(run_of({"tcp": 1.0, name: 0.9}, doubts=[Doubt(kind=name, seen=name, advice=name)]))
    assert not [each for each in elements(page) if each.tag in ("b", "script")]
    assert name in prose(page)


def test_the_same_numbers_stand_in_the_page_as_on_the_terminal(few: Run, page: str) -> None:
    terminal = render_terminal(few.summary, few.plan.experiment.design, width=200)
    assert len(NUMBER.findall(terminal)) > 20
    (main,) = (each for each in elements(page) if each.tag == "main")
    in_page = " ".join(main.texts).replace("\N{MINUS SIGN}", "-")  # an interval stands in an element of its own
    assert not set(NUMBER.findall(terminal)) - set(NUMBER.findall(in_page))


def test_what_only_holm_keeps_undecided_is_starred_and_explained() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.9, "uds-dir": 0.905}, raw=False)
    changed = {"verdict": "undecided", "p_adjusted": 0.06}
    comparisons = tuple(
        found.model_copy(update=changed) if (found.arm, found.metric) == ("uds-dir", "latency") else found
        for found in run.summary.comparisons
    )
    summary = run.summary.model_copy(update={"comparisons": comparisons})
    text = prose(render_html(summary, run.plan, run.host, plot_data(run.plan.experiment, run.sessions)))
    assert "undecided *" in text
    assert "* The unadjusted 95 % interval of uds-dir excludes zero, but with Holm's correction" in text


def test_the_page_begins_as_a_page(page: str) -> None:
    assert page.startswith("<!doctype html>")


def test_the_question_the_answer_and_the_certainty_come_first_and_in_this_order(few: Run, page: str) -> None:
    text = prose(page)
    places = [text.index(part) for part in ("Asked", few.summary.question, "Found", "is faster than tcp", "How sure")]
    assert places == sorted(places)
    assert text.index("The A/A control (tcp vs. tcp) shows no difference") < text.index("The numbers")


def test_a_result_that_is_not_valid_says_so_before_its_question() -> None:
    failed = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, failures={"uds-tmpfs": 7}, raw=False)
    text = prose(page_of(failed))
    warning = "Not valid: do not use the numbers below until no request fails. Requests failed: 7 of uds-tmpfs."
    assert text.index(warning) < text.index(failed.summary.question)
    assert "No verdict on uds-tmpfs" in text


def test_a_valid_result_has_no_warning(page: str) -> None:
    assert "Not valid" not in prose(page)


def test_drift_cancels_out_unless_an_effect_depends_on_the_state_of_the_machine(page: str, few: Run) -> None:
    doubt = Doubt(kind=MACHINE_STATE, seen="An effect depends on the machine's state.", advice="Repeat the run.")
    doubtful = replace(few, summary=few.summary.model_copy(update={"doubts": (doubt,)}))
    text = prose(page_of(doubtful))

    assert "which cancels out of" in prose(page)
    assert "cancels out of" not in text
    assert "does not cancel out of" in text
    assert "for all arms alike." in prose(page)
    assert "not for all arms alike: see the doubts." in text
    assert text.index("An effect depends on the machine's state.") < text.index(few.summary.question)


def test_every_doubt_comes_with_its_advice_and_its_sessions(page: str) -> None:
    text = prose(page)
    assert "2 kinds of doubt: steal and busy." in text
    assert "steal (in all 8 sessions): 2.1 % of CPU time was stolen." in text
    assert "End what else runs on this machine." in text
    assert "lscpu" in [each.text for each in elements(page) if each.tag == "code"]


def test_what_can_be_done_next_is_told_as_commands() -> None:
    one = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, sessions=1, raw=False)
    overridden = one.summary.model_copy(update={"overrides": ("arm.path=/a b",)})
    text = prose(render_html(overridden, one.plan, {}, plot_data(one.plan.experiment, one.sessions)))
    assert "barehop run experiment.toml --set 'arm.path=/a b'" in text
    assert "barehop run --resume ." in text


def test_the_method_and_the_machine_are_told(few: Run, page: str) -> None:
    text = prose(page)
    assert "2 warm-up requests, then 6 timed requests, one after the other" in text
    assert "client on CPU 1, nginx on CPU 1, app on CPU 0" in text
    assert "Example Linux 12, kernel 6.12.0 (x86_64)" in text
    assert "nginx 1.26.0" in text
    assert (
        few.plan.experiment.model_dump_json(indent=1).split()
        == next(each for each in elements(page) if each.tag == "pre").text.split()
    )


def test_a_host_of_which_nothing_is_known_is_no_obstacle() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, raw=False)
    text = prose(render_html(run.summary, run.plan, {}, plot_data(run.plan.experiment, run.sessions)))
    assert "host.json is missing" in text


def figures(page: str) -> list[str]:
    return [each.attributes["id"] for each in elements(page) if each.tag == "figure"]


def test_there_is_a_figure_for_everything_that_was_measured(page: str) -> None:
    assert figures(page) == [
        "forest-latency",
        "sessions-latency",
        "sessions-cpu",
        "drift",
        "drift-differences",
        "most",
        "longest",
        "carry-over",
        "burst-lengths",
    ]


def test_what_was_not_measured_is_not_drawn() -> None:
    one = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, sessions=1, raw=False)
    assert figures(page_of(one)) == ["drift", "drift-differences"]


def test_the_seed_s_experiment_stands_beside_its_write_up() -> None:
    seed = run_of({"tcp": 1.0, "sharedvolume": 0.97, "combined": 0.9}, raw=False)
    text = prose(page_of(seed))
    assert "Compared with the write-up" in text
    assert "docker-desktop-macos combined is inconsistent: 1.871 ms per request" in text


def test_headings_step_down_one_level_at_a_time(page: str) -> None:
    levels = [int(each.tag[1]) for each in elements(page) if re.fullmatch("h[1-6]", each.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))


def test_tables_and_figures_can_be_heard(page: str) -> None:
    found = elements(page)
    tags = [each.tag for each in found]
    assert tags.count("table") == tags.count("caption")
    assert all("scope" in each.attributes for each in found if each.tag == "th")
    drawings = [each for each in found if each.attributes.get("role") == "img"]
    assert len(drawings) == tags.count("figure")
    assert all(len(each.attributes["aria-label"]) > 40 for each in drawings)


def test_no_two_elements_share_an_id_and_links_lead_somewhere(page: str) -> None:
    found = elements(page)
    ids = [each.attributes["id"] for each in found if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    links = {each.attributes["href"].removeprefix("#") for each in found if "href" in each.attributes}
    assert {"doubts", "the-numbers"} <= links <= set(ids)
