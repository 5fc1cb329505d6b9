"""Several tenants behind one authority, as in Microsoft's cloud: each with its own directory, people and budgets."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from graph_emulator.clock import Clock, guid
from graph_emulator.directory.gallery import COMPANIES
from graph_emulator.emulator import VERSIONS, Emulator
from graph_emulator.faults.rules import FaultRule
from graph_emulator.http.asgi import EmulatorTransport
from graph_emulator.settings import EmulatorError, EmulatorSettings
from graph_emulator.tenant import Neighbors
from graph_emulator.wire.problems import Request, Response

if TYPE_CHECKING:
    from graph_emulator.http.server import Served

CONTROLS = "/_emulator/tenants/"
_FIRST = COMPANIES.index("Fabrikam")


def subsidiaries(home: EmulatorSettings, count: int) -> tuple[EmulatorSettings, ...]:
    """The settings of further tenants: the same application in each, with a secret of its own.

    Args:
        home: what they have in common with the first tenant.
        count: how many.
    """
    found = []
    for number in range(count):
        turn, place = divmod(_FIRST + number, len(COMPANIES))
        name = f"{COMPANIES[place]} {turn + 1}" if turn else COMPANIES[place]
        settings = home.with_changes(
            tenant_id=guid("subsidiary", home.tenant_id, number),
            tenant_name=name,
            client_secret=f"emulator~secret.of.{number + 1}",
            seed=home.seed + 1 + number,
            estate=0,
        )
        found.append(settings)
    return tuple(found)


class EmulatedCloud:
    """Tenants that share a clock, and may synchronize users into each other.

    Sign-in goes to the tenant in the path, a request to Graph to the tenant of its token, and
    `/_emulator/tenants/TENANT_ID/…` to the controls of that tenant. All else goes to the first tenant.

    Args:
        tenants: at least one; those without a seed of their own get different ones.
        clock: the time of all tenants; by default the system clock, which can be advanced.
        faults: fault rules for every tenant, in addition to those of its profile.

    Raises:
        EmulatorError: no tenant, two with one id, an unknown profile, or a rule about an unknown operation.
    """

    def __init__(
        self,
        tenants: Iterable[EmulatorSettings],
        clock: Clock | None = None,
        faults: Iterable[FaultRule] = (),
    ) -> None:
        self.clock, rules, neighbors = clock or Clock(), tuple(faults), Neighbors()
        self._tenants: dict[str, Emulator] = {}
        for position, settings in enumerate(tenants):
            if settings.tenant_id in self._tenants:
                raise EmulatorError(f"two tenants have the id {settings.tenant_id}")
            # Ids of objects follow from the seed, and must differ between tenants.
            own = settings if "seed" in settings.given else settings.with_changes(seed=settings.seed + position)
            self._tenants[settings.tenant_id] = Emulator(own, self.clock, rules, neighbors)
        if not self._tenants:
            raise EmulatorError("a cloud has at least one tenant")
        self._home = next(iter(self._tenants.values()))

    @property
    def tenants(self) -> Mapping[str, Emulator]:
        """The tenants by id, in order."""
        return self._tenants

    def __getitem__(self, tenant_id: str) -> Emulator:
        """One tenant."""
        return self._tenants[tenant_id]

    def handle(self, request: Request) -> Response:
        """Answer one request, whichever tenant it concerns."""
        if request.path.startswith(CONTROLS):
            tenant_id, _, rest = request.path.removeprefix(CONTROLS).partition("/")
            if tenant_id.lower() in self._tenants:
                return self._tenants[tenant_id.lower()].handle(replace(request, path=f"/_emulator/{rest}"))
        return self._addressed(request).handle(request)

    def _addressed(self, request: Request) -> Emulator:
        first = request.path.split("/", 2)[1].lower() if request.path.startswith("/") else ""
        if first in VERSIONS:
            authorization = request.headers.get("authorization")
            found = (tenant for tenant in self._tenants.values() if tenant.issued(authorization))
        else:
            found = (
                each for each in self._tenants.values() if first in (each.settings.tenant_id, each.settings.domain)
            )
        # What no tenant knows, the first one refuses.
        return next(found, self._home)

    def transport(self) -> httpx.AsyncBaseTransport:
        """The way in from this process: pass it to an httpx client."""
        return EmulatorTransport(self.handle)

    def serve(self, port: int = 0, directory: Path | None = None) -> "Served":
        """The way in from other processes of this machine: a TLS server on localhost, for use with `with`.

        Its environment points a client at the first tenant; each other one has its variables with a prefix, such as
        `FABRIKAM_AZURE_TENANT_ID`.

        Args:
            port: 0 takes a free one.
            directory: where `ca.pem` and `env.sh` are written; a temporary one by default.
        """
        from graph_emulator.http.server import Served  # noqa: PLC0415 - uvicorn is not needed in process

        others = [tenant.settings for tenant in self._tenants.values() if tenant is not self._home]
        return Served(self.handle, self._home.settings, port, directory, others)
