"""The service principal below which synchronization happens, with the hiccups of a fresh one."""

from graph_emulator.directory.directory import Entry
from graph_emulator.handlers.call import Call
from graph_emulator.identifiers import share
from graph_emulator.wire.problems import GraphProblem, forbidden


def synchronized_principal(call: Call) -> Entry:
    """The service principal of a synchronization path.

    Raises:
        GraphProblem: 404, no object id of a service principal; 403 or 409 as well while it replicates.
    """
    try:
        return call.entry("servicePrincipal", synchronization=True)
    except GraphProblem as problem:
        live = call.tenant.directory.live["servicePrincipal"]
        if problem.status != 404 or call.parameters["id"].lower() not in live:
            raise
        answers = call.tenant.settings.not_replicated
        raise _hiccup(answers[int(share(call.sequence, "hiccup") * len(answers))], problem) from None


def _hiccup(status: int, problem: GraphProblem) -> GraphProblem:
    if status == 403:
        return forbidden()
    if status == 409:
        return GraphProblem(
            409,
            "Directory_ConcurrencyViolation",
            "Due to concurrent requests, this request could not be processed. Please try again later.",
        )
    return problem
