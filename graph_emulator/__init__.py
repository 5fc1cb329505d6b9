"""A Microsoft Graph tenant in this process: for tests, demos and rehearsals.

It shares no code with the client: otherwise a name that is wrong in both would pass every test.
"""

from graph_emulator.clock import Clock
from graph_emulator.cloud import EmulatedCloud
from graph_emulator.emulator import Emulator
from graph_emulator.faults.profiles import PROFILES
from graph_emulator.faults.rules import FaultRule
from graph_emulator.settings import SWITCHES, Client, EmulatorError, EmulatorSettings, FederatedCredential, both_ways

__all__ = [
    "PROFILES",
    "SWITCHES",
    "Client",
    "Clock",
    "EmulatedCloud",
    "Emulator",
    "EmulatorError",
    "EmulatorSettings",
    "FaultRule",
    "FederatedCredential",
    "both_ways",
]
