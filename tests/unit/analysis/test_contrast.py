"""What is not the same in all runs, field by field."""

from harness.analysis.between_runs.metadata import (
    MetadataDifference,
    design_tree,
    flatten,
    host_tree,
    metadata_differences,
    settings_tree,
)
from tests.support.comparable_runs import run_data


def test_a_tree_is_flattened_to_dotted_names() -> None:
    tree = {
        "kernel": {"release": "6.12", "config_sha256": None},
        "models": [{"microcode": "0x1"}, {"microcode": "0x2"}],
        "options": ["rw", "relatime"],
        "nginx": "nginx/1.26\nbuilt with OpenSSL",
        "smt": True,
        "knobs": {},
    }

    assert flatten(tree) == {
        "kernel.release": "6.12",
        "kernel.config_sha256": "null",
        "models.0.microcode": "0x1",
        "models.1.microcode": "0x2",
        "options": "rw relatime",
        "nginx.0": "nginx/1.26",
        "nginx.1": "built with OpenSSL",
        "smt": "true",
    }


def test_only_fields_that_differ_are_contrasted() -> None:
    found = tuple(metadata_differences([{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 1}]))

    assert found == (MetadataDifference(field="b", values=("1", "2", "1")),)


def test_a_field_that_a_run_lacks_differs() -> None:
    assert tuple(metadata_differences([{"p": {"a": 1}}, {"p": {"a": 1, "b": ""}}])) == (
        MetadataDifference(field="p.b", values=(None, "")),
    )


def test_a_run_of_which_nothing_is_known_differs_in_nothing() -> None:
    assert tuple(metadata_differences([{"a": 1}, {}])) == ()
    assert tuple(metadata_differences([{}, {}])) == ()


def test_a_run_of_which_nothing_is_known_hides_no_difference_between_the_others() -> None:
    assert tuple(metadata_differences([{"a": 1}, {}, {"a": 2}])) == (
        MetadataDifference(field="a", values=("1", None, "2")),
    )


def test_the_settings_of_a_control_are_those_of_its_arm() -> None:
    settings = flatten(settings_tree(run_data(paths={"tcp": "/spike/30"}).plan))

    assert settings["arms.tcp.path"] == "/spike/30"
    assert not [name for name in settings if name.startswith("arms.control")]


def test_the_lengths_are_those_measured_not_those_asked() -> None:
    measuring = flatten(design_tree(run_data(rounds=36).plan))

    assert measuring["schedule.rounds"] == "36"
    assert "design.rounds" not in measuring
    assert "schedule.reason" not in measuring


def test_the_host_is_what_lasts_and_where_processes_and_sockets_were() -> None:
    record = run_data().records[0]
    hop = {"address": "/dev/shm/x", "listener": "17", "filesystem": "tmpfs", "options": "rw"}
    proved = record.model_copy(update={"proofs": {"uds": {"cpus": {"client": [1], "app": [0, 2]}, "hop": hop}}})
    host = {"memory": {"total_bytes": 8, "available_bytes": 7}, "system": "Linux", "pyperf": {"cpu_freq": "1 MHz"}}

    assert flatten(host_tree(host, [proved])) == {
        "memory.total_bytes": "8",
        "system": "Linux",
        "placement.uds": "client 1, app 0,2",
        "sockets.uds.filesystem": "tmpfs",
        "sockets.uds.options": "rw",
    }


def test_without_host_facts_nothing_is_said_of_the_host() -> None:
    assert host_tree({}, run_data().records) == {}
