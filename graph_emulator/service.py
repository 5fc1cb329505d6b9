"""The service behind both ways in: the tenant, its tokens, limits and faults, and the requests it has seen."""

import threading
from collections.abc import Iterable

from graph_emulator.clock import Clock
from graph_emulator.estate import build_estate
from graph_emulator.faults.profiles import profile_named, settled
from graph_emulator.faults.rules import FaultRule, Faults
from graph_emulator.faults.throttle import Throttle
from graph_emulator.handlers.routes import OPERATIONS
from graph_emulator.settings import EmulatorSettings
from graph_emulator.sign_in.token_endpoint import SignIn
from graph_emulator.sign_in.tokens import TokenIssuer
from graph_emulator.tenant import Tenant
from graph_emulator.wire.request_log import RequestLog


class Service:
    """All that has state; `lock` guards it, and `reset` replaces it.

    Args:
        settings: the tenant and its character.
        clock: the tenant's time.
        faults: rules of misbehaviour beyond those of the profile.

    Raises:
        EmulatorError: an unknown profile, or a rule about an unknown operation.
    """

    def __init__(self, settings: EmulatorSettings, clock: Clock, faults: Iterable[FaultRule] = ()) -> None:
        self.settings = settled(settings)
        self.clock = clock
        self.lock = threading.RLock()
        self._own_rules = tuple(faults)
        Faults.check(self._own_rules, OPERATIONS)
        self.reset()

    def reset(self) -> None:
        """Start again with an empty tenant and the same settings."""
        settings = self.settings
        with self.lock:
            self.tenant = Tenant(settings)
            build_estate(self.tenant, self.clock.now())
            self.tokens = TokenIssuer(settings)
            self.sign_in = SignIn(settings, self.tokens)
            self.throttle = Throttle(settings)
            self.faults = Faults(settings.seed, (*self._own_rules, *profile_named(settings.profile).rules))
            self.requests = RequestLog(settings.requests_kept)
