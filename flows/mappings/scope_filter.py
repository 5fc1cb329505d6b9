"""Directory filters that estimate how many users a scoping filter selects."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flows.mappings.clauses import Clause, fold_name, parse_clause
from flows.mappings.merge import DesiredMapping
from graph_client.protocol import text_literal

_TEXTS = (
    *("city", "companyName", "country", "department", "displayName", "employeeId", "employeeType", "givenName"),
    *("jobTitle", "mail", "mailNickname", "officeLocation", "postalCode", "state", "streetAddress", "surname"),
    *("usageLocation", "userPrincipalName", "userType"),
)
_FLAGS = ("accountEnabled",)
_BY_CASE = {name.casefold(): name for name in (*_TEXTS, *_FLAGS)}


def users_filter(lines: Sequence[str]) -> str | None:
    """Return the user `$filter` that approximates the lines; "" for all users, None if there is none.

    It is an estimate because Graph ignores case where the provisioning service does not.

    Source: https://learn.microsoft.com/graph/aad-advanced-queries
    """
    groups = []
    for line in lines:
        conditions = [_condition(clause) for clause in parse_clause(line)]
        # One unknown condition makes the whole count meaningless.
        if None in conditions:
            return None
        groups.append(" and ".join(condition for condition in conditions if condition))
    return groups[0] if len(groups) == 1 else " or ".join(f"({group})" for group in groups)


@dataclass(frozen=True)
class Selection:
    """A user scoping filter before and after, as directory filters; None if it has no equivalent."""

    field: str
    before: str | None
    after: str | None


def selections(desired_mappings: Iterable[DesiredMapping], *, all_users: bool) -> tuple[Selection, ...]:
    """Return the user filters that a merge changes.

    Args:
        desired_mappings: The desired mappings.
        all_users: Whether users are in scope without being assigned; the number of assigned users is unknown.
    """
    found = []
    for desired in desired_mappings:
        before, after = desired.found.table.scope or (), desired.fields.get("scope")
        if after is not None and before != after and desired.found.table.source == "User":
            filters = (users_filter(before), users_filter(after)) if all_users else (None, None)
            found.append(Selection(f"mappings.{desired.found.table.source}.scope", *filters))
    return tuple(found)


def _condition(clause: Clause) -> str | None:
    name = _BY_CASE.get(clause.attribute.casefold())  # only what the directory can filter by
    operator = fold_name(clause.operator)
    if name is None:
        return None
    if name in _FLAGS:
        return {"is true": f"{name} eq true", "is false": f"{name} eq false"}.get(operator)
    if operator in {"is null", "is not null"}:
        return f"{name} {'eq' if operator == 'is null' else 'ne'} null"
    if len(clause.values) != 1:  # of several values nothing says whether one or all must match
        return None
    value = text_literal(clause.values[0])
    return {
        "equals": f"{name} eq {value}",
        "not equals": f"{name} ne {value}",
        # Of these properties Graph supports endsWith on two alone.
        "ends with": f"endsWith({name},{value})" if name in {"mail", "userPrincipalName"} else None,
    }.get(operator)
