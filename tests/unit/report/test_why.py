"""What is said of causes, in sentences and tables."""

import pytest

from harness.model import Design, Interval
from harness.report.export.csv_file import render_csv
from harness.report.format import format_us_amount
from harness.report.sections.why import (
    cause_sentences,
    counter_name,
    difference_tables,
    format_per_request,
    share_clause,
)
from tests.support.known_causes import (
    FLOOR,
    FULL,
    PARTS,
    TCP,
    TIMES,
    TWO,
    UNIX,
    Truth,
    arm,
    experiment,
    records,
    summary,
    times,
)
from tests.support.run_reports import render_markdown, render_terminal


def test_a_difference_is_shown_as_the_sum_of_its_parts() -> None:
    ((header, rows),) = difference_tables(summary(TWO, records({"tcp": TCP, "unix": UNIX})))
    assert header == ("us per request against tcp", "unix")
    assert [row[0] for row in rows] == [
        "time",
        "= CPU time",
        "    client",
        "    nginx",
        "    app",
        "+ waiting for a CPU",
        "+ the rest",
    ]
    assert ("    app", "-25 (-25 to -25)") in rows


def test_evidence_counts_and_plausibility_are_told_of_each_comparison() -> None:
    rest, first, *_ = cause_sentences(summary(TWO, records({"tcp": TCP, "unix": UNIX}), FLOOR))
    assert rest.startswith("The rest is the part of the difference that CPU time and waiting for a CPU do not explain.")
    assert first.startswith("unix against tcp: supported by timing, CPU time and counters.")
    assert "TCP connections opened on the hop 0.00 instead of 1.00, TCP segments sent 10.0 instead of 21.0." in first
    assert "Plausible: the bare transports, without nginx and the app, differ by -20 us" in first


def test_a_difference_that_no_transport_can_make_is_called_noise_or_placement() -> None:
    slow: Truth = UNIX | {"time_us": 700}
    first = cause_sentences(summary(TWO, records({"tcp": TCP, "unix": slow}), FLOOR))[1]
    assert "Not plausible: " in first
    assert "is noise or placement, not the transport." in first


def test_who_is_the_bottleneck_is_said_once_for_arms_alike() -> None:
    found = [one for one in cause_sentences(summary(TWO, records({"tcp": TCP, "unix": UNIX}))) if "Bottleneck" in one]
    assert len(found) == 1
    assert "all arms: latency-bound (client 22 to 23 % busy" in found[0]


def test_what_could_not_be_counted_is_said() -> None:
    seen = [one.model_copy(update={"unseen": ("There is no perf.",)}) for one in records({"tcp": TCP, "unix": UNIX})]
    assert cause_sentences(summary(TWO, seen))[-1] == "There is no perf."


def test_setting_up_connections_is_told_with_its_share() -> None:
    arms = [arm(f"{name}/{keep}", transport=name, keepalive=keep) for keep in (0, 16) for name in ("tcp", "uds-tmpfs")]
    truth = times(**{"tcp/0": 450, "uds-tmpfs/0": 430, "tcp/16": 400, "uds-tmpfs/16": 395})
    opens = dict.fromkeys(truth, 0.0) | {"tcp/0": 1.0}
    counted = {name: {**of, "hop.active_opens": opens[name]} for name, of in truth.items()}
    pairs = (("uds-tmpfs/0", "tcp/0"), ("uds-tmpfs/16", "tcp/16"))
    told = " ".join(cause_sentences(summary(experiment(*arms, pairs=pairs), records(counted))))
    assert (
        "With keepalive connections, TCP connections opened on the hop fall from 1.00 to 0.00 per request and" in told
    )
    assert "(uds-tmpfs/16 against tcp/16)" in told
    assert "Connection setup accounts for -15" in told


def test_the_waterfall_and_the_counters_stand_in_every_report() -> None:
    seen = summary(experiment(*FULL, *PARTS), records(times(**TIMES)))
    for text in (render_terminal(seen, Design(), width=110), render_markdown(seen, Design())):
        assert "the bare transport of the hop" in text
        assert "sum of the parts" in text
    table = render_csv(seen)
    assert "nginx.cpu_us," in table
    assert "nginx.cpu_us_difference," in table


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Interval(value=-13.2, low=-16.1, high=-10.4), "-13 us (-16 to -10)"),
        (Interval(value=0.31, low=0.22, high=0.4), "+0.31 us (+0.22 to +0.40)"),
        (Interval(value=12), "+12 us"),
    ],
)
def test_an_amount_has_the_digits_that_its_interval_deserves(amount: Interval, text: str) -> None:
    assert format_us_amount(amount) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0.00"), (0.0031, "0.0031"), (0.5, "0.50"), (21.04, "21.0"), (123456, "123456")]
)
def test_rates_are_readable_at_any_size(value: float, text: str) -> None:
    assert format_per_request(value) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nginx.wait_us", "nginx: waiting for a CPU, us"),
        ("app.syscalls.epoll_wait", "app: epoll_wait()"),
        ("net.segments_out", "TCP segments sent"),
    ],
)
def test_counters_have_names_in_words(name: str, text: str) -> None:
    assert counter_name(name) == text


@pytest.mark.parametrize(
    ("part", "whole", "share"),
    [
        (Interval(value=-43, low=-52, high=-34), Interval(value=-49, low=-55, high=-42), ", 88 % of it"),
        (Interval(value=-8, low=-16, high=1), Interval(value=-15, low=-23, high=-7), ""),
        (Interval(value=-8, low=-9, high=-7), Interval(value=-3, low=-7, high=1), ""),
        (Interval(value=8, low=7, high=9), Interval(value=-15, low=-23, high=-7), ""),
        (Interval(value=-20, low=-22, high=-18), Interval(value=-15, low=-23, high=-7), ", all of it"),
    ],
)
def test_a_share_is_told_only_of_what_is_sure(part: Interval, whole: Interval, share: str) -> None:
    assert share_clause(part, whole) == share
