"""The application gallery: templates of applications, and the synchronization templates each brings."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from graph_emulator.directory.gallery_entries import ENTRIES
from graph_emulator.directory.gallery_filler import fill_gallery, is_integrated
from graph_emulator.identifiers import guid, share

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
CLOUD_SYNC = "1a4721b3-e57f-4451-ae87-ef078703ec94"
"""Can be instantiated and is not in the list: entra-docs how-to-inbound-synch-ms-graph."""

# App roles belong to the template, ids included: timfee/cep-idp instantiate-sso.json and instantiateProv.json, 2025-06.
# Of those that are not named here nobody has shown any: they get the two that the non-gallery application has.
ROLES = {
    AWS: (("msiam_access", "7dfd756e-8c27-4472-b2b7-38c17fc5de5e"),),
    GOOGLE: (
        ("msiam_access", "8eea5c46-96fe-4398-b9c2-02ac04d931ca"),
        ("Default Organization", "9e79c739-f165-49e8-8745-fe08f1634b3b"),
    ),
    CROSS_TENANT: (("msiam_access", guid("app role", CROSS_TENANT, "msiam_access")),),
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
        key = "customappsso" if self.is_custom else self.slug
        return HOMES.get(self.id) or f"{GALLERY_HOME}{key}|ISV9.1|primary|z"

    @property
    def redirect_uris(self) -> tuple[str, ...]:
        """Where a sign-in may lead back to; wildcards may be among them."""
        return REDIRECTS.get(self.id, ())

    @property
    def roles(self) -> tuple[tuple[str, str], ...]:
        """The names and ids of its app roles."""
        return ROLES.get(self.id) or tuple((name, guid("app role", self.id, name)) for name in ("User", "msiam_access"))

    @property
    def slug(self) -> str:
        """The name in letters and digits only."""
        return "".join(c for c in self.display_name.lower() if c.isascii() and c.isalnum())

    def as_graph(self) -> dict[str, Any]:
        """The template as Graph shows it."""
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
        names[0] if len(names) == 1 else None,
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
        own_ids: whether the other templates, too, have ids of this cloud; the ids that are documented stay.
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
    """The same as Graph lists them, by name; whole ones have every property that the metadata declares."""
    templates = sorted(gallery(cloud, own_ids=own_ids).values(), key=lambda t: (t.display_name.lower(), t.id))
    shown = (template.as_graph() for template in templates if template.id != CLOUD_SYNC)
    return tuple(shown) if whole else tuple({name: value[name] for name in RECORDED} for value in shown)
