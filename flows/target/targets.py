"""The distinct targets of a fleet, and the check of each."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from flows.credentials.references import ReferenceUnresolved, Source, resolve
from flows.credentials.token_life import read_expiry
from flows.fleet_file.models import Instance
from flows.plan.preflight import Check
from flows.target.address import AddressRefused, parse_address
from flows.target.http import TargetHttp
from flows.target.probes import Observed, probe_target
from flows.target.rules import DEVELOP_PAGE, Finding, Verdict, judge_target
from graph_client.parallel import gather

_USER = re.compile(r"//[^/@]*@")


@dataclass(frozen=True)
class TargetCheck(Check):
    """The verdict of one rule about one target; only a blocker fails."""

    target: str = ""
    """The address as the fleet file has it."""
    rule: str = ""
    verdict: Verdict = "fine"


@dataclass(frozen=True)
class Target:
    """A target system, with the credential that the fleet has for it."""

    shown: str
    """The address as the fleet file has it: what is behind a reference is not shown."""
    address: str
    token: str | None
    keys: tuple[str, ...]
    """The instances that have it."""
    matching: tuple[str, ...] = ()
    """The attributes that their mappings match users by."""
    groups_wanted: bool = False

    def __repr__(self) -> str:
        return f"Target({self.shown}, {len(self.keys)} instances)"


async def find_targets(instances: Iterable[Instance], sources: Mapping[str, Source]) -> list[Target]:
    """Return the distinct targets, each with its address and token; those that cannot be resolved are left out.

    Instances without a `BaseAddress` have none that is known here: their connector has it.

    Args:
        instances: Of the fleet.
        sources: Of the values, by scheme.
    """
    found: dict[tuple[str, str | None], Target] = {}
    for instance in instances:
        if "BaseAddress" not in instance.credentials:  # a connector with a fixed address, such as Slack's
            continue
        try:
            address = await _reveal(instance, "BaseAddress", sources)
            token = await _reveal(instance, "SecretToken", sources) if "SecretToken" in instance.credentials else None
        except ReferenceUnresolved:  # reported by its own check
            continue
        # A user and password in the address are secrets too.
        shown = _USER.sub("//***@", instance.credentials["BaseAddress"])
        # The same address with another token is another target: what it answers may depend on the token.
        one = found.get((address, token)) or Target(shown, address, token, ())
        found[address, token] = replace(
            one,
            keys=(*one.keys, instance.key),
            matching=tuple(dict.fromkeys((*one.matching, *_find_matching(instance)))),
            groups_wanted=one.groups_wanted or _wants_groups(instance),
        )
    return list(found.values())


async def _reveal(instance: Instance, key: str, sources: Mapping[str, Source]) -> str:
    secret = await resolve(instance.credentials[key], sources, instance=instance.key, key=key)
    return secret.value.get_secret_value()


def _find_matching(instance: Instance) -> list[str]:
    users = [each for each in instance.mappings.object_mappings if each.source == "User"] if instance.mappings else []
    ranked = [(row.matching, name) for each in users for name, row in each.attributes.items() if row.matching]
    return [name for _, name in sorted(ranked)]


def _wants_groups(instance: Instance) -> bool:
    mappings = instance.mappings.object_mappings if instance.mappings else ()
    return any(each.source == "Group" and each.enabled for each in mappings)


async def check_targets(http: TargetHttp, targets: Sequence[Target], *, plain_http: bool = False) -> list[TargetCheck]:
    """Return the verdicts about each target, in their order; nothing is written.

    Args:
        http: Sends; a handful of concurrent requests per host.
        targets: The targets.
        plain_http: Also ask targets on this machine that have no TLS.
    """
    found = await gather(*(_check_target(http, each, plain_http) for each in targets))
    return [check for checks in found for check in checks]


async def _check_target(http: TargetHttp, target: Target, plain_http: bool) -> list[TargetCheck]:
    try:
        address = parse_address(target.address, plain_http=plain_http)
    except AddressRefused as refused:
        return [
            _as_check(
                target,
                Finding("reachable", "blocker", f"the address {refused.message}", f"{refused.hint} {DEVELOP_PAGE}"),
            )
        ]
    token = target.token
    # The HTTP library would fail with an error that quotes the token.
    if token is not None and not (token.isascii() and token.isprintable()):
        text, fix = "the token has characters that no header can carry", "Save it as one line of ASCII."
        return [_as_check(target, Finding("authorized", "blocker", text, fix))]
    expires = read_expiry(token) if token else None
    observed = Observed(address, target.matching, target.groups_wanted, token is not None, expires)
    await probe_target(http, token, observed)
    return [_as_check(target, each) for each in judge_target(observed, http.limits.slow_seconds)]


def _as_check(target: Target, finding: Finding) -> TargetCheck:
    ok, what = finding.verdict != "blocker", finding
    return TargetCheck("target", ok, what.message, what.fix, target.shown, what.rule, what.verdict)


def check_coverage(instances: Sequence[Instance], targets: Sequence[Target]) -> Check:
    """Return how many targets are asked for how many instances, and which instances have none that can be."""
    asked = {key for each in targets for key in each.keys}
    left = [each.key for each in instances if each.key not in asked]
    text = f"{len(targets)} to ask, for {len(asked)} of {len(instances)} instances"
    if not left:
        return Check("targets", True, text)
    named = ", ".join(left[:5]) + (f" and {len(left) - 5} more" if len(left) > 5 else "")
    return Check("targets", True, text, f"Not asked, because the file gives no readable BaseAddress: {named}.")
