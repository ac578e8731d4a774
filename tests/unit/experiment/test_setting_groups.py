"""Settings come in groups that are types; the keys of a file stay flat."""

from harness.model import Settings
from harness.model.settings import (
    IS_PATH,
    AddressSettings,
    LoadSettings,
    PlacementSettings,
    ServiceSettings,
    StackSettings,
    flatten_tables,
    varying_keys,
)


def test_every_setting_is_of_the_stack_of_the_service_of_the_load_or_of_both() -> None:
    groups = (StackSettings, ServiceSettings, LoadSettings, AddressSettings, PlacementSettings)
    assert {name for group in groups for name in group.model_fields} == set(Settings.model_fields)
    assert sum(len(group.model_fields) for group in groups) == len(Settings.model_fields)


def test_paths_are_known_by_their_type() -> None:
    assert [name for name, field in Settings.model_fields.items() if IS_PATH in field.metadata] == [
        "app_dir",
        "authority",
    ]


def test_a_knob_has_a_dotted_name_and_what_varies_keeps_its_order() -> None:
    flat = [Settings(knobs={"a.b": value}, workers=value).flatten() for value in (1, 2)]
    assert (flat[0]["knobs.a.b"], "knobs" in flat[0]) == (1, False)
    assert varying_keys(flat) == ["workers", "knobs.a.b"]
    assert varying_keys([{"x": 1}, {"x": 1, "y": 2}]) == ["y"]


def test_a_table_that_is_text_stays_one_value() -> None:
    assert flatten_tables({"placement": "auto", "knobs": {}, "z": 1}, ("placement", "knobs")) == {
        "z": 1,
        "placement": "auto",
    }
