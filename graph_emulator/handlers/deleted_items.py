"""The recycle bin.

https://learn.microsoft.com/graph/api/directory-deleteditems-list
"""

from graph_emulator.directory.directory import RECYCLE_SECONDS, Kind
from graph_emulator.handlers.call import Answer, Call, build_page
from graph_emulator.handlers.directory_objects import render
from graph_emulator.wire.query_options import allow_options


def list_all(call: Call, kind: Kind) -> Answer:
    """The deleted objects of a kind."""
    allow_options(call.options, ("$top", "$skiptoken"))
    entries = [
        render(call, entry)
        for entry in call.tenant.directory.deleted.values()
        if entry.kind == kind and call.now - (entry.deleted_at or 0.0) <= RECYCLE_SECONDS
    ]
    return build_page(call, "directoryObjects", entries)


def get(call: Call) -> Answer:
    """One deleted object."""
    entry = call.tenant.directory.deleted_entry(call.parameters["id"], call.now)
    return Answer(200, {"@odata.type": f"#microsoft.graph.{entry.kind}", **render(call, entry)})


def restore(call: Call) -> Answer:
    """Bring a deleted object back."""
    directory = call.tenant.directory
    entry = directory.deleted_entry(call.parameters["id"], call.now)
    directory.restore(entry)
    call.tenant.jobs.revive(entry.id, call.now)
    return Answer(200, {"@odata.type": f"#microsoft.graph.{entry.kind}", **render(call, entry)})


def purge(call: Call) -> Answer:
    """Remove a deleted object for good."""
    directory = call.tenant.directory
    directory.purge(directory.deleted_entry(call.parameters["id"], call.now))
    return Answer(204)
