"""The entries of the application gallery, as a table; see gallery.py for what the columns mean."""

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
