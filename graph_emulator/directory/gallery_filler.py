"""The filler of the gallery: products of Microsoft's fictitious companies, so that a search has to search.

The same entries every time, as a table like that of gallery_entries.py.
"""

from collections.abc import Iterator

from graph_emulator.identifiers import share

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
    """One line for each entry."""
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
    """A few entries only bookmark a password sign-in that somebody contributed."""
    return share(name, "integrated") >= 0.06
