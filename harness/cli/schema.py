"""barehop schema: print the JSON Schema of a file format."""

import json
from collections.abc import Mapping
from typing import Any

import click
from pydantic import BaseModel, TypeAdapter

from harness import plugins
from harness.cli.common import CONFIG_DIRECTORY
from harness.experiment.document import Document
from harness.model import Design, Effect, Knob, LoadTool, NetworkRung, SandboxRung, Settings, Summary, Transport
from harness.model.record import HostFacts

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_DIRECTORY = CONFIG_DIRECTORY / "schemas"
SUBJECTS = {
    "experiment": "An experiment file of barehop, in TOML",
    "summary": "summary.json in a results directory of barehop",
    "effects": "The list `effects` in summary.json: every contrast of a run in one shape",
    "host": "host.json in a results directory of barehop",
}
PLUGIN_SETTINGS = {"transport": Transport, "tool": LoadTool, "network": NetworkRung}
BUILT_IN = {"tool": ["client"], "network": ["host"]}  # that are no plug-ins
DEFINITIONS = "$defs"


@click.command()
@click.argument("subject", metavar="SUBJECT", type=click.Choice(list(SUBJECTS)))
def schema(subject: str) -> None:
    """Print the JSON Schema of a file format.

    SUBJECT is experiment, summary, effects or host.
    """
    click.echo(schema_text(subject), nl=False)


def schema_text(subject: str) -> str:
    """Return the JSON Schema of `subject` as text."""
    about = {"$schema": SCHEMA_DIALECT, "title": SUBJECTS[subject]}
    return json.dumps(about | (_schemas(subject)), indent=1, ensure_ascii=False) + "\n"


def _schemas(subject: str) -> dict[str, Any]:
    """Return the schema of `subject`. What barehop writes is described as it is written."""
    if subject == "experiment":
        return experiment_schema()
    types: dict[str, Any] = {"summary": Summary, "effects": list[Effect], "host": HostFacts}
    schema = TypeAdapter(types[subject]).json_schema(mode="serialization")
    return {key: value for key, value in schema.items() if key != "title"}


def experiment_schema() -> dict[str, Any]:
    """Return the schema of an experiment file: each table has its keys, each factor a list of values of its setting."""
    settings, definitions = _model_schema(Settings)
    design, design_definitions = _model_schema(Design)
    for name, kind in PLUGIN_SETTINGS.items():
        settings[name]["enum"] = [*BUILT_IN.get(name, []), *plugins.names(kind)]
    settings["sandbox"]["items"]["enum"] = plugins.names(SandboxRung)
    settings["knobs"]["properties"] = {
        name: {"description": knob.help, "type": ["integer", "string"]} for name, knob in plugins.table(Knob).items()
    }
    arm = {"type": "object", "properties": settings, "additionalProperties": False}
    document = Document.model_json_schema()["properties"]
    tables = {
        "arm": {"description": "settings of every arm", "$ref": f"#/{DEFINITIONS}/Arm"},
        "arms": {
            "description": "the arms, by name, and what is particular to each",
            "type": "object",
            "additionalProperties": {"$ref": f"#/{DEFINITIONS}/Arm"},
        },
        "factors": _factors_schema(settings),
        "design": {"type": "object", "properties": design, "additionalProperties": False},
    }
    return {
        "type": "object",
        "properties": document | tables,
        "additionalProperties": False,
        DEFINITIONS: definitions | design_definitions | {"Arm": arm},
    }


def _model_schema(model: type[BaseModel]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schema of each field of `model`, and the definitions that they refer to."""
    schema = model.model_json_schema()
    fields: dict[str, Any] = schema["properties"]
    return fields, schema.get(DEFINITIONS, {})


def _factors_schema(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of `[factors]`: a list of levels by setting; knobs have dotted names."""
    levels = {"type": "array", "minItems": 2}
    return {
        "description": "every combination of these values is an arm",
        "type": "object",
        "properties": {
            name: {"description": setting.get("description", ""), **levels, "items": _without_default(setting)}
            for name, setting in settings.items()
        },
        "patternProperties": {r"^knobs\.": {**levels, "items": {"type": ["integer", "string"]}}},
        "additionalProperties": False,
    }


def _without_default(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in ("default", "title", "description")}
