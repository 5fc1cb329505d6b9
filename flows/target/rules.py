"""What a target's answers mean for Entra ID: pure verdicts, one for each rule that could be tried."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from flows.target.address import PATCH_FLAGS
from flows.target.http import TargetAnswer
from flows.target.probes import Observed, is_list, read_id, read_resources, read_total

Verdict = Literal["blocker", "warning", "fine"]

SCIM_TYPE = "application/scim+json"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
LIST_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
EXPIRY_NOTICE = timedelta(days=30)
CLOCK_SKEW = timedelta(minutes=5)  # what token validation commonly allows

_LEARN = "https://learn.microsoft.com/entra/identity/app-provisioning/"
DEVELOP_PAGE = f"{_LEARN}use-scim-to-provision-users-and-groups"
QUARANTINE_PAGE = f"{_LEARN}application-provisioning-quarantine-status"
PATCH_PAGE = f"{_LEARN}application-provisioning-config-problem-scim-compatibility"


@dataclass(frozen=True)
class Finding:
    """The verdict of one rule about one target."""

    rule: str
    verdict: Verdict
    message: str
    """What was seen, and what Entra ID needs."""
    fix: str = ""
    """What to do, and Microsoft's page; empty if nothing."""


def judge_target(observed: Observed, slow_seconds: float) -> list[Finding]:
    """Return the verdict of each rule that could be tried, in the order of the rules.

    Args:
        observed: What the target answered.
        slow_seconds: What counts as a slow answer.
    """
    reachable = _judge_reach(observed, slow_seconds)
    found = [reachable, *(rule(observed) for rule in _RULES)]
    return [each for each in found if each]


def _judge_reach(observed: Observed, slow_seconds: float) -> Finding:
    rule, no_user, first = "reachable", observed.no_user, observed.first
    if observed.failure:
        return _blocker(rule, f"the target {observed.failure.message}", f"{observed.failure.hint} {DEVELOP_PAGE}")
    if no_user and 300 <= no_user.status < 400:
        where = f" to {no_user.location}" if no_user.location else ""
        fix = f"Give the final address as BaseAddress: a token must not follow a redirect. {DEVELOP_PAGE}"
        return _blocker(rule, f"GET /Users is redirected ({no_user.status}){where}, which was not followed", fix)
    if first and not is_list(first) and first.status not in (200, 401, 403) and not _is_empty_404(observed):
        fix = f"Check BaseAddress: /Users must be right below it. {QUARANTINE_PAGE}"
        if first.status >= 500 or first.status == 429:
            fix = f"Check the target, and try again once it is well. {QUARANTINE_PAGE}"
        return _blocker(rule, f"GET /Users answers {_format_status(first)}", fix)
    slowest = max((each.seconds for each in observed.answers), default=0.0)
    if slowest > slow_seconds:
        text = f"an answer took {slowest:.1f} s; a cycle asks at least once for each user"
        return Finding(rule, "warning", text, f"Make searches by the matching attribute fast: add an index. {_LEARN}")
    return Finding(rule, "fine", f"answers within {slowest:.1f} s")


def _judge_authorization(observed: Observed) -> Finding | None:
    rule = "authorized"
    users = [each for each in (observed.no_user, observed.first) if each]
    if refused := next((each for each in users if each.status in (401, 403)), None):
        if not observed.has_token:
            text = "the fleet file names no SecretToken; Entra ID will sign in with a token of its own, not tried here"
            return Finding(rule, "warning", text, f"Give a SecretToken: Microsoft's own is for tests. {DEVELOP_PAGE}")
        if refused.status == 401:
            fix = f"Issue a new token in the target system, then run entra-fleet rotate. {QUARANTINE_PAGE}"
            return _blocker(rule, f"the target does not accept the token: {_format_status(refused)}", fix)
        fix = f"Give the token's account the right to read and manage users there. {QUARANTINE_PAGE}"
        return _blocker(rule, f"the target knows the token but denies it /Users: {_format_status(refused)}", fix)
    if not any(is_list(each) for each in users):
        return None
    return Finding(rule, "fine", "the target accepts the token" if observed.has_token else "the target asks no token")


def _judge_content_type(observed: Observed) -> Finding | None:
    rule = "content-type"
    answers = [each for each in observed.answers if each.status == 200]
    if not answers:
        return None
    fix = f"Answer with Content-Type: {SCIM_TYPE}. {DEVELOP_PAGE}"
    # A body that was cut at the limit of reading cannot be parsed, whatever its type says.
    for each in answers:
        if not each.readable and not each.cut:
            shown = each.content_type or "no type"
            text = f"the answer is not JSON but {shown}: a sign-in page, or a proxy's"
            return _blocker(rule, text, f"Check that BaseAddress is the SCIM address, not that of a web page. {fix}")
    wrong = next((each.content_type for each in answers if each.content_type != SCIM_TYPE), None)
    if wrong is None:
        return Finding(rule, "fine", SCIM_TYPE)
    text = f"the answers are of type {wrong or 'nothing'}, but Entra ID expects {SCIM_TYPE}"
    # It is JSON, only wrongly labeled.
    return Finding(rule, "warning" if wrong == "application/json" else "blocker", text, fix)


def _judge_empty_result(observed: Observed) -> Finding | None:
    rule, no_user, first = "empty-result", observed.no_user, observed.first
    problem = _find_list_problem(no_user) if is_list(first) else ""
    if first and first.status == 200 and first.readable and not is_list(first):
        problem = "GET /Users does not answer with a ListResponse"
    if _is_empty_404(observed):
        problem = "GET /Users answers 404 as SCIM words it: it has no users yet, and an empty list must be 200"
    if problem:
        fix = f"Answer 200 with a ListResponse, totalResults 0 and no Resources. {DEVELOP_PAGE}"
        return _blocker(rule, problem, fix)
    # None: another rule reports it.
    if problem is None or not is_list(first):
        return None
    return Finding(rule, "fine", "a search without a match answers 200 with an empty ListResponse")


def _is_empty_404(observed: Observed) -> bool:
    """Return whether a target without users answers 404: an error of SCIM, and not of whatever stands before it."""
    asked = (observed.no_user, observed.first)
    return all(
        each is not None
        and each.status == 404
        and isinstance(each.value, dict)
        and ERROR in _listed(each.value.get("schemas"))
        for each in asked
    )


def _find_list_problem(no_user: TargetAnswer | None) -> str | None:
    """Return what is wrong with the answer to a search without a match; None if another rule covers it."""
    if no_user is None or no_user.status in (400, 501) or read_resources(no_user):  # these are the filter's faults
        return None
    if no_user.status != 200:
        return (
            f"a search without a match answers {_format_status(no_user)}, but Entra ID needs 200 with an empty list; "
            "else the job goes into quarantine"
        )
    if not no_user.readable:
        return None
    if not isinstance(no_user.value, dict) or LIST_RESPONSE not in _listed(no_user.value.get("schemas")):
        return "a search without a match does not answer with a ListResponse"
    total = read_total(no_user)
    return f"a search without a match says totalResults {total}" if total else ""


def _judge_filter(observed: Observed) -> Finding | None:
    rule, no_user = "filter", observed.no_user
    if no_user is None or not is_list(observed.first):
        return None
    fix = f"Support eq on what the mapping matches by, or match by another attribute. {DEVELOP_PAGE}"
    if read_resources(no_user) or (no_user.status == 200 and no_user.cut):
        text = (
            "a search for a name that no user has finds users: the filter is ignored, and Entra ID would match any user"
        )
        return _blocker(rule, text, fix)
    if no_user.status in (400, 501):
        return _blocker(rule, f'userName eq "…" is refused: {_format_status(no_user)}', fix)
    problems = {name: text for name, text in _search_problems(observed) if text}
    if problems:
        needed = [name for name in problems if name in observed.matching or name == "userName"]
        text = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
        unless = "" if needed else "; needed only if the mapping matches by it"
        return Finding(rule, "blocker" if needed else "warning", f"{text}{unless}", fix)
    if not observed.searches:
        return None
    tried = ", ".join(observed.searches)
    seen = "found the user looked for" if any(must for _, must in observed.searches.values()) else "no user to look for"
    return Finding(rule, "fine", f"eq on {tried}: {seen}")


def _search_problems(observed: Observed) -> Iterator[tuple[str, str]]:
    user_id = read_id(observed.user)
    for attribute, (answer, must_find) in observed.searches.items():
        found = read_resources(answer)
        if answer.status != 200:
            yield attribute, f"the search answers {_format_status(answer)}"
        elif not must_find:
            yield attribute, "a search for an unknown value finds users" if found else ""
        elif (user_id not in map(read_id, found)) if user_id else not found:
            yield attribute, "the search does not find the user who has this value; Entra ID would create another"
        else:
            # Others beside are possible where an attribute is not unique.
            yield attribute, "" if len(found) == 1 else "the search finds several users; Entra ID needs exactly one"


def _judge_groups(observed: Observed) -> Finding | None:
    rule, groups = "groups", observed.groups
    if groups is None:
        return None
    fix = f"Let the token read groups, or do not provision them: set enabled: false in the mappings. {DEVELOP_PAGE}"
    if groups.status in (401, 403):
        text = f"the token may read users but not groups: {_format_status(groups)}; Entra ID's test reads both"
        return _blocker(rule, text, fix)
    if groups.status != 200:
        text = f"GET /Groups answers {_format_status(groups)}: groups cannot be provisioned"
        return Finding(rule, "blocker" if observed.groups_wanted else "warning", text, fix)
    searched = observed.no_group
    if searched and (searched.status != 200 or read_resources(searched)):
        seen = _format_status(searched) if searched.status != 200 else "groups of other names"
        fix = f"Support displayName eq on /Groups, with excludedAttributes=members. {DEVELOP_PAGE}"
        return _blocker(rule, f"a search for a group that does not exist answers {seen}, not an empty list", fix)
    if any(each.get("members") for each in read_resources(groups)):
        text = "excludedAttributes=members is ignored: each look at a large group would carry all its members"
        fix = f"Leave members out where excludedAttributes asks for it. {DEVELOP_PAGE}"
        return Finding(rule, "warning", text, fix)
    return Finding(rule, "fine", "groups are readable without their members")


def _judge_ids(observed: Observed) -> Finding | None:
    rule = "ids"
    if not is_list(observed.first):
        return None
    fix = f"Give every resource an id: a text that never changes, good for GET /Users/ID. {DEVELOP_PAGE}"
    lists = (observed.first, observed.second, *(answer for answer, _ in observed.searches.values()), observed.groups)
    resources = [each for answer in lists for each in read_resources(answer)]
    if any(read_id(each) is None for each in resources):
        return _blocker(rule, "a resource has no id, which Entra ID needs on each", fix)
    known = observed.known
    if known and (known.status != 200 or not isinstance(known.value, dict)):
        return _blocker(rule, f"a listed user cannot be read by id: {_format_status(known)}", fix)
    if known and known.value.get("id") != observed.user.get("id"):
        return _blocker(rule, "a user read by id has another id, or none", fix)
    # A number works in addresses as a text does, so it only warns.
    if any(not isinstance(each.get("id"), str) for each in resources):
        return Finding(rule, "warning", "an id is a number, but SCIM's ids are texts", fix)
    return Finding(rule, "fine", "every resource has an id" if resources else "no user or group there to look at")


def _judge_totals(observed: Observed) -> Finding | None:
    rule = "totals"
    if not is_list(observed.first):
        return None
    lists = [each for each in observed.answers if is_list(each) and not each.cut and each is not observed.known]
    if not lists:
        return None
    fix = f"Answer totalResults, startIndex and itemsPerPage as JSON numbers. {DEVELOP_PAGE}"
    for each in lists:
        total = each.value.get("totalResults")
        # Python's booleans are integers, JSON's are not.
        if isinstance(total, bool) or not isinstance(total, int):
            seen = "is missing" if total is None else f"is a {_JSON_TYPES.get(type(total), 'value')}"
            return _blocker(rule, f"totalResults {seen}, but Entra ID needs a number", fix)
    for name in ("startIndex", "itemsPerPage"):
        if any(not isinstance(each.value.get(name, 0), int) for each in lists):
            return Finding(rule, "warning", f"{name} is not a number", fix)
    return Finding(rule, "fine", "totals are numbers")


_JSON_TYPES: dict[type, str] = {str: "text", bool: "boolean", float: "fraction", list: "list", dict: "object"}


def _judge_paging(observed: Observed) -> Finding | None:
    rule, first, second = "paging", observed.first, observed.second
    if first is None or not is_list(first):
        return None
    fix = f"Support startIndex (from 1) and count. {DEVELOP_PAGE}"
    if second:
        if second.status != 200:
            return _blocker(rule, f"the second page answers {_format_status(second)}", fix)
        if read_resources(second)[:1] == read_resources(first)[:1] or not read_resources(second):
            seen = "the first page again: startIndex is ignored" if read_resources(second) else "empty"
            return _blocker(rule, f"the second page is {seen}", fix)
    if first.cut or len(read_resources(first)) > 1:
        seen = "more than 1 MB" if first.cut else f"{len(read_resources(first))} users"
        return Finding(rule, "warning", f"a page of one user has {seen}: count is ignored", fix)
    return Finding(rule, "fine", "pages follow each other" if second else "one page, so nothing to follow")


def _judge_patch_dialect(observed: Observed) -> Finding | None:
    rule, flag = "patch-dialect", observed.address.flag
    compliant, old = PATCH_FLAGS
    if not is_list(observed.first):
        return None
    if flag == old:
        text = f"the address asks for the PATCH of 2017 ({old}), which is not SCIM 2.0"
        return Finding(rule, "warning", text, f"Remove it once the target follows RFC 7644. {PATCH_PAGE}")
    if isinstance(observed.user.get("active"), str):
        text = "active is a text, not true or false: Entra ID's default PATCH writes it so"
        return Finding(rule, "warning", text, f"Add ?{compliant} to BaseAddress. {PATCH_PAGE}")
    if flag == compliant:
        return Finding(rule, "fine", f"PATCH as in RFC 7644 ({compliant}); provisioning on demand ignores it")
    text = f'PATCH as Entra ID words it by default ("Replace", "False"); for RFC 7644 add ?{compliant}'
    return Finding(rule, "fine", text)


def _judge_token_expiry(observed: Observed) -> Finding | None:
    rule, ends, now = "token-expiry", observed.token_expires, observed.received_at
    if not observed.has_token:
        return None
    fix = f"Issue a new token in the target system, then run entra-fleet rotate. {QUARANTINE_PAGE}"
    if ends and ends <= now:
        return _blocker(rule, f"the token ended on {_format_day(ends)}", fix)
    if ends and ends <= now + EXPIRY_NOTICE:
        return Finding(rule, "warning", f"the token ends on {_format_day(ends)}, in {(ends - now).days} days", fix)
    date = observed.answers[0].date if observed.answers else None
    if date and abs(date - now) > CLOCK_SKEW:
        minutes = abs(date - now).total_seconds() / 60
        text = f"the target's clock is {minutes:.0f} minutes {'ahead' if date > now else 'behind'}: tokens end by it"
        return Finding(rule, "warning", text, "Set the clock of the target, or of this machine, by NTP.")
    return Finding(rule, "fine", f"the token ends on {_format_day(ends)}" if ends else "the token does not say its end")


_RULES: tuple[Callable[[Observed], Finding | None], ...] = (
    _judge_authorization,
    _judge_content_type,
    _judge_empty_result,
    _judge_filter,
    _judge_groups,
    _judge_ids,
    _judge_totals,
    _judge_paging,
    _judge_patch_dialect,
    _judge_token_expiry,
)


def _blocker(rule: str, message: str, fix: str) -> Finding:
    return Finding(rule, "blocker", message, fix)


def _format_status(answer: TargetAnswer) -> str:
    return f"{answer.status} ({answer.detail})" if answer.detail else str(answer.status)


def _format_day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
