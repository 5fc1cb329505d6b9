"""applicationTemplate: an application of the gallery.

https://learn.microsoft.com/graph/api/resources/applicationtemplate
"""

from __future__ import annotations

from .moment import Moment
from .resource import Entity, Many

__all__ = ["ApplicationTemplate"]


class ApplicationTemplate(Entity):
    """A template that applications are made from."""

    display_name: str | None = None
    publisher: str | None = None
    description: str | None = None
    categories: Many[str] = ()
    home_page_url: str | None = None
    logo_url: str | None = None
    supported_single_sign_on_modes: Many[str] = ()
    supported_provisioning_types: Many[str] = ()
    endpoints: Many[str] = ()
    deprecation_date: str | None = None
    last_modified_date_time: Moment = None
    is_entra_integrated: bool | None = None
