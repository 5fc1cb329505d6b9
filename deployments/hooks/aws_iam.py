#!/usr/bin/env python3
"""Hand a staged signing certificate to AWS: update the SAML provider in IAM with the application's metadata.

An example to read and adapt. It needs the AWS CLI, signed in to the account with iam:UpdateSAMLProvider, and a table of
the providers in AWS_SAML_PROVIDERS, such as

    AWS_SAML_PROVIDERS='{"aws-prod": "arn:aws:iam::111122223333:saml-provider/Entra"}'

Set ENTRA_FLEET_CERTIFICATE_HOOK to the path of this file where `certificates activate` or the flow rotate-certificates
runs. The certificate is activated only if it ends with exit code 0.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request


def main() -> None:
    """Update the provider of the instance, if the metadata has the staged certificate."""
    key = os.environ["ENTRA_FLEET_HOOK_KEY"]
    certificate = os.environ["ENTRA_FLEET_HOOK_CERTIFICATE"]
    providers = json.loads(os.environ["AWS_SAML_PROVIDERS"])
    if key not in providers:
        sys.exit(f"AWS_SAML_PROVIDERS names no provider for {key}")
    address = os.environ["ENTRA_FLEET_HOOK_METADATA_URL"]
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310  # entra-fleet gives it, from its settings
        metadata = answer.read().decode()
    if certificate not in "".join(metadata.split()):
        # AWS would go on trusting the one before alone, and refuse every sign-in once the new one signs.
        sys.exit("The metadata does not have the staged certificate yet; the next run tries again.")
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
        file.write(metadata)
        file.flush()
        command = ["aws", "iam", "update-saml-provider", "--saml-provider-arn", providers[key]]
        command += ["--saml-metadata-document", f"file://{file.name}"]
        done = subprocess.run(command, check=False)  # noqa: S603  # no shell, and its parts are the owner's
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
