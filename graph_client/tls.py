"""The TLS trust of both doors, Graph and sign-in, from the settings alone."""

from __future__ import annotations

import ssl

import httpx

from .errors import BadSettings
from .settings import GraphSettings

__all__ = ["ssl_context"]


def ssl_context(settings: GraphSettings) -> ssl.SSLContext:
    """A context that trusts `ca_file`, or the public authorities that httpx ships with.

    Raises:
        BadSettings: when the file cannot be read or holds no certificate.
    """
    if settings.ca_file is None:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=str(settings.ca_file))
    except OSError as error:  # ssl.SSLError is one, too
        reason = error.strerror or error.__class__.__name__
        raise BadSettings(
            f"the CA file {settings.ca_file} cannot be used: {reason}",
            hint="name a readable PEM file with the certificates to trust",
        ) from None
