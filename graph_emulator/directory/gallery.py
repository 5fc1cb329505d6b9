"""The application gallery: application templates, and the synchronization templates of each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from graph_emulator.clock import guid, share

# display name | publisher | categories | single sign-on modes | synchronization templates | credential keys | id
# A `*` marks the default synchronization template; no template means no provisioning.
ENTRIES = """
AWS Single-Account Access|Amazon|developerServices|password saml external|aws|ClientSecret SecretToken|8b1025e4-1dd2-430b-a150-2ef79cd700f5
AWS IAM Identity Center (successor to AWS Single Sign-On)|Amazon|developerServices|saml|awsIAMIdentityCenter|BaseAddress SecretToken|21ed01d2-ec13-4e9e-86c1-cd546719ebc4
Microsoft Entra SAML Toolkit|Microsoft Corporation|developerServices|saml|||229946b9-a9fb-45b8-9531-efa47453ac9e
Cross-Tenant Synchronization Preview|Microsoft|humanResources|external|Azure2Azure|CompanyId AuthenticationType|518e5f48-1fc8-4c48-9387-9fdf28b0dfe7
Azure Databricks SCIM Provisioning Connector|Microsoft Corporation|developerServices|notSupported|dataBricks|BaseAddress SecretToken|9c9818d2-2900-49e8-8ba4-22688be7c675
Box|Box|collaboration contentManagement|saml password external|BoxOutDelta|SecretToken|f1764360-e0ec-4446-911e-cd6fc0d4dd61
Snowflake for Microsoft Entra ID|Snowflake|businessMgmt developerServices|saml|snowFlake|BaseAddress SecretToken|fc7dc430-462f-4b1f-92ea-b7083b503650
Slack|Slack|collaboration|saml password|slackOutDelta|SecretToken|ea0643d1-22ee-4133-9aac-5ef35d247f5e
ServiceNow|ServiceNow|itInfrastructure businessMgmt|saml password|ServiceNowOutDelta|InstanceName UserName Password|0919fd62-4056-4151-83f7-7cfd3fade8e3
GitHub Enterprise Cloud - Organization|GitHub|developerServices|saml|gitHub|BaseAddress SecretToken|dee2cdc2-7505-4746-9758-219fec5e3da0
GitHub Enterprise Managed User|GitHub|developerServices|saml|gitHubEnterpriseManagedUser|BaseAddress SecretToken|3b5ca639-0790-480e-9b24-9625375a05e7
Salesforce|Salesforce|crm businessMgmt|saml password|SalesforceOutDelta|UserName Password SecretToken|cd3ed3de-93ee-400b-8b19-b61ef44a0f29
Salesforce Sandbox|Salesforce|crm|saml password|SalesforceSandboxOutDelta|UserName Password SecretToken|
Google Cloud / G Suite Connector by Microsoft|Microsoft|collaboration productivity topApps|password saml external|GoogV2OutDelta gsuite|SecretToken|01303a13-8322-4e06-bee5-80d612907131
Zoom|Zoom|collaboration communication|saml|zoom|BaseAddress SecretToken|
Dropbox Business|Dropbox|collaboration contentManagement|saml password|DropboxSCIMOutDelta|SecretToken|97e0a159-74ec-4db1-918a-c03a9c3b6b81
Atlassian Cloud|Atlassian|collaboration developerServices|saml|atlassianCloud|BaseAddress SecretToken|f2544b5a-8080-435e-b9bb-fd7226a6297d
Dynamics CRM Online|Microsoft Corporation|crm productivity collaboration businessMgmt|oidc external|||00000007-0000-0000-c000-000000000000
Azure AD Cloud Sync|Microsoft Corporation|humanResources|notSupported|AD2AADProvisioning AD2AADPasswordHash|AppKey|1a4721b3-e57f-4451-ae87-ef078703ec94
SAP Cloud Identity Services|SAP|businessMgmt security|saml oidc|sapCloudIdentityServices sapCloudIdentityServicesDepot|BaseAddress UserName Password|
Workday to Microsoft Entra user provisioning|Workday|humanResources|notSupported|workday2AAD|BaseAddress UserName Password|
SuccessFactors to Microsoft Entra user provisioning|SAP|humanResources|notSupported|successFactors2AAD|BaseAddress UserName Password|
API-driven provisioning to Microsoft Entra ID|Microsoft Corporation|humanResources|notSupported|API2AAD||
Zscaler|Zscaler|security|saml|zscaler|BaseAddress SecretToken|
Zscaler Private Access (ZPA)|Zscaler|security|saml|zscalerPrivateAccess|BaseAddress SecretToken|
Cisco Webex|Cisco|collaboration communication|saml|webexOutDelta|BaseAddress SecretToken|
DocuSign|DocuSign|contentManagement|saml|docusignOutDelta|UserName Password BaseAddress|
Cornerstone OnDemand|Cornerstone|education humanResources|saml|cornerstoneOutDelta|BaseAddress UserName Password|
Asana|Asana|projectManagement|saml password|asana|SecretToken|
Smartsheet|Smartsheet|projectManagement|saml|smartsheet|BaseAddress SecretToken|
Miro|Miro|collaboration|saml|miro|BaseAddress SecretToken|
Figma|Figma|collaboration developerServices|saml|figma|BaseAddress SecretToken|
Adobe Identity Management|Adobe|contentManagement|saml|adobeIdentityManagement|BaseAddress SecretToken|
Workplace by Facebook|Meta|collaboration socialMedia|saml|workplaceByFacebook|SecretToken|
LinkedIn Learning|LinkedIn|education|saml|linkedInLearning|BaseAddress SecretToken|
New Relic by Organization|New Relic|itInfrastructure|saml|newRelicByOrganization|BaseAddress SecretToken|
Datadog|Datadog|itInfrastructure|saml|datadog|BaseAddress SecretToken|
PagerDuty|PagerDuty|itInfrastructure|saml password|pagerDuty|BaseAddress SecretToken|
Palo Alto Networks Cloud Identity Engine|Palo Alto Networks|security|saml|cloudIdentityEngine|BaseAddress SecretToken|
Cloudflare|Cloudflare|security itInfrastructure|saml|cloudflare|BaseAddress SecretToken|
Tableau Cloud|Tableau|dataServices businessMgmt|saml|tableauOnline|BaseAddress SecretToken|
MongoDB Atlas - SSO|MongoDB|developerServices|saml|||
Oracle Fusion ERP|Oracle|finance businessMgmt|saml|oracleFusionErp|BaseAddress UserName Password|
Oracle Cloud Infrastructure Console|Oracle|itInfrastructure|saml|oracleCloudInfrastructure|BaseAddress SecretToken|
SAP Analytics Cloud|SAP|dataServices|saml|sapAnalyticsCloud|BaseAddress Oauth2TokenExchangeUri ClientIdentifier ClientSecret|
SAP Concur|SAP|finance travel|saml|concurOutDelta|BaseAddress UserName Password|
Coupa|Coupa|finance|saml password|coupaOutDelta|BaseAddress AppKey|
Zendesk|Zendesk|crm|saml password|zendesk|UserName SecretToken Domain|
Freshservice|Freshworks|itInfrastructure|saml password|freshservice|BaseAddress SecretToken|
Jira SAML SSO by Microsoft|Microsoft Corporation|developerServices|saml|||
Confluence SAML SSO by Microsoft|Microsoft Corporation|collaboration|saml|||
Citrix ADC SAML Connector for Microsoft Entra ID|Citrix|itInfrastructure|saml|||
FortiGate SSL VPN|Fortinet|security|saml|||
Cisco Secure Firewall - Secure Client|Cisco|security|saml|||
F5|F5|security|saml|||
Kronos Workforce Dimensions|UKG|humanResources|saml|||
SAP NetWeaver|SAP|businessMgmt|saml|||
Qualys|Qualys|security|saml|||
Splunk Enterprise and Splunk Cloud|Splunk|itInfrastructure security|saml|||
Tableau Server|Tableau|dataServices|saml|||
Twitter|Twitter|socialMedia|password|||
Canva|Canva|contentManagement|saml|canva|BaseAddress SecretToken|
Lucid (All Products)|Lucid Software|collaboration|saml|lucid|BaseAddress SecretToken|
monday.com|monday.com|projectManagement|saml|mondayDotCom|BaseAddress SecretToken|
1Password|AgileBits|security|notSupported|onePassword|BaseAddress SecretToken|
Keeper Password Manager|Keeper Security|security|saml|keeperPasswordManager|BaseAddress SecretToken|
BambooHR|BambooHR|humanResources|saml|||
DocuWare|DocuWare|contentManagement|notSupported|docuWare|BaseAddress SecretToken|
Harness|Harness|developerServices|saml|harness|BaseAddress SecretToken|
TerraformCloud|HashiCorp|developerServices|saml|||
Grafana Cloud|Grafana Labs|itInfrastructure|saml|grafanaCloud|BaseAddress SecretToken|
SAML 1.1 Token enabled LOB App|Microsoft Corporation|developerServices|saml|||
"""  # noqa: E501 - a table reads best with one entry on a line


COMPANIES = (
    "Adatum",
    "Adventure Works",
    "Alpine Ski House",
    "Bellows College",
    "Best For You",
    "City Power & Light",
    "Coho Vineyard",
    "Fabrikam",
    "First Up",
    "Fourth Coffee",
    "Graphic Design Institute",
    "Humongous Insurance",
    "Lamna Healthcare",
    "Liberty's Delightful",
    "Litware",
    "Lucerne Publishing",
    "Margie's Travel",
    "Munson's Pickles",
    "Nod Publishers",
    "Northwind",
    "Proseware",
    "Relecloud",
    "Southridge Video",
    "Tailspin Toys",
    "The Phone Company",
    "Trey Research",
    "VanArsdel",
    "Wide World Importers",
    "Wingtip Toys",
    "Woodgrove Bank",
)
# product: categories, and the share of companies whose product can be provisioned to
PRODUCTS = {
    "Analytics": ("dataServices businessMgmt", 0.6),
    "Benefits": ("humanResources", 0.3),
    "CRM": ("crm businessMgmt", 0.6),
    "Contracts": ("contentManagement", 0.4),
    "Expense": ("finance travel", 0.5),
    "Learning": ("education humanResources", 0.5),
    "Meetings": ("collaboration communication", 0.7),
    "Observability": ("itInfrastructure", 0.7),
    "Password Vault": ("security", 0.8),
    "People": ("humanResources", 0.4),
    "Projects": ("projectManagement collaboration", 0.6),
    "Service Desk": ("itInfrastructure", 0.6),
    "Source": ("developerServices", 0.7),
    "Travel": ("travel", 0.2),
}
SIGN_ON = ("saml", "saml password", "password", "oidc", "saml external")
CREDENTIALS = ("BaseAddress SecretToken", "BaseAddress SecretToken", "BaseAddress UserName Password", "SecretToken")


def fill_gallery() -> Iterator[str]:
    """The lines of entries that fill up the gallery."""
    for company in COMPANIES:
        for product, (categories, provisioned) in PRODUCTS.items():
            name = f"{company} {product}"
            modes = SIGN_ON[int(share(name, "sign-on") * len(SIGN_ON))]
            if share(name, "provisioned") < provisioned:
                words = "".join(c if c.isalnum() else " " for c in name).split()
                synchronization = words[0].lower() + "".join(word.title() for word in words[1:])
                keys = CREDENTIALS[int(share(name, "credentials") * len(CREDENTIALS))]
            else:
                synchronization = keys = ""
            yield f"{name}|{company}|{categories}|{modes}|{synchronization}|{keys}|"


def is_integrated(name: str) -> bool:
    """A few entries are only bookmarks or contributed password sign-ins."""
    return share(name, "integrated") >= 0.06  # invented: no list shows how many are not


# https://learn.microsoft.com/graph/api/applicationtemplate-instantiate
NON_GALLERY = {
    "global": "8adf8e6e-67b2-4cf2-a259-e3dc5476c621",
    "usgov": "4602d0b4-76bb-404b-bca9-2652e1a39c6d",
    "china": "5a532e38-1581-4918-9658-008dc27c1d68",
}
GALLERY_HOME = "https://account.activedirectory.windowsazure.com:444/applications/default.aspx?metadata="
AWS = "8b1025e4-1dd2-430b-a150-2ef79cd700f5"
GOOGLE = "01303a13-8322-4e06-bee5-80d612907131"
CROSS_TENANT = "518e5f48-1fc8-4c48-9387-9fdf28b0dfe7"
CROSS_TENANT_SYNC = "Azure2Azure"
CLOUD_SYNC = "1a4721b3-e57f-4451-ae87-ef078703ec94"
"""Can be instantiated, but is not listed: entra-docs how-to-inbound-synch-ms-graph."""

# App roles belong to the template, ids included: timfee/cep-idp instantiate-sso.json and instantiateProv.json, 2025-06.
# For templates not named here no roles are on record: they get the two of the non-gallery application.
ROLES = {
    AWS: (("msiam_access", "7dfd756e-8c27-4472-b2b7-38c17fc5de5e"),),
    GOOGLE: (
        ("msiam_access", "8eea5c46-96fe-4398-b9c2-02ac04d931ca"),
        ("Default Organization", "9e79c739-f165-49e8-8745-fe08f1634b3b"),
    ),
    CROSS_TENANT: (("msiam_access", guid("app role", CROSS_TENANT, "msiam_access")),),  # its id is not on record
}
REDIRECTS = {
    AWS: ("https://signin.aws.amazon.com/saml",),
    GOOGLE: ("https://www.google.com/a/*", "https://www.google.com"),
}
HOMES = {
    AWS: "https://signin.aws.amazon.com/saml?metadata=aws|ISV9.1|primary|z",
    GOOGLE: "https://www.google.com?metadata=googleapps|ISV9.1|primary|z",
}
# Two names occur twice in the gallery and a third but for case: listAppTemplates.json, 2025-06-11.
NAMESAKES = {
    "Litware Learning": "Litware Learning",
    "Trey Research Travel": "Trey Research Travel",
    "Fourth Coffee Source": "Fourth coffee source",
}
# The properties that were recorded (listAppTemplates.json, 2025-06-11); the metadata of 2026 declares more.
RECORDED = (
    "id",
    "displayName",
    "homePageUrl",
    "supportedSingleSignOnModes",
    "supportedProvisioningTypes",
    "logoUrl",
    "categories",
    "publisher",
    "description",
)


@dataclass(frozen=True, slots=True)
class Template:
    """One application template, with its provisioning properties."""

    id: str
    display_name: str
    publisher: str | None
    categories: tuple[str, ...]
    sign_on_modes: tuple[str, ...]
    synchronization: tuple[str, ...]
    default_synchronization: str | None
    credential_keys: tuple[str, ...]
    integrated: bool = True

    @property
    def imports_roles(self) -> bool:
        """Whether the connector imports roles from the target, as that for AWS does."""
        return "aws" in self.synchronization

    @property
    def is_cross_tenant(self) -> bool:
        """Whether the target is another tenant."""
        return CROSS_TENANT_SYNC in self.synchronization

    @property
    def is_custom(self) -> bool:
        """Whether it is the non-gallery template, for any application with SCIM."""
        return self.id in NON_GALLERY.values()

    @property
    def home_page(self) -> str:
        """The home page of applications created from the template."""
        key = "customappsso" if self.is_custom else self.slug
        return HOMES.get(self.id) or f"{GALLERY_HOME}{key}|ISV9.1|primary|z"

    @property
    def redirect_uris(self) -> tuple[str, ...]:
        """The redirect URIs of sign-ins; some have wildcards."""
        return REDIRECTS.get(self.id, ())

    @property
    def roles(self) -> tuple[tuple[str, str], ...]:
        """The names and ids of the app roles."""
        return ROLES.get(self.id) or tuple((name, guid("app role", self.id, name)) for name in ("User", "msiam_access"))

    @property
    def slug(self) -> str:
        """The name reduced to letters and digits."""
        return "".join(c for c in self.display_name.lower() if c.isascii() and c.isalnum())

    def as_graph(self) -> dict[str, Any]:
        """The template as Graph returns it."""
        return {
            "id": self.id,
            "displayName": self.display_name,
            "homePageUrl": "" if self.is_custom else f"https://www.{self.slug}.example.com/",
            "supportedSingleSignOnModes": list(self.sign_on_modes),
            "supportedProvisioningTypes": ["sync"] if self.synchronization else [],
            "logoUrl": f"https://images.example.net/app-logo/{self.slug}_215.png",
            "categories": list(self.categories),
            "publisher": self.publisher,
            "description": None if share(self.id, "described") < 0.1 else f"Sign in to {self.display_name}.",
            "endpoints": [],
            "deprecationDate": None,
            "lastModifiedDateTime": "2026-03-02T10:15:30Z",
            "isEntraIntegrated": self.integrated,
        }


def _template(line: str, cloud: str, *, known: bool) -> Template:
    name, publisher, categories, modes, synchronization, keys, identifier = line.split("|")
    names = synchronization.split()
    return Template(
        identifier or guid("application template", name, *([cloud] if cloud else ())),
        name,
        publisher,
        tuple(categories.split()),
        tuple(modes.split()),
        tuple(names),
        names[0] if len(names) == 1 else None,  # of several templates none is known to be the default
        tuple(keys.split()),
        known or is_integrated(name),
    )


def _custom(cloud: str) -> Template:
    return Template(
        NON_GALLERY[cloud],
        "Custom",
        "",
        ("custom",),
        ("password", "saml", "external"),
        ("scim", "customappsso", "customappssoOutDelta", "customappssoRoleIn"),
        "scim",
        ("BaseAddress", "SecretToken"),
    )


@cache
def gallery(cloud: str, *, own_ids: bool = False) -> dict[str, Template]:
    """The templates of a cloud by id; the id of the non-gallery template differs from cloud to cloud.

    Args:
        cloud: global, usgov or china.
        own_ids: whether the other templates have ids of this cloud, too; documented ids are unchanged.
    """
    salt = cloud if own_ids and cloud != "global" else ""
    entries = [_template(line, salt, known=True) for line in ENTRIES.strip().splitlines()]
    others = [_template(line, salt, known=False) for line in fill_gallery()]
    others += [
        replace(template, id=guid("namesake", template.id), display_name=NAMESAKES[template.display_name])
        for template in others
        if template.display_name in NAMESAKES
    ]
    return {template.id: template for template in (_custom(cloud), *entries, *others)}


@cache
def rendered(cloud: str, *, own_ids: bool = False, whole: bool = False) -> tuple[dict[str, Any], ...]:
    """The templates as Graph lists them, by name; whole ones have every property of the metadata."""
    templates = sorted(gallery(cloud, own_ids=own_ids).values(), key=lambda t: (t.display_name.lower(), t.id))
    # By name, as the portal shows them; Cloud Sync can be instantiated, but is in no list.
    shown = (template.as_graph() for template in templates if template.id != CLOUD_SYNC)
    return tuple(shown) if whole else tuple({name: value[name] for name in RECORDED} for value in shown)
