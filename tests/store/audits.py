"""Records of the directory audit log for tests of the store."""

from datetime import UTC, datetime

from graph_client.models import DirectoryAudit

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)


def audit(id_="Sync_1", at=MAY, **given):
    raw = {
        "id": id_,
        "activityDateTime": at.isoformat() if at else None,
        "activityDisplayName": "Update provisioning setting or credentials",
        "loggedByService": "Account Provisioning",
        "initiatedBy": {"user": {"id": "USER-1", "userPrincipalName": "adele@contoso.example"}, "app": None},
        "targetResources": [{"id": "SP-1", "displayName": "Box"}, {"id": ""}],
        **given,
    }
    return DirectoryAudit.parse(raw)
