"""What a synchronization schema may consist of; the schema itself stays JSON, so that nothing of it is lost.

https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationschema
"""

from __future__ import annotations

from typing import Any

from .resource import Entity, Many, Resource

__all__ = ["FilterOperator", "FunctionParameter", "MappingFunction", "ParseError", "ParsedExpression"]


class FilterOperator(Entity):
    """An operator of scoping filters; `arity` is Binary, Unary or something newer."""

    arity: str | None = None
    multivalued_comparison_type: str | None = None
    supported_attribute_types: Many[str] = ()


class FunctionParameter(Resource):
    """A parameter of a function."""

    name: str | None = None
    type: str | None = None
    required: bool | None = None
    allow_multiple_occurrences: bool | None = None


class MappingFunction(Entity):
    """A function of attribute mappings."""

    parameters: Many[FunctionParameter] = ()


class ParseError(Resource):
    """Why an expression cannot be read."""

    code: str | None = None
    message: str | None = None
    tenant_actionable: bool | None = None


class ParsedExpression(Resource):
    """What Graph makes of an expression: the source of an attribute mapping, as JSON, or what is wrong with it."""

    error: ParseError | None = None
    parsing_succeeded: bool | None = None
    evaluation_succeeded: bool | None = None
    evaluation_result: Many[str] = ()
    parsed_expression: dict[str, Any] | None = None
