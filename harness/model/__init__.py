"""The types that cross rooms. All are frozen, and every number carries its unit in its name."""

from harness.model.difference import Difference
from harness.model.experiment import Arm, Chain, CpuLists, Cpus, Design, Experiment, Screen, Settings
from harness.model.factors import (
    Agreement,
    BothAtOnce,
    FactorInteraction,
    Interaction,
    LevelEffect,
    MainEffect,
    SameSign,
    Tail,
    ToolSign,
)
from harness.model.foreign import Foreign, Marks, Reader
from harness.model.knobs import Knob, KnobValue
from harness.model.ladder import Additivity, Beyond, Climb, Ladder, LadderStep, Together
from harness.model.load import Capacity, LoadPoint, Paced
from harness.model.outcome import Outcome
from harness.model.plan import AllanPoint, CurvePoint, Pilot, Plan, Schedule
from harness.model.plugins import LoadTool, Reply, Target, Transport
from harness.model.record import Doubt, Record, Snapshot, Visit, VisitRow
from harness.model.request import OWN_HOST, PLAIN, Request, request_for
from harness.model.rungs import NetworkRung, SandboxRung
from harness.model.summary import ArmSummary, Comparison, Needed, Seconds, Summary
from harness.model.throttled import Throttled
from harness.model.why import (
    Amount,
    Bound,
    Counter,
    Evidence,
    Explanation,
    Floor,
    FloorRow,
    Load,
    Part,
    Plausibility,
    Setup,
    Waterfall,
)
from harness.model.words import HEADLINE, ROLES, SERVER_ROLES, SERVICE, Home, Metric, Model, Verdict

__all__ = [
    "HEADLINE",
    "OWN_HOST",
    "PLAIN",
    "ROLES",
    "SERVER_ROLES",
    "SERVICE",
    "Additivity",
    "Agreement",
    "AllanPoint",
    "Amount",
    "Arm",
    "ArmSummary",
    "Beyond",
    "BothAtOnce",
    "Bound",
    "Capacity",
    "Chain",
    "Climb",
    "Comparison",
    "Counter",
    "CpuLists",
    "Cpus",
    "CurvePoint",
    "Design",
    "Difference",
    "Doubt",
    "Evidence",
    "Experiment",
    "Explanation",
    "FactorInteraction",
    "Floor",
    "FloorRow",
    "Foreign",
    "Home",
    "Interaction",
    "Knob",
    "KnobValue",
    "Ladder",
    "LadderStep",
    "LevelEffect",
    "Load",
    "LoadPoint",
    "LoadTool",
    "MainEffect",
    "Marks",
    "Metric",
    "Model",
    "Needed",
    "NetworkRung",
    "Outcome",
    "Paced",
    "Part",
    "Pilot",
    "Plan",
    "Plausibility",
    "Reader",
    "Record",
    "Reply",
    "Request",
    "SameSign",
    "SandboxRung",
    "Schedule",
    "Screen",
    "Seconds",
    "Settings",
    "Setup",
    "Snapshot",
    "Summary",
    "Tail",
    "Target",
    "Throttled",
    "Together",
    "ToolSign",
    "Transport",
    "Verdict",
    "Visit",
    "VisitRow",
    "Waterfall",
    "request_for",
]
