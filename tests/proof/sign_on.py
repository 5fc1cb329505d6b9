"""The SAML applications of a fleet, and what is done to their certificates."""

from flows.rotate import rotate_certificates
from flows.tenant.ownership_tag import OwnershipTag
from tests.estates import AWS


class SignOn:
    """The SAML applications of a fleet in a tenant, as nobody's lagging replica shows them."""

    def __init__(self, world, wanted):
        self.world = world
        self.fleet = wanted
        self.principals = {each["key"]: self.place(each["key"]) for each in wanted["instances"]}
        for id_ in self.principals.values():
            self.change(id_, preferredSingleSignOnMode="saml")
        world.emulator.controls.advance(60)
        world.forget()

    def place(self, key):
        """An application of the fleet without a job: years of its cycles would take minutes."""
        tenant, now = self.world.emulator.tenant, self.world.emulator.clock.now()
        template = next(each for each in tenant.gallery.values() if each.display_name == AWS)
        owner = next(iter(tenant.people.users))
        application, principal = tenant.directory.instantiate(template, f"App {key}", None, owner, now)
        tenant.directory.patch(application, {"tags": [OwnershipTag("contoso", key).tag]}, now)
        return principal.id

    def change(self, id_, **values):
        directory = self.world.emulator.tenant.directory
        entry = directory.live["servicePrincipal"][id_]
        directory.patch(entry, values, self.world.emulator.clock.now())

    def entry(self, key):
        entry = self.world.emulator.tenant.directory.live["servicePrincipal"][self.principals[key]]
        entry.settle(self.world.emulator.clock.now())
        return entry.value

    def subjects(self, key):
        return [each["displayName"] for each in self.entry(key)["keyCredentials"] if each["usage"] == "Verify"]

    def active(self, key):
        return self.entry(key)["preferredTokenSigningKeyThumbprint"]

    def rotate(self, *stages, **parameters):
        parameters.setdefault("fleet", self.fleet)
        return self.world.run(self.world.doing(rotate_certificates, stages=list(stages) or None, **parameters))

    def writes(self):
        return [each.operation for each in self.world.requests(writes=True)]

    def begin(self, *keys):
        """Give instances a first certificate that signs."""
        only = list(keys or self.principals)
        assert self.rotate("renew", only=only).summary["staged"] == len(only)
        assert self.rotate("activate", only=only, acknowledged=True).summary["activated"] == len(only)
        self.world.forget()
