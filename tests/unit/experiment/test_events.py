"""Which events an experiment may count, and what is said of others."""

import pytest

from tests.support.experiment_files import TWO_ARMS, read, refusal, refusals

ONE_EVENT = 'write one event as perf list shows it, like "skb:consume_skb": no list, group or pattern.'


@pytest.mark.parametrize(
    "event",
    [
        "tcp:tcp_retransmit_skb",
        "context-switches",
        "page-faults:u",
        "L1-dcache-loads",
        "cpu/event=0x3c,umask=1/u",
        "r00c0",
    ],
)
def test_an_event_is_written_as_perf_lists_it(event: str) -> None:
    assert read(f'{TWO_ARMS}[counters]\nx = "{event}"\n').counters == {"x": event}


@pytest.mark.parametrize(
    "event",
    [
        "",
        "-a",
        "--help",
        "cs,page-faults",
        "{cs,cycles}",
        "skb:*",
        "a b",
        "$(id)",
        "probe.c",
        "probe.o",
        "/tmp/x.o",
        "x" * 201,
    ],
)
def test_a_text_that_perf_would_not_take_for_one_event_is_refused(event: str) -> None:
    assert f'counters.x = "{event[:50]}' in (text := refusal(f'{TWO_ARMS}[counters]\nx = "{event}"\n'))
    assert text.endswith(ONE_EVENT)


@pytest.mark.parametrize("name", ['"a b"', '"a.b"', "1st", "_x", '"é"', "x" * 41])
def test_a_counter_has_a_name_that_fits_into_a_table(name: str) -> None:
    assert 'a name has letters, digits, "_" and "-"' in refusal(f'{TWO_ARMS}[counters]\n{name} = "cs"\n')


def test_all_problems_of_counters_are_in_one_message_with_those_of_settings() -> None:
    counters = "\n".join(f'n{number} = "skb:event_{number}"' for number in range(15))
    text = "\n".join(
        refusals(f'{TWO_ARMS}[arm]\nworkers = 0\n[counters]\n{counters}\nx = "-a"\ny = "skb:event_3"\nz = 5\n')
    )
    assert "arm.workers = 0: must be 1 or more." in text
    assert "counters.z = 5: must be text in quotes." in text
    assert ONE_EVENT in text
    assert 'counters.y = "skb:event_3": counters.n3 counts the same event. Keep one of them.' in text
    assert "has 17 events; at most 16 are counted." in text


def test_counters_are_a_table() -> None:
    assert 'counters = ["cs"]: must be a table' in refusal(f'counters = ["cs"]\n{TWO_ARMS}')


def test_an_override_adds_and_removes_counters() -> None:
    text = f'{TWO_ARMS}[counters]\nx = "cs"\n'
    assert read(text, "counters.y=page-faults").counters == {"x": "cs", "y": "page-faults"}
    assert read(text, "counters={}").counters == {}


@pytest.mark.parametrize(
    ("arms", "reason"),
    [
        (f'{TWO_ARMS}[arm]\ntool = "ab"\n', "these arms have an external tool."),
        ("[factors]\nworkers = [1, 2, 3, 4, 5, 6, 7, 8, 9]\n", "only in experiments of at most 8 arms."),
        (
            '[arms.a]\nurl = "http://127.0.0.1:1/"\n[arms.b]\nurl = "http://127.0.0.1:2/"\n',
            "behind a url is not known.",
        ),
    ],
)
def test_arms_whose_events_nobody_counts_are_refused(arms: str, reason: str) -> None:
    text = refusal(f'{arms}[counters]\nx = "cs"\n')
    assert text.startswith("[counters] needs other arms: ")
    assert text.endswith(reason)
