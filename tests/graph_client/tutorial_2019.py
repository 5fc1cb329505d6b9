"""The ten calls of Microsoft's tutorial of November 2019, with its example answers as valid JSON."""

TEMPLATE_ID = "8b1025e4-1dd2-430b-a150-2ef79cd700f5"
SERVICE_PRINCIPAL_ID = "f47a6776-bca7-4f2e-bc6c-eec59d058e3e"
JOB_ID = "aws.7928d5b574424a97a02d66f9a9972ec0"
TIME_SPAN_MAX = "P10675199DT2H48M5.4775807S"
NEVER = "0001-01-01T00:00:00Z"

TEMPLATES = {
    "value": [
        {
            "id": TEMPLATE_ID,
            "displayName": "Amazon Web Services (AWS)",
            "homePageUrl": "http://aws.amazon.com/",
            "supportedSingleSignOnModes": ["password", "saml", "external"],
            "supportedProvisioningTypes": ["sync"],
            "logoUrl": "https://az495088.vo.msecnd.net/app-logo/aws_215.png",
            "categories": ["developerServices"],
            "publisher": "Amazon",
            "description": None,
        }
    ]
}

INSTANTIATED = {
    "application": {
        "objectId": "cbc071a6-0fa5-4859-8g55-e983ef63df63",
        "appId": "92653dd4-aa3a-3323-80cf-e8cfefcc8d5d",
        "applicationTemplateId": TEMPLATE_ID,
        "displayName": "AWS Contoso",
        "homepage": "https://signin.aws.amazon.com/saml?metadata=aws|ISV9.1|primary|z",
        "replyUrls": ["https://signin.aws.amazon.com/saml"],
        "logoutUrl": None,
        "samlMetadataUrl": None,
    },
    "servicePrincipal": {
        "objectId": SERVICE_PRINCIPAL_ID,
        "appDisplayName": "AWS Contoso",
        "applicationTemplateId": TEMPLATE_ID,
        "appRoleAssignmentRequired": True,
        "displayName": "My custom name",
        "homepage": "https://signin.aws.amazon.com/saml?metadata=aws|ISV9.1|primary|z",
        "replyUrls": ["https://signin.aws.amazon.com/saml"],
        "servicePrincipalNames": ["93653dd4-aa3a-4323-80cf-e8cfefcc8d7d"],
        "tags": ["WindowsAzureActiveDirectoryIntegratedApp"],
    },
}

SYNCHRONIZATION_TEMPLATES = {
    "value": [{"id": "aws", "factoryTag": "aws", "schema": {"directories": [], "synchronizationRules": []}}]
}

_STATUS = {
    "countSuccessiveCompleteFailures": 0,
    "escrowsPruned": False,
    "synchronizedEntryCountByType": [],
    "lastExecution": None,
    "lastSuccessfulExecution": None,
    "lastSuccessfulExecutionWithExports": None,
    "steadyStateFirstAchievedTime": NEVER,
    "steadyStateLastAchievedTime": NEVER,
    "quarantine": None,
    "troubleshootingUrl": None,
}

NEW_JOB = {
    "id": JOB_ID,
    "templateId": "aws",
    "schedule": {"expiration": None, "interval": TIME_SPAN_MAX, "state": "Disabled"},
    "status": {**_STATUS, "code": "NotConfigured"},
}

JOB = {
    "id": JOB_ID,
    "templateId": "aws",
    "schedule": {"expiration": None, "interval": TIME_SPAN_MAX, "state": "Disabled"},
    "status": {**_STATUS, "code": "Paused", "progress": []},
    "synchronizationJobSettings": [{"name": "QuarantineTooManyDeletesThreshold", "value": "500"}],
}

CREDENTIALS = {"ClientSecret": "xxxxxxxxxxxxxxxxxxxxx", "SecretToken": "xxxxxxxxxxxxxxxxxxxxx"}
CREDENTIAL_PAIRS = [{"key": key, "value": value} for key, value in CREDENTIALS.items()]

EVENT = {
    "id": "gc532ff9-r265-ec76-861e-42e2970a8218",
    "activityDateTime": "2019-06-24T20:53:08Z",
    "tenantId": "7928d5b5-7442-4a97-ne2d-66f9j9972ecn",
    "jobId": "BoxOutDelta.7928d5b574424a97ne2d66f9j9972ecn",
    "cycleId": "44576n58-v14b-70fj-8404-3d22tt46ed93",
    "changeId": "eaad2f8b-e6e3-409b-83bd-e4e2e57177d5",
    "action": "Create",
    "durationInMilliseconds": 2785,
    "sourceSystem": {
        "id": "0404601d-a9c0-4ec7-bbcd-02660120d8c9",
        "displayName": "Azure Active Directory",
        "details": {},
    },
    "targetSystem": {
        "id": "cd22f60b-5f2d-1adg-adb4-76ef31db996b",
        "displayName": "Box",
        "details": {
            "ApplicationId": "f2764360-e0ec-5676-711e-cd6fc0d4dd61",
            "ServicePrincipalId": "chc46a42-966b-47d7-9774-576b1c8bd0b8",
            "ServicePrincipalDisplayName": "Box",
        },
    },
    "initiatedBy": {"id": "", "displayName": "Azure AD Provisioning Service", "initiatorType": "system"},
    "sourceIdentity": {
        "id": "5e6c9rae-ab4d-5239-8ad0-174391d110eb",
        "displayName": "Self-service Pilot",
        "identityType": "Group",
        "details": {},
    },
    "targetIdentity": {"id": "", "displayName": "", "identityType": "Group", "details": {}},
    "statusInfo": {
        "@odata.type": "#microsoft.graph.statusDetails",
        "status": "failure",
        "errorCode": "BoxEntryConflict",
        "reason": "Message: Box returned an error response with the HTTP status code 409.",
        "additionalDetails": None,
        "errorCategory": "NonServiceFailure",
        "recommendedAction": None,
    },
    "provisioningSteps": [
        {
            "name": "EntryImportAdd",
            "provisioningStepType": "import",
            "status": "success",
            "description": "Received Group 'Self-service Pilot' change of type (Add) from Azure Active Directory",
            "details": {},
        },
        {
            "name": "EntryExportAdd",
            "provisioningStepType": "export",
            "status": "failure",
            "description": "Failed to create Group 'Self-service Pilot' in Box",
            "details": {"ReportableIdentifier": "Self-service Pilot"},
        },
    ],
    "modifiedProperties": [
        {"displayName": "objectId", "oldValue": None, "newValue": "5e0c9eae-ad3d-4139-5ad0-174391d110eb"},
        {"displayName": "securityEnabled", "oldValue": None, "newValue": "True"},
    ],
}

EVENTS = {"@odata.context": "https://graph.microsoft.com/beta/$metadata#auditLogs/provisioning", "value": [EVENT]}
