"""The types that cross rooms. All are frozen, and every number carries its unit in its name."""

from harness.model.difference import Difference
from harness.model.experiment import Arm, Chain, CpuLists, Cpus, Design, Experiment, Settings
from harness.model.factors import Agreement, BothAtOnce, Interaction, LevelEffect, SameSign, Tail, ToolSign
from harness.model.load import Capacity, LoadPoint, Paced
from harness.model.outcome import Outcome
from harness.model.plan import AllanPoint, CurvePoint, Pilot, Plan, Schedule
from harness.model.plugins import LoadTool, Reply, Target, Transport
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
from harness.model.words import HEADLINE, ROLES, SERVER_ROLES, Home, Metric, Model, Verdict

__all__ = [
    "HEADLINE",
    "ROLES",
    "SERVER_ROLES",
    "Agreement",
    "AllanPoint",
    "Amount",
    "Arm",
    "ArmSummary",
    "BothAtOnce",
    "Bound",
    "Capacity",
    "Chain",
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
    "Floor",
    "FloorRow",
    "Home",
    "Interaction",
    "LevelEffect",
    "Load",
    "LoadPoint",
    "LoadTool",
    "Metric",
    "Model",
    "Outcome",
    "Paced",
    "Part",
    "Pilot",
    "Plan",
    "Plausibility",
    "Record",
    "Reply",
    "SameSign",
    "Schedule",
    "Seconds",
    "Settings",
    "Setup",
    "Snapshot",
    "Summary",
    "Tail",
    "Target",
    "ToolSign",
    "Transport",
    "Verdict",
    "Visit",
    "VisitRow",
    "Waterfall",
]
