"""The base class of serialized types, and the literals that all types share."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

ROLES = ("client", "nginx", "app")
SERVER_ROLES = ("nginx", "app")
SERVICE_ROLE = "service"  # everything behind a url
OUT_OF_TIME = "out-of-time"  # the kind of the doubt about a run that ended with few sessions
MACHINE_STATE = "machine-state"  # the kind of the doubt about effects that differ between slow and fast sessions
Verdict = Literal["faster", "slower", "equivalent", "undecided"]
TransportFamily = Literal["tcp", "unix"]
AddressKind = Literal["port", "tmpfs", "directory"]  # a socket on tmpfs, or in a directory that is not on tmpfs


class JsonModel(BaseModel):
    """A value that is written to and read from JSON; unknown keys and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
