"""The types that all packages share. All are frozen, and numbers have their unit in their name."""

from harness.model.base import (
    MACHINE_STATE,
    OUT_OF_TIME,
    ROLES,
    SERVER_ROLES,
    SERVICE_ROLE,
    AddressKind,
    JsonModel,
    TransportFamily,
    Verdict,
)
from harness.model.effects import (
    Additivity,
    Agreement,
    ArmEffect,
    CombinedRungs,
    Effect,
    FactorInteraction,
    Interaction,
    JointEffect,
    JudgedEffect,
    Judgement,
    Ladder,
    LadderStep,
    LevelEffect,
    MainEffect,
    NonAdditivity,
    RungEffect,
    SignAgreement,
    TailEffect,
    ToolAgreement,
)
from harness.model.experiment import (
    AllanPoint,
    Arm,
    CarryOverPoint,
    Design,
    Experiment,
    Pilot,
    Plan,
    Schedule,
    ScreenKind,
)
from harness.model.explanation import (
    ArmUtilisation,
    Bottleneck,
    Capacity,
    ConnectionSetup,
    CounterSummary,
    Evidence,
    Explanation,
    FloorResults,
    FloorRow,
    Interval,
    LoadPoint,
    OpenLoopTimes,
    PercentileValue,
    Plausibility,
    Waterfall,
    WaterfallPart,
)
from harness.model.http import DEFAULT_HOST, PLAIN_REQUEST, Reply, Request, Target, request_for
from harness.model.metrics import DESIGN_METRICS, GATE_METRICS, HEADLINE_METRICS, METRICS, Metric, MetricName
from harness.model.plugins import Knob, KnobValue, NetworkRung, SandboxRung, Transport
from harness.model.profile import ProfileComparison, ProfilePart
from harness.model.record import CounterSnapshot, Doubt, Record, ThrottleCounts, Visit, VisitRow
from harness.model.settings import Chain, CpuNumbers, RoleCpuNumbers, Settings
from harness.model.summary import ApplicationFile, ArmSummary, Comparison, NeededBudget, RunSeconds, Summary
from harness.model.tools import FormatMarks, ImportedRun, ImportFormat, LoadTool, ToolResult
from harness.model.waiting import ChainPart, RequestChain, WaitingComparison, WaitingDifference
