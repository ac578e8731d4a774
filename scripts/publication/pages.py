"""What results/published shows: each page, and what measures it."""

from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PUBLISHED = CHECKOUT / "results" / "published"


@dataclass(frozen=True, slots=True)
class RunPage:
    """The report of a run: `page` below results/published, the `results` directory, and the configuration's name.

    `is_part` of another study, which measures it.
    """

    page: str
    results: str
    config: str
    is_part: bool = False

    @property
    def command(self) -> str:
        return f"barehop run {self.config}"


@dataclass(frozen=True, slots=True)
class StudyPage:
    """The page that a script of ours measures and writes by itself, with `options` beside --publish."""

    page: str
    results: str
    question: str
    command: str
    module: str
    options: tuple[str, ...] = ()


def run_page(room: str, config: str) -> RunPage:
    """Return the page of a configuration that is measured by itself."""
    return RunPage(f"{room}/{config}.md", config, config)


SEED_STUDY = "seed-study"
PAGES: tuple[StudyPage | RunPage, ...] = (
    StudyPage(
        "seed/seed.md",
        SEED_STUDY,
        "Does the transport matter? The write-up of 2021, answered",
        "scripts/seed --publish",
        "scripts.seed_study",
        ("--out", SEED_STUDY),
    ),
    RunPage("baseline/baseline.md", f"{SEED_STUDY}/baseline", "baseline", is_part=True),
    RunPage("ladder/ladder.md", f"{SEED_STUDY}/ladder", "ladder", is_part=True),
    RunPage("ladder/ladder-quota.md", f"{SEED_STUDY}/ladder-quota", "ladder-quota", is_part=True),
    run_page("ladder", "ladder-sandbox"),
    run_page("kernel", "kernel-tcp"),
    run_page("kernel", "kernel-screen"),
    run_page("kernel", "kernel-conntrack"),
    run_page("kernel", "kernel-cpu"),
    run_page("profile", "profile"),
    run_page("hops", "hops"),
    run_page("hops", "sockmap"),
    run_page("hops", "mptcp"),
    run_page("servers", "servers"),
    run_page("tools", "tools"),
    run_page("tools", "crosscheck"),
    StudyPage(
        "precision/precision.md",
        "precision",
        "How far off are this and other methods in equal time?",
        "scripts/precision --publish",
        "scripts.precision_study",
        ("--seconds", "60", "--out", "precision"),
    ),
    StudyPage(
        "precision/headline.md",
        "headline",
        "How often does one minute find one percent?",
        "scripts/precision --headline --publish",
        "scripts.precision_study",
        ("--headline", "--out", "headline"),
    ),
    StudyPage(
        "fleet/fleet.md",
        "fleet",
        "Does a result of barehop fleet repeat on one machine?",
        "scripts/fleet-study --publish",
        "scripts.fleet_study",
        ("--out", "fleet"),
    ),
    StudyPage(
        "tools/by-hand.md",
        "by-hand",
        "Does barehop obtain from a load tool what a hand obtains?",
        "scripts/by-hand --publish",
        "scripts.by_hand",
    ),
)
