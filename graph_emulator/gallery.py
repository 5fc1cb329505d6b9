"""The application gallery: templates of applications, and the synchronization templates each brings."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from graph_emulator.gallery_crowd import crowd, is_integrated
from graph_emulator.gallery_entries import ENTRIES
from graph_emulator.identifiers import guid

# https://learn.microsoft.com/graph/api/applicationtemplate-instantiate
NON_GALLERY = {
    "global": "8adf8e6e-67b2-4cf2-a259-e3dc5476c621",
    "usgov": "4602d0b4-76bb-404b-bca9-2652e1a39c6d",
    "china": "5a532e38-1581-4918-9658-008dc27c1d68",
}
GALLERY_HOME = "https://account.activedirectory.windowsazure.com:444/applications/default.aspx?metadata="


@dataclass(frozen=True, slots=True)
class Template:
    """One application template and what it means for provisioning."""

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
        """The connector reads roles from the target instead of writing people into it."""
        return "aws" in self.synchronization

    @property
    def is_custom(self) -> bool:
        """The non-gallery template, for any application that speaks SCIM."""
        return self.id in NON_GALLERY.values()

    @property
    def home_page(self) -> str:
        """Where an application made from the template leads."""
        if self.imports_roles:
            return "https://signin.aws.amazon.com/saml?metadata=aws|ISV9.1|primary|z"
        key = "customappsso" if self.is_custom else self.slug
        return f"{GALLERY_HOME}{key}|ISV9.1|primary|z"

    @property
    def slug(self) -> str:
        """The name in letters and digits only."""
        return "".join(c for c in self.display_name.lower() if c.isascii() and c.isalnum())

    def as_graph(self) -> dict[str, Any]:
        """The template as Graph shows it."""
        return {
            "id": self.id,
            "displayName": self.display_name,
            "homePageUrl": f"https://www.{self.slug}.example.com/",
            "supportedSingleSignOnModes": list(self.sign_on_modes),
            "supportedProvisioningTypes": ["sync"] if self.synchronization else [],
            "logoUrl": f"https://images.example.net/app-logo/{self.slug}_215.png",
            "categories": list(self.categories),
            "publisher": self.publisher,
            "description": None,
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
        names[0] if len(names) == 1 else None,
        tuple(keys.split()),
        known or is_integrated(name),
    )


def _custom(cloud: str) -> Template:
    return Template(
        NON_GALLERY[cloud],
        "Custom",
        None,
        (),
        ("password", "saml", "oidc", "notSupported"),
        ("scim", "customappsso"),
        "scim",
        ("BaseAddress", "SecretToken"),
    )


@cache
def gallery(cloud: str, *, own_ids: bool = False) -> dict[str, Template]:
    """The templates of a cloud by id; the id of the non-gallery template differs from cloud to cloud.

    Args:
        cloud: global, usgov or china.
        own_ids: whether the other templates, too, have ids of this cloud; the ids that are documented stay.
    """
    salt = cloud if own_ids and cloud != "global" else ""
    entries = [_template(line, salt, known=True) for line in ENTRIES.strip().splitlines()]
    others = [_template(line, salt, known=False) for line in crowd()]
    return {template.id: template for template in (_custom(cloud), *entries, *others)}


@cache
def rendered(cloud: str, *, own_ids: bool = False) -> tuple[dict[str, Any], ...]:
    """The same as Graph shows them, by name."""
    templates = sorted(gallery(cloud, own_ids=own_ids).values(), key=lambda t: (t.display_name.lower(), t.id))
    return tuple(template.as_graph() for template in templates)
