"""Each program as a description that turns into its command line.

An experiment fills these in from its scenario and starts `argv(...)` in a host, without
knowing the programs' flags: a field is the flag of the same name.
"""

from __future__ import annotations

from traffic.describe.crafted import CraftedPackets, PacketCapture, PcapReplay
from traffic.describe.inference import InferenceLoad, InferenceServer, ToolServer, WeightStore
from traffic.describe.loads import BulkClient, BulkServer, MatrixReceiver, MatrixSender
from traffic.describe.probes import ProbeReceiver, ProbeSender, TwampReflector, TwampSender
from traffic.describe.process import Process, Shaped, environment
from traffic.describe.ranks import CollectiveRank, IncastReceiver, IncastSender, TrainingRank

__all__ = [
    "BulkClient",
    "BulkServer",
    "CollectiveRank",
    "CraftedPackets",
    "IncastReceiver",
    "IncastSender",
    "InferenceLoad",
    "InferenceServer",
    "MatrixReceiver",
    "MatrixSender",
    "PacketCapture",
    "PcapReplay",
    "ProbeReceiver",
    "ProbeSender",
    "Process",
    "Shaped",
    "ToolServer",
    "TrainingRank",
    "TwampReflector",
    "TwampSender",
    "WeightStore",
    "environment",
]
