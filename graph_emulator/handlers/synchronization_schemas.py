"""Synchronization templates, and the elements of schemas: operators, functions, expressions, directories.

https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationschema
"""

from typing import Any

from graph_emulator.clock import share, write_moment
from graph_emulator.directory.directory import Entry, Kind
from graph_emulator.handlers.call import Answer, Call, synchronized_principal
from graph_emulator.handlers.synchronization_jobs import job_of, schema_of
from graph_emulator.provisioning.schema import FUNCTIONS, Expression, ExpressionError, build_schema, parse
from graph_emulator.wire.bodies import take
from graph_emulator.wire.odata import allow_options
from graph_emulator.wire.problems import GraphProblem


def _are_ready(call: Call, entry: Entry) -> bool:
    """Whether the templates exist yet: they appear after the application, on one replica after the other."""
    lag = call.tenant.settings.templates_lag_seconds
    # Replicas differ, so that an empty list may follow a full one; replica 0 takes the whole lag.
    late = 0.7 + 0.3 * share(entry.id, "templates", call.replica)
    return lag <= 0 or call.now >= entry.created_at + lag * (1.0 if call.replica == 0 else late)


def _render(call: Call, entry: Entry, name: str, *, whole: bool) -> dict[str, Any]:
    keys = ("galleryApplicationIdentifier", "galleryApplicationKey", "isOAuthEnabled")
    values = (entry.template.id, entry.template.slug, "false")
    # beta spells these keys in camel case, v1.0 with a capital.
    metadata = [
        {"key": key if call.is_beta else key[0].upper() + key[1:], "value": value}
        for key, value in zip(keys, values, strict=True)
    ]
    # A list of templates leaves the schemas out; only one template alone has its own.
    empty: dict[str, Any] = {"directories": [], "synchronizationRules": []}
    return {
        "id": name,
        "applicationId": entry.value["appId"],
        "default": name == entry.template.default_synchronization,
        "description": f"Provisioning to {entry.template.display_name}",
        "discoverable": True,
        "factoryTag": name,
        "metadata": metadata,
        "schema": build_schema(entry.template, name) if whole else empty,
    }


def list_templates(call: Call, kind: Kind = "servicePrincipal") -> Answer:
    """The synchronization templates of an application."""
    allow_options(call.options, ())
    entry = synchronized_principal(call) if kind == "servicePrincipal" else call.entry(kind, synchronization=True)
    ready = _are_ready(call, entry)
    if not ready and call.tenant.settings.templates_before_ready == "404":
        raise GraphProblem(404, "ResourceNotFound", "The synchronization service does not know the application yet.")
    names = entry.template.synchronization if ready else ()
    fragment = f"{kind}s('{entry.id}')/synchronization/templates"
    return Answer(
        200,
        {
            "@odata.context": call.context(fragment),
            "value": [_render(call, entry, name, whole=False) for name in names],
        },
    )


def template_of(call: Call) -> tuple[Entry, str]:
    """The service principal and the name of the template in the path."""
    entry, name = synchronized_principal(call), call.parameters["templateId"]
    if name not in entry.template.synchronization or not _are_ready(call, entry):
        raise GraphProblem(404, "ResourceNotFound", f"The template '{name[:100]}' was not found.")
    return entry, name


def get_template(call: Call) -> Answer:
    """One synchronization template, with its schema."""
    allow_options(call.options, ())
    entry, name = template_of(call)
    fragment = f"servicePrincipals('{entry.id}')/synchronization/templates/$entity"
    return Answer(200, {"@odata.context": call.context(fragment), **_render(call, entry, name, whole=True)})


ALL_TYPES = ("String", "Integer", "Reference", "Binary", "Boolean", "DateTime")
OPERATORS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("EQUALS", "Binary", ALL_TYPES),
    ("NOT EQUALS", "Binary", ALL_TYPES),
    ("IS TRUE", "Unary", ("Boolean",)),
    ("IS FALSE", "Unary", ("Boolean",)),
    ("IS NULL", "Unary", ALL_TYPES),
    ("IS NOT NULL", "Unary", ALL_TYPES),
    ("REGEX MATCH", "Binary", ("String",)),
    ("NOT REGEX MATCH", "Binary", ("String",)),
    ("GREATER_THAN", "Binary", ("Integer", "DateTime")),
    ("GREATER_THAN_OR_EQUALS", "Binary", ("Integer", "DateTime")),
    ("INCLUDES", "Binary", ("String",)),
    ("ENDS_WITH", "Binary", ("String",)),
)


def _check_place(call: Call) -> None:
    """Check that the job or template in the path exists."""
    allow_options(call.options, ())
    if "jobId" in call.parameters:  # both routes share the handlers
        job_of(call)
    else:
        template_of(call)


def filter_operators(call: Call) -> Answer:
    """The operators of scoping filters."""
    _check_place(call)
    values = [
        {"id": name, "arity": arity, "multivaluedComparisonType": "All", "supportedAttributeTypes": list(types)}
        for name, arity, types in OPERATORS
    ]
    return Answer(
        200, {"@odata.context": call.context("Collection(microsoft.graph.filterOperatorSchema)"), "value": values}
    )


def functions(call: Call) -> Answer:
    """The functions of attribute mappings."""
    _check_place(call)
    values = [
        {
            "id": name,
            "parameters": [
                {"allowMultipleOccurrences": repeated, "name": parameter, "required": required, "type": kind}
                for parameter, kind, required, repeated in parameters
            ],
        }
        for name, parameters in FUNCTIONS.items()
    ]
    context = call.context("Collection(microsoft.graph.attributeMappingFunctionSchema)")
    return Answer(200, {"@odata.context": context, "value": values})


def parse_expression(call: Call) -> Answer:
    """Parse an expression, and evaluate it on a test object if the request has one."""
    types = {"expression": "string", "testInputObject": "object", "targetAttributeDefinition": "object"}
    body = take(call.body, types, required=("expression",))
    _check_place(call)
    answer: dict[str, Any] = {
        "@odata.context": call.context("microsoft.graph.parseExpressionResponse"),
        "error": None,
        "evaluationResult": [],
        "evaluationSucceeded": False,
        "parsedExpression": None,
        "parsingSucceeded": False,
    }
    try:
        expression = parse(body["expression"])
        answer |= {"parsedExpression": expression.as_graph(), "parsingSucceeded": True}
        if body.get("testInputObject"):
            answer |= {
                "evaluationResult": [_evaluate(expression, body["testInputObject"])],
                "evaluationSucceeded": True,
            }
    except ExpressionError as error:
        answer["error"] = {"code": "InvalidExpression", "message": str(error), "target": None}
    return Answer(200, answer)


def _evaluate(expression: Expression, test_object: dict[str, Any]) -> str:
    found = take(test_object, {"definition": "object", "properties": "object[]"}).get("properties") or []
    pairs = [{name: value for name, value in item.items() if not name.startswith("@")} for item in found]
    return expression.value({str(pair.get("key")): str(pair.get("value")) for pair in pairs})


def get_template_schema(call: Call) -> Answer:
    """The initial schema of jobs created from the template."""
    allow_options(call.options, ())
    entry, name = template_of(call)
    fragment = f"servicePrincipals('{entry.id}')/synchronization/templates('{name}')/schema/$entity"
    return Answer(200, {"@odata.context": call.context(fragment), **build_schema(entry.template, name)})


def discover(call: Call) -> Answer:
    """Discover the attributes of a directory again."""
    job = job_of(call)
    wanted = call.parameters["directoryId"]
    found = next((d for d in schema_of(job).get("directories") or () if d.get("id") == wanted), None)
    if found is None:
        raise GraphProblem(404, "ResourceNotFound", f"The directory '{wanted[:100]}' was not found.")
    context = call.context("microsoft.graph.directoryDefinition")
    return Answer(200, {"@odata.context": context, **found, "discoveryDateTime": write_moment(call.now)})
