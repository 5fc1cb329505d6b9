"""What a target is asked: at most ten GETs of what Entra ID reads too, one after the other."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from flows.target.address import TargetAddress
from flows.target.http import NoAnswer, TargetAnswer, TargetHttp

ATTRIBUTES_MAX = 4
"""Attributes searched by; a mapping hardly ever matches on more than two."""
DEFAULT_ATTRIBUTES = ("userName", "externalId")
"""What users are searched by unless the mappings say otherwise."""
_VALUE_MAX = 500
"""Longer ids and values are not sent in a URL."""
_DIGITS_MAX = 15
"""Numbers of more digits are no numbers of users, and no text can be made of the longest."""
WORK_MAIL = 'emails[type eq "work"].value'  # the one filtered path that mappings use by default
_WITHOUT_MEMBERS = {"excludedAttributes": "members"}

Ask = Callable[..., Awaitable[TargetAnswer]]


@dataclass
class Observed:
    """A target as it showed itself; what could not be asked is missing."""

    address: TargetAddress
    matching: tuple[str, ...] = ()
    """The attributes that the mappings of the fleet match users by."""
    groups_wanted: bool = False
    """Whether the mappings of the fleet provision groups."""
    has_token: bool = True
    token_expires: datetime | None = None
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When the first answer came, by this machine's clock."""
    failure: NoAnswer | None = None
    no_user: TargetAnswer | None = None
    """The search for a user who does not exist."""
    first: TargetAnswer | None = None
    """The first page of users, one user long."""
    second: TargetAnswer | None = None
    known: TargetAnswer | None = None
    """The user of the first page, by id."""
    searches: dict[str, tuple[TargetAnswer, bool]] = field(default_factory=dict)
    """By attribute: the answer, and whether the user of the first page must be in it."""
    groups: TargetAnswer | None = None
    """The first page of groups, without members."""
    no_group: TargetAnswer | None = None
    """The search for a group that does not exist."""

    @property
    def user(self) -> dict[str, Any]:
        """The user of the first page; empty without any."""
        return next(iter(read_resources(self.first)), {})

    @property
    def answers(self) -> list[TargetAnswer]:
        """Every answer, in the order they came."""
        searched = (answer for answer, _ in self.searches.values())
        found = (self.no_user, self.first, self.second, self.known, *searched, self.groups, self.no_group)
        return [each for each in found if each]


async def probe_target(http: TargetHttp, token: str | None, observed: Observed) -> Observed:
    """Ask a target what Entra ID will ask it, and note the answers; nothing is written, and no redirect followed.

    Args:
        http: Sends.
        token: The bearer token.
        observed: The target, still without answers.

    Source: https://learn.microsoft.com/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups
    """

    async def ask(path: str, **parameters: str | int) -> TargetAnswer:
        return await http.get(observed.address, token, path, **parameters)

    try:
        await _ask_users(ask, observed)
        if is_list(observed.first):
            await _ask_searches(ask, observed)
            await _ask_groups(ask, observed)
    except NoAnswer as failure:
        observed.failure = failure
    return observed


async def _ask_users(ask: Ask, observed: Observed) -> None:
    # A name that no user has: Entra's own connection test searches for one.
    observed.no_user = await ask("Users", filter=_equals("userName", f"entra-fleet-{uuid4()}"))
    # With the first answer: its Date header is compared with this moment.
    observed.received_at = datetime.now(UTC)
    # The rest would be refused in the same way.
    if observed.no_user.status in (401, 403) or 300 <= observed.no_user.status < 400:
        return
    observed.first = await ask("Users", startIndex=1, count=1)
    if not is_list(observed.first):
        return
    total = read_total(observed.first)
    # A second page exists only then.
    if total is not None and total > 1:
        observed.second = await ask("Users", startIndex=2, count=1)
    user_id = read_id(observed.user)
    if user_id and len(user_id) <= _VALUE_MAX:
        observed.known = await ask(f"Users/{_in_path(user_id)}")


async def _ask_searches(ask: Ask, observed: Observed) -> None:
    answers_searches = observed.no_user is not None and observed.no_user.status == 200
    for attribute in (observed.matching or DEFAULT_ATTRIBUTES)[:ATTRIBUTES_MAX]:
        value = read_attribute(observed.user, attribute)
        if value is not None:
            observed.searches[attribute] = (await ask("Users", filter=_equals(attribute, value)), True)
        elif answers_searches and attribute != "userName":
            # Where any search without a match fails, this would be the same fault again.
            sought = f"entra-fleet-{uuid4()}"
            observed.searches[attribute] = (await ask("Users", filter=_equals(attribute, sought)), False)


async def _ask_groups(ask: Ask, observed: Observed) -> None:
    observed.groups = await ask("Groups", **_WITHOUT_MEMBERS, startIndex=1, count=1)
    empty = is_list(observed.no_user) and not read_resources(observed.no_user)
    if is_list(observed.groups) and empty:
        sought = _equals("displayName", f"entra-fleet-{uuid4()}")
        observed.no_group = await ask("Groups", **_WITHOUT_MEMBERS, filter=sought)


def is_list(answer: TargetAnswer | None) -> bool:
    """Return whether an answer is a list of resources, well-formed or not."""
    return answer is not None and answer.status == 200 and (answer.cut or isinstance(answer.value, dict))


def read_resources(answer: TargetAnswer | None) -> list[dict[str, Any]]:
    """Return the resources of a list."""
    found = answer.value.get("Resources") if answer and isinstance(answer.value, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def read_total(answer: TargetAnswer | None) -> int | None:
    """Return how many resources a list says there are, also where it says so in a text."""
    total = answer.value.get("totalResults") if answer and isinstance(answer.value, dict) else None
    if isinstance(total, str) and total.isascii() and total.isdecimal():
        return int(total[:_DIGITS_MAX])
    return min(total, 10**_DIGITS_MAX) if isinstance(total, int) and not isinstance(total, bool) else None


def read_id(resource: dict[str, Any]) -> str | None:
    """Return the id of a resource as text; None without one."""
    found = resource.get("id")
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    if isinstance(found, int):
        return str(found) if abs(found) < 10**_DIGITS_MAX else None
    return found or None


def read_attribute(user: dict[str, Any], attribute: str) -> str | None:
    """Return a user's value of an attribute that can be searched by; None if there is none, or it is unclear."""
    if attribute == WORK_MAIL:
        mails = user.get("emails")
        listed = mails if isinstance(mails, list) else []
        found = next(
            (each.get("value") for each in listed if isinstance(each, dict) and each.get("type") == "work"), None
        )
    else:
        schema, _, name = attribute.rpartition(":")
        found = user.get(schema) if schema else user
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, str) and 0 < len(found) <= _VALUE_MAX else None


def _equals(attribute: str, value: str) -> str:
    return f"{attribute} eq {json.dumps(value, ensure_ascii=False)}"


def _in_path(text: str) -> str:
    return quote(text, safe="")
