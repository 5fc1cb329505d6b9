"""The document in which a cloud names its hosts; HashiCorp's providers read it before anything else.

https://management.azure.com/metadata/endpoints?api-version=2022-09-01
"""

from typing import Any

# Services that this tenant does not have: a name that leads nowhere, so that nothing is sent to a real one by mistake.
NOWHERE = "emulator.invalid"
SUFFIXES = (
    "acrLoginServer",
    "attestationEndpoint",
    "azureDataLakeAnalyticsCatalogAndJob",
    "azureDataLakeStoreFileSystem",
    "azureFrontDoorEndpointSuffix",
    "keyVaultDns",
    "mariadbServerEndpoint",
    "mhsmDns",
    "mysqlServerEndpoint",
    "postgresqlServerEndpoint",
    "sqlServerHostname",
    "storage",
    "storageSyncEndpointSuffix",
    "synapseAnalytics",
)


def cloud_metadata(root: str) -> dict[str, Any]:
    """The document, in the shape of api-version 2022-09-01; Graph and sign-in are at this root."""
    nowhere = f"https://{NOWHERE}/"
    return {
        "name": "GraphEmulator",
        "portal": nowhere,
        "authentication": {
            "loginEndpoint": root,
            "audiences": [nowhere],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "resourceManager": nowhere,
        "graph": nowhere,
        "graphAudience": nowhere,
        "microsoftGraphResourceId": root,
        "media": nowhere,
        "batch": nowhere,
        "sqlManagement": nowhere,
        "activeDirectoryDataLake": nowhere,
        "vmImageAliasDoc": nowhere,
        "appInsightsResourceId": nowhere,
        "appInsightsTelemetryChannelResourceId": nowhere,
        "attestationResourceId": nowhere,
        "synapseAnalyticsResourceId": nowhere,
        "logAnalyticsResourceId": nowhere,
        "ossrDbmsResourceId": nowhere,
        "suffixes": dict.fromkeys(SUFFIXES, NOWHERE),
    }
