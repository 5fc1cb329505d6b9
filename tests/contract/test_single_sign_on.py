"""Microsoft's "automate SAML SSO configuration" with Microsoft's own client, and its metadata in a SAML library.

https://learn.microsoft.com/graph/application-saml-sso-configure-api
"""

import base64
import importlib.util
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from msgraph.generated.application_templates.item.instantiate.instantiate_post_request_body import (
    InstantiatePostRequestBody,
)
from msgraph.generated.models.app_role import AppRole
from msgraph.generated.models.app_role_assignment import AppRoleAssignment
from msgraph.generated.models.application import Application
from msgraph.generated.models.claims_mapping_policy import ClaimsMappingPolicy
from msgraph.generated.models.reference_create import ReferenceCreate
from msgraph.generated.models.saml_single_sign_on_settings import SamlSingleSignOnSettings
from msgraph.generated.models.service_principal import ServicePrincipal
from msgraph.generated.models.web_application import WebApplication
from msgraph.generated.service_principals.item.add_token_signing_certificate.add_token_signing_certificate_post_request_body import (  # noqa: E501
    AddTokenSigningCertificatePostRequestBody,
)

from tests.contract.conftest import is_required
from tests.contract.stranger import asking

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")

IDENTIFIER = "https://signin.aws.amazon.com/saml#stranger"
REPLY_URL = "https://signin.aws.amazon.com/saml"
ROLE = "arn:aws:iam::123456789012:role/Admin,arn:aws:iam::123456789012:saml-provider/Contoso"
CLAIMS = {
    "ClaimsMappingPolicy": {
        "Version": 1,
        "IncludeBasicClaimSet": "true",
        "ClaimsSchema": [
            {
                "Source": "user",
                "ID": "assignedroles",
                "SamlClaimType": "https://aws.amazon.com/SAML/Attributes/Role",
            }
        ],
    }
}


class Walk:
    """The steps of the page, on one application of the gallery."""

    def __init__(self, stranger, application_id, principal_id):
        self.stranger, self.graph = stranger, stranger.graph
        self.application = self.graph.applications.by_application_id(application_id)
        self.principal = self.graph.service_principals.by_service_principal_id(principal_id)
        self.principal_id = principal_id

    @classmethod
    async def instantiate(cls, stranger):
        templates = stranger.graph.application_templates
        found = await stranger.read(
            templates.get(asking(templates, filter="displayName eq 'AWS Single-Account Access'"))
        )
        instantiate = templates.by_application_template_id(found.value[0].id).instantiate
        made = await stranger.read(instantiate.post(InstantiatePostRequestBody(display_name="AWS Contoso")))
        return cls(stranger, made.application.id, made.service_principal.id)

    async def read(self, *names):
        asked = asking(self.principal, select=list(names)) if names else None
        return await self.stranger.read(self.principal.get(asked))

    async def configure(self):
        mode = ServicePrincipal(
            preferred_single_sign_on_mode="saml",
            saml_single_sign_on_settings=SamlSingleSignOnSettings(relay_state="https://contoso.example/start"),
            notification_email_addresses=["identity@contoso.example"],
        )
        # The SDK makes a model of a PATCH's answer, which is empty.
        assert await self.principal.patch(mode) is None
        urls = Application(identifier_uris=[IDENTIFIER], web=WebApplication(redirect_uris=[REPLY_URL]))
        assert await self.application.patch(urls) is None
        assert self.stranger.status == 204

    async def add_role(self):
        roles = (await self.read("appRoles")).app_roles
        admin = AppRole(
            allowed_member_types=["User"],
            description="Admin",
            display_name="Admin",
            id=uuid4(),
            is_enabled=True,
            value=ROLE,
        )
        assert await self.principal.patch(ServicePrincipal(app_roles=[*roles, admin])) is None
        return admin.id

    async def map_claims(self):
        policies = self.graph.policies.claims_mapping_policies
        policy = ClaimsMappingPolicy(definition=[json.dumps(CLAIMS)], display_name="AWS Claims Policy")
        made = await self.stranger.read(policies.post(policy))
        assert self.stranger.status == 201
        reference = ReferenceCreate(
            odata_id=f"{self.stranger.adapter.base_url}/policies/claimsMappingPolicies/{made.id}"
        )
        await self.stranger.do(self.principal.claims_mapping_policies.ref.post(reference))
        assigned = await self.stranger.read(self.principal.claims_mapping_policies.get())
        assert [each.id for each in assigned.value] == [made.id]

    async def add_certificate(self, now, days):
        body = AddTokenSigningCertificatePostRequestBody(
            display_name="CN=AWSContoso", end_date_time=datetime.fromtimestamp(int(now + days * 86_400), UTC)
        )
        return await self.stranger.read(self.principal.add_token_signing_certificate.post(body))

    async def activate(self, certificate):
        changes = ServicePrincipal(preferred_token_signing_key_thumbprint=certificate.thumbprint)
        assert await self.principal.patch(changes) is None


async def fetch_metadata(emulator, app_id):
    path = f"/{emulator.settings.tenant_id}/federationmetadata/2007-06/federationmetadata.xml?appid={app_id}"
    async with httpx.AsyncClient(base_url="https://localhost", transport=emulator.transport()) as client:
        return (await client.get(path)).content


def read_with_library(document):
    """The identity provider's id, certificates and sign-in addresses, as pysaml2 reads them."""
    if importlib.util.find_spec("saml2") is None:
        if is_required():
            pytest.fail("pysaml2 is not installed")
        pytest.skip("pysaml2 is not installed")
    from saml2.attribute_converter import ac_factory
    from saml2.mdstore import InMemoryMetaData

    metadata = InMemoryMetaData(ac_factory(), document)
    metadata.parse(document)
    (provider,) = metadata.keys()
    certificates = [base64.b64decode(text) for _, text in metadata.certs(provider, "idpsso", "signing")]
    return provider, certificates, metadata.service(provider, "idpsso_descriptor", "single_sign_on_service")


async def test_the_page_from_the_template_to_the_active_certificate(emulator, stranger):
    walk = await Walk.instantiate(stranger)
    await walk.configure()
    role_id = await walk.add_role()
    await walk.map_claims()
    now = emulator.clock.now()
    certificate = await walk.add_certificate(now, 1_000)
    assert (stranger.status, certificate.type, certificate.usage) == (200, "AsymmetricX509Cert", "Verify")
    await walk.activate(certificate)
    user = next(iter(emulator.tenant.people.users))
    assignment = AppRoleAssignment(principal_id=user, resource_id=walk.principal_id, app_role_id=role_id)
    await stranger.read(walk.principal.app_role_assigned_to.post(assignment))
    value = await walk.read()
    assert value.preferred_token_signing_key_thumbprint == certificate.thumbprint
    assert [(each.usage, each.key) for each in value.key_credentials] == [("Sign", None), ("Verify", None)]
    assert [each.key_id for each in value.password_credentials] == [value.key_credentials[0].key_id]
    assert value.reply_urls == [REPLY_URL]
    assert IDENTIFIER in value.service_principal_names
    (_, verify) = (await walk.read("keyCredentials")).key_credentials
    assert verify.key == certificate.key
    assert verify.end_date_time - timedelta(days=999) > datetime.fromtimestamp(now, UTC)


async def test_a_saml_library_reads_the_metadata_with_the_staged_certificate(emulator, stranger):
    walk = await Walk.instantiate(stranger)
    now = emulator.clock.now()
    active, staged = [await walk.add_certificate(now, days) for days in (300, 1_000)]
    await walk.activate(active)
    document = await fetch_metadata(emulator, (await walk.read("appId")).app_id)
    provider, certificates, addresses = read_with_library(document)
    assert provider == f"https://sts.windows.net/{emulator.settings.tenant_id}/"
    assert certificates == [active.key, staged.key]
    assert {binding.rpartition(":")[2] for binding in addresses} == {"HTTP-Redirect", "HTTP-POST"}
