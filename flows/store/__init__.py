"""The store of entra-fleet, on SQLite or PostgreSQL; knows no Prefect.

```python
with open_store("sqlite:////var/lib/entra-fleet/store.db") as store:
    for run in store.journal.runs(fleet="contoso-scim"):
        print(run.started_at, run.command, run.outcome)
```
"""

from flows.store.directory_audits import AuditRecord
from flows.store.drift_looks import DriftedField, DriftLook
from flows.store.errors import StoreError, StoreVersionError
from flows.store.event_export import EventExport
from flows.store.event_statistics import Cycle, EventStatistics, Failure, OpenFailure, Period, Tally
from flows.store.given_access import Access, GivenAccess
from flows.store.harvests import Coverage, Gap, Scope, join_gaps
from flows.store.instances import KnownInstance
from flows.store.job_history import JobEpisode, JobObservation
from flows.store.job_schemas import JobPlace, SchemaVersion
from flows.store.journal import Change, ChangeError, FieldChange, OwnWrite, Recorded, Run
from flows.store.leases import LeaseHolder
from flows.store.measurements import Measurement
from flows.store.on_demand_results import StoredOnDemandResult
from flows.store.provisioned_accounts import AccountChange
from flows.store.provisioning_events import ErrorCount, EventCount, EventFilter
from flows.store.retention import Kind
from flows.store.rollouts import Rollout, RolloutWave
from flows.store.store import Store, existing_store, open_store, require_store, store_address, upgrade_store
from flows.store.tables import SCHEMA_VERSION
from flows.store.tenant_inventory import Look, TenantJob, TenantPrincipal
from flows.store.user_history import ApplicationHistory, Identity, Step

__all__ = [
    "SCHEMA_VERSION",
    "Access",
    "AccountChange",
    "ApplicationHistory",
    "AuditRecord",
    "Change",
    "ChangeError",
    "Coverage",
    "Cycle",
    "DriftLook",
    "DriftedField",
    "ErrorCount",
    "EventCount",
    "EventExport",
    "EventFilter",
    "EventStatistics",
    "Failure",
    "FieldChange",
    "Gap",
    "GivenAccess",
    "Identity",
    "JobEpisode",
    "JobObservation",
    "JobPlace",
    "Kind",
    "KnownInstance",
    "LeaseHolder",
    "Look",
    "Measurement",
    "OpenFailure",
    "OwnWrite",
    "Period",
    "Recorded",
    "Rollout",
    "RolloutWave",
    "Run",
    "SchemaVersion",
    "Scope",
    "Step",
    "Store",
    "StoreError",
    "StoreVersionError",
    "StoredOnDemandResult",
    "Tally",
    "TenantJob",
    "TenantPrincipal",
    "existing_store",
    "join_gaps",
    "open_store",
    "require_store",
    "store_address",
    "upgrade_store",
]
