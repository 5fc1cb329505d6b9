"""What Prefect shows of an instance that failed, in each flow that works on instances."""

import time
from contextlib import contextmanager

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from flows.control_jobs import control_jobs
from flows.fleet_file.loader import fleet_from_object
from flows.on_demand import provision_on_demand
from flows.provision import provision_fleet
from flows.restore import restore_schema
from flows.retire import retire_instances
from flows.rotate import rotate_credentials
from flows.run import journal
from flows.run.context import open_run_context
from flows.run.lease import exclusive
from flows.shard import provision_shard
from graph_emulator import FaultRule
from tests.estates import estate, fleet, instance

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_api")]

KEY = "one"
EDITED = {"mappings": {"User": {"attributes": {"title": "jobTitle"}}}}
