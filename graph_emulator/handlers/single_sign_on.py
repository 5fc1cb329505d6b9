"""What single sign-on by SAML adds to a service principal: its signing certificates and its settings.

https://learn.microsoft.com/graph/application-saml-sso-configure-api
"""

from typing import Any

from graph_emulator.clock import TICKS_PER_SECOND, read_ticks, to_ticks, write_moment, write_ticks
from graph_emulator.directory.signing_certificates import latest_end, make_certificate, make_credentials, thumbprint
from graph_emulator.handlers.call import Answer, Call
from graph_emulator.handlers.directory_changes import apply_changes
from graph_emulator.wire.bodies import take
from graph_emulator.wire.odata import allow_options
from graph_emulator.wire.problems import bad_request, invalid_value

SETTINGS = "samlSingleSignOnSettings"


def add_certificate(call: Call) -> Answer:
    """Make a certificate that does not sign yet; the answer is its public part.

    https://learn.microsoft.com/graph/api/serviceprincipal-addtokensigningcertificate
    """
    allow_options(call.options, ())
    entry = call.entry("servicePrincipal", change=True)
    body = take(call.body, {"displayName": "string", "endDateTime": "string"}, required=("displayName",))
    subject, end = body["displayName"], _end(call, body.get("endDateTime"))
    if not subject.startswith("CN="):  # documented: the name is that of an X.509 subject
        raise invalid_value("displayName")
    settings, number = call.tenant.settings, call.tenant.directory.next_certificate()
    try:
        certificate = make_certificate(subject, call.now, end, number, settings.seed, number)
    except ValueError:
        raise invalid_value("displayName") from None
    keys, password = make_credentials(
        certificate, subject, call.now, end, settings.custom_key_identifier, settings.seed, number
    )
    value = entry.value
    changes = {
        "keyCredentials": [*value["keyCredentials"], *keys],  # added, while a PATCH replaces the list
        "passwordCredentials": [*value["passwordCredentials"], password],
    }
    call.tenant.directory.patch(entry, changes, call.now)
    shown = {
        "@odata.context": call.context("microsoft.graph.selfSignedCertificate"),
        **keys[1],
        "startDateTime": write_ticks(to_ticks(call.now)),
        "thumbprint": thumbprint(certificate),
    }
    return Answer(200, shown)


def _end(call: Call, text: str | None) -> float:
    """When a new certificate expires: when its maker says, within three years."""
    latest = latest_end(call.now)
    if text is None:
        return latest
    try:
        end = read_ticks(text) // TICKS_PER_SECOND
    except ValueError:
        raise invalid_value("endDateTime") from None
    if not call.now < end <= latest:
        raise bad_request(f"The endDateTime must be after now and not after {write_moment(latest)}.")
    return float(end)


def get_settings(call: Call) -> Answer:
    """The SAML settings alone.

    Recorded: timfee/cep-idp getSamlSettings.json, 2025-06-12; unset ones are guessed to be an empty answer, as OData
    has it.
    """
    allow_options(call.options, ())
    entry = call.entry("servicePrincipal")
    value = entry.seen(call.replica, call.now)[SETTINGS]
    if value is None:
        return Answer(204)
    return Answer(200, {"@odata.context": call.context(f"servicePrincipals('{entry.id}')/{SETTINGS}"), **value})


def patch_settings(call: Call) -> Answer:
    """Change the SAML settings alone."""
    allow_options(call.options, ())
    entry = call.entry("servicePrincipal", change=True)
    changes: dict[str, Any] = {SETTINGS: take(call.body, {"relayState": "string"})}
    apply_changes(call, entry, changes)
    return Answer(204)
