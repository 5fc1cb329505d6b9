"""The entries of the application gallery, as a table; see gallery.py for what the columns mean."""

# display name | publisher | categories | single sign-on modes | synchronization templates | credential keys | id
# A `*` marks the default synchronization template; no template means no provisioning.
ENTRIES = """
AWS Single-Account Access|Amazon|developerServices|password saml external|aws|ClientSecret SecretToken|8b1025e4-1dd2-430b-a150-2ef79cd700f5
AWS IAM Identity Center|Amazon|developerServices|saml|awsIAMIdentityCenter|BaseAddress SecretToken|21ed01d2-ec13-4e9e-86c1-cd546719ebc4
Azure AD SAML Toolkit|Microsoft Corporation|developerServices|saml|||229946b9-a9fb-45b8-9531-efa47453ac9e
Cross-tenant synchronization|Microsoft Corporation|collaboration|notSupported|Azure2Azure|CompanyId AuthenticationType|518e5f48-1fc8-4c48-9387-9fdf28b0dfe7
Azure Databricks SCIM Provisioning Connector|Microsoft Corporation|developerServices|notSupported|dataBricks|BaseAddress SecretToken|
Box|Box|collaboration contentManagement|saml password external|BoxOutDelta|SecretToken|
Snowflake for Microsoft Entra ID|Snowflake|businessMgmt developerServices|saml|snowFlake|BaseAddress SecretToken|
Slack|Slack|collaboration|saml password|slackOutDelta|SecretToken|
ServiceNow|ServiceNow|itInfrastructure businessMgmt|saml password|serviceNowOutDelta|InstanceName UserName Password|
GitHub Enterprise Cloud - Organization|GitHub|developerServices|saml|gitHub|BaseAddress SecretToken|
GitHub Enterprise Managed User|GitHub|developerServices|saml|gitHubEnterpriseManagedUser|BaseAddress SecretToken|
Salesforce|Salesforce|crm businessMgmt|saml password|SalesforceOutDelta|UserName Password SecretToken|
Salesforce Sandbox|Salesforce|crm|saml password|SalesforceSandboxOutDelta|UserName Password SecretToken|
Google Cloud / G Suite Connector by Microsoft|Google|collaboration|saml|gsuiteOutDelta|SecretToken|
Zoom|Zoom|collaboration communication|saml|zoom|BaseAddress SecretToken|
Dropbox Business|Dropbox|collaboration contentManagement|saml password|dropboxOutDelta|SecretToken|
Atlassian Cloud|Atlassian|collaboration developerServices|saml|atlassianCloud|BaseAddress SecretToken|
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
