"""A tenant that is the death of who asks it: deterministic, because the emulator itself counts and kills."""

import signal

from graph_emulator import EmulatedCloud, Emulator
from graph_emulator.wire.problems import Response

GRAPH = ("/v1.0/", "/beta/")


class Deadly:
    """Sends a signal to a process when it sends its n-th request, before that is carried out or before it is answered.

    What was killed is dead before anything else is answered; what is only interrupted gets its answers.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.spare()

    def doom(self, request, *, after_commit, with_signal=signal.SIGKILL):
        """Let a process die of its n-th request; tell which process by `victim`."""
        self.victim = None
        self._fatal, self._after_commit, self._signal = request, after_commit, with_signal
        self._seen = 0

    def spare(self):
        """Harm nobody any more."""
        self.doom(None, after_commit=False)

    def handle(self, request):
        if self._fatal is None or not request.path.startswith(GRAPH):
            return super().handle(request)
        self._seen += 1
        if self._seen != self._fatal:
            return super().handle(request)
        if self._after_commit:
            answer = super().handle(request)
        self.victim.send_signal(self._signal)
        if self._signal == signal.SIGKILL:
            self.victim.wait()
            return Response(0, reset=True)
        return answer if self._after_commit else super().handle(request)


class DeadlyEmulator(Deadly, Emulator):
    """One such tenant."""


class DeadlyCloud(Deadly, EmulatedCloud):
    """Several tenants, whose requests are counted together."""
