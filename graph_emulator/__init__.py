"""A Microsoft Graph tenant that runs here: for tests, demos and rehearsals.

It shares no code with the client, so that a wrong name cannot be wrong on both sides and pass.
"""

from graph_emulator.clock import Clock
from graph_emulator.emulator import Emulator
from graph_emulator.faults.profiles import PROFILES
from graph_emulator.faults.rules import FaultRule
from graph_emulator.settings import SWITCHES, Client, EmulatorError, EmulatorSettings, FederatedCredential, both_ways

__all__ = [
    "PROFILES",
    "SWITCHES",
    "Client",
    "Clock",
    "Emulator",
    "EmulatorError",
    "EmulatorSettings",
    "FaultRule",
    "FederatedCredential",
    "both_ways",
]
