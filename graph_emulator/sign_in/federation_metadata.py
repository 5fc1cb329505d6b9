"""The federation metadata of an application: who signs its SAML assertions, and where to sign in. Signed itself.

https://learn.microsoft.com/entra/identity-platform/federation-metadata
"""

import base64
import hashlib
from collections.abc import Sequence
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from graph_emulator.clock import guid

CONTENT_TYPE = "application/samlmetadata+xml; charset=utf-8"
_DSIG = "http://www.w3.org/2000/09/xmldsig#"
_CANONICAL = "http://www.w3.org/2001/10/xml-exc-c14n#"
_BINDING = "urn:oasis:names:tc:SAML:2.0:bindings"


def write_metadata(
    tenant_id: str, address: str, certificates: Sequence[bytes], key: rsa.RSAPrivateKey, parts: Sequence[object]
) -> bytes:
    """The document.

    Args:
        tenant_id: the tenant, which is the identity provider.
        address: the root of the sign-in endpoints.
        certificates: in DER; the first one signs.
        key: its private key.
        parts: what distinguishes this document's id.

    Returns:
        The document as UTF-8.
    """
    id_ = f"_{guid('federation metadata', *parts)}"
    start = (
        f'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" ID="{id_}" '
        f'entityID="https://sts.windows.net/{tenant_id}/">'  # the issuer of v1 tokens, with its slash
    )
    rest = f"{_role(tenant_id, address, certificates)}</EntityDescriptor>"
    # Over the document without the signature, which the enveloped-signature transform removes.
    signature = _sign(id_, start + rest, certificates[0], key)
    return f'<?xml version="1.0" encoding="utf-8"?>{start}{signature}{rest}'.encode()


# Every element below is written as exclusive canonicalization would write it, so that what is hashed is what is sent:
# attributes in their order, no white space, no empty-element tags.


def _role(tenant_id: str, address: str, certificates: Sequence[bytes]) -> str:
    place = escape(f"{address}/{tenant_id}/saml2", {'"': "&quot;"})
    keys = "".join(f'<KeyDescriptor use="signing">{_key_info(each)}</KeyDescriptor>' for each in certificates)
    return (
        f'<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{keys}'
        f'<SingleLogoutService Binding="{_BINDING}:HTTP-Redirect" Location="{place}"></SingleLogoutService>'
        f'<SingleSignOnService Binding="{_BINDING}:HTTP-Redirect" Location="{place}"></SingleSignOnService>'
        f'<SingleSignOnService Binding="{_BINDING}:HTTP-POST" Location="{place}"></SingleSignOnService>'
        "</IDPSSODescriptor>"
    )


def _key_info(certificate: bytes) -> str:
    text = base64.b64encode(certificate).decode()
    return f'<KeyInfo xmlns="{_DSIG}"><X509Data><X509Certificate>{text}</X509Certificate></X509Data></KeyInfo>'


def _sign(id_: str, document: str, certificate: bytes, key: rsa.RSAPrivateKey) -> str:
    digest = base64.b64encode(hashlib.sha256(document.encode()).digest()).decode()
    signed = (
        f'<SignedInfo xmlns="{_DSIG}"><CanonicalizationMethod Algorithm="{_CANONICAL}"></CanonicalizationMethod>'
        '<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></SignatureMethod>'
        f'<Reference URI="#{id_}"><Transforms><Transform Algorithm="{_DSIG}enveloped-signature"></Transform>'
        f'<Transform Algorithm="{_CANONICAL}"></Transform></Transforms>'
        '<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></DigestMethod>'
        f"<DigestValue>{digest}</DigestValue></Reference></SignedInfo>"
    )
    value = base64.b64encode(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
    return (
        f'<Signature xmlns="{_DSIG}">{signed}<SignatureValue>{value}</SignatureValue>'
        f"{_key_info(certificate)}</Signature>"
    )
