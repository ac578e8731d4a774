"""The types that cross rooms. All are frozen, and every number carries its unit in its name."""

from harness.model.experiment import Arm, Chain, CpuLists, Cpus, Design, Experiment, Settings
from harness.model.knobs import Knob, KnobValue
from harness.model.plan import AllanPoint, CurvePoint, Pilot, Plan, Schedule
from harness.model.plugins import LoadTool, Outcome, Reply, Target, Transport
from harness.model.record import Doubt, Record, Snapshot, Visit, VisitRow
from harness.model.summary import ArmSummary, Comparison, Seconds, Summary
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
from harness.model.words import ROLES, SERVER_ROLES, Home, Metric, Model, Verdict

__all__ = [
    "ROLES",
    "SERVER_ROLES",
    "AllanPoint",
    "Amount",
    "Arm",
    "ArmSummary",
    "Bound",
    "Chain",
    "Comparison",
    "Counter",
    "CpuLists",
    "Cpus",
    "CurvePoint",
    "Design",
    "Doubt",
    "Evidence",
    "Experiment",
    "Explanation",
    "Floor",
    "FloorRow",
    "Home",
    "Knob",
    "KnobValue",
    "Load",
    "LoadTool",
    "Metric",
    "Model",
    "Outcome",
    "Part",
    "Pilot",
    "Plan",
    "Plausibility",
    "Record",
    "Reply",
    "Schedule",
    "Seconds",
    "Settings",
    "Setup",
    "Snapshot",
    "Summary",
    "Target",
    "Transport",
    "Verdict",
    "Visit",
    "VisitRow",
    "Waterfall",
]
