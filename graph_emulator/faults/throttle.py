"""Throttling by the documented budgets, per application.

https://learn.microsoft.com/graph/throttling-limits
"""

from collections import deque
from collections.abc import Mapping

from graph_emulator.handlers.router import Route
from graph_emulator.settings import EmulatorSettings
from graph_emulator.wire.problems import GraphProblem


class Window:
    """A budget over a sliding window of time."""

    def __init__(self, budget: int, seconds: float) -> None:
        self._budget, self._seconds = budget, seconds
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0

    def share_after(self, cost: int, now: float) -> float:
        """The share of the budget that would be used with this cost."""
        while self._spent and self._spent[0][0] <= now - self._seconds:
            self._sum -= self._spent.popleft()[1]
        return (self._sum + cost) / self._budget

    def spend(self, cost: int, now: float) -> None:
        """Spend from the budget."""
        self._spent.append((now, cost))
        self._sum += cost

    def free_in(self, cost: int, now: float) -> float:
        """Seconds until the cost fits."""
        missing = self._sum + cost - self._budget
        for at, spent in self._spent:
            missing -= spent
            if missing <= 0:
                # Never 0: a client that waits as long as Retry-After says must find the request accepted.
                return max(at + self._seconds - now, 0.001)
        return self._seconds


class Throttle:
    """The budgets of each calling application."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self._settings = settings
        self._windows: dict[tuple[str, str], Window] = {}  # by application and budget

    def charge(self, app_id: str, route: Route, options: Mapping[str, str], now: float) -> dict[str, str]:
        """Charge a request to the budgets of its application.

        Returns:
            The headers with its cost, and with the used share if a limit is close.

        Raises:
            GraphProblem: 429, the budget is exhausted.
        """
        if route.scope == "unlimited":
            return {}
        units = _units(route, options)
        if not self._settings.throttling:
            return {"x-ms-resource-unit": str(units)}
        costs = _costs(route, units, listed_only=self._settings.unlisted_budgets == "free")
        if route.operation.startswith("list_") and "keycredentials" in options.get("$select", "").lower():
            costs["KeyCredentials"] = 1
        if not costs:
            return {"x-ms-resource-unit": str(units)}
        windows = {name: self._window(app_id, name) for name in costs}
        shares = {name: windows[name].share_after(cost, now) for name, cost in costs.items()}
        worst = max(shares, key=lambda name: shares[name])
        # Before anything is spent: a refused request costs nothing here.
        if shares[worst] > 1:
            raise self._refusal(app_id, worst, windows[worst].free_in(costs[worst], now))
        for name, cost in costs.items():
            windows[name].spend(cost, now)
        headers = {"x-ms-resource-unit": str(units)}
        # Graph reports the used share only when the limit is close.
        if shares[worst] >= 0.8:
            headers["x-ms-throttle-limit-percentage"] = f"{shares[worst]:.2f}"
        return headers

    def _window(self, app_id: str, name: str) -> Window:
        settings = self._settings
        window = self._windows.get((app_id, name))
        if window is None:
            budget, seconds = {
                "Write": (settings.writes_per_window, settings.write_window_seconds),
                "ResourceUnit": (settings.units_per_window, settings.unit_window_seconds),
                "ProvisionOnDemand": (settings.on_demand_per_window, settings.on_demand_window_seconds),
                "Reports": (settings.reports_per_window, settings.report_window_seconds),
                "KeyCredentials": (settings.key_reads_per_window, settings.key_read_window_seconds),
            }[name]
            window = Window(budget, seconds * settings.throttle_time_scale)
            self._windows[app_id, name] = window
        return window

    def _refusal(self, app_id: str, name: str, seconds: float) -> GraphProblem:
        return too_many_requests(
            {
                "Retry-After": f"{seconds:.3f}",  # a sample of Microsoft's has a fraction, 2.128
                "x-ms-throttle-scope": f"Tenant_Application/{name}/{app_id}/{self._settings.tenant_id}",
                "x-ms-throttle-information": "WriteLimitExceeded" if name == "Write" else "ResourceUnitLimitExceeded",
            }
        )


def too_many_requests(headers: dict[str, str]) -> GraphProblem:
    """The answer to a request beyond the budget."""
    return GraphProblem(
        429,
        "TooManyRequests",
        "Please retry again later.",
        headers=headers,
        inner={"code": "429", "message": "Please retry after", "status": "429"},
    )


def _costs(route: Route, units: int, *, listed_only: bool) -> dict[str, int]:
    """The cost of a request in each budget."""
    if route.scope == "reports":
        return {"Reports": 1}
    if route.scope == "on demand":
        return {"ProvisionOnDemand": 1}
    if listed_only and not route.is_listed:  # the documented limits do not mention them
        return {}
    return {"ResourceUnit": units, "Write": 1} if route.is_write else {"ResourceUnit": units}


def _units(route: Route, options: Mapping[str, str]) -> int:
    if route.method != "GET":
        return 1
    top = options.get("$top", "")
    # One unit less each for $select and a small page, one more for $expand, but never less than one.
    cheaper = ("$select" in options) + (top.isascii() and top.isdigit() and int(top[:9]) < 20)
    return max(route.units - cheaper + ("$expand" in options), 1)
