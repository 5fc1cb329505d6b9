import base64
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from graph_emulator.clock import FROZEN_START
from graph_emulator.directory.signing_certificates import active_key, signing_key
from tests.graph_emulator.driver import AWS, error_of

# Nothing here depends on how requests come in.
pytestmark = pytest.mark.parametrize("door", ["in process"])
ACTIVE = "preferredTokenSigningKeyThumbprint"
DAY = 86_400.0
START = datetime.fromtimestamp(FROZEN_START, UTC)


class Principal:
    """One service principal of AWS and its certificates."""

    def __init__(self, wire, id_):
        self.wire, self.path = wire, f"/servicePrincipals/{id_}"

    async def add(self, days=365.0, subject="CN=Orders"):
        end = datetime.fromtimestamp(self.wire.emulator.clock.now() + days * DAY, UTC)
        body = {"displayName": subject, "endDateTime": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
        return await self.wire.post(f"{self.path}/addTokenSigningCertificate", body, 200)

    async def patch(self, **changes):
        return await self.wire.send("PATCH", self.path, changes)

    async def read(self, *names):
        return await self.wire.get(f"{self.path}?$select={','.join(names)}" if names else self.path)

    @property
    def value(self):
        """The service principal as it is behind all replicas."""
        return self.wire.emulator.tenant.directory.live["servicePrincipal"][self.path.rpartition("/")[2]].value

    async def pass_days(self, days):
        self.wire.emulator.controls.advance(days * DAY)
        await self.wire.sign_in()


@pytest.fixture
async def principal(wire):
    _, id_ = await wire.instantiate("Orders", AWS)
    return Principal(wire, id_)


def certificate_of(answer):
    return x509.load_der_x509_certificate(base64.b64decode(answer["key"]))


async def test_a_new_certificate_is_a_real_one_that_does_not_sign_yet(principal):
    made = await principal.add(days=300, subject="CN=Orders of Contoso")
    read = certificate_of(made)
    assert (
        read.subject.rfc4514_string() == read.issuer.rfc4514_string() == made["displayName"] == "CN=Orders of Contoso"
    )
    assert read.fingerprint(hashes.SHA1()).hex().upper() == made["thumbprint"]
    assert (read.not_valid_before_utc, read.not_valid_after_utc) == (START, START + timedelta(days=300))
    assert read.public_key().key_size == 2048
    read.verify_directly_issued_by(read)
    assert (await principal.read(ACTIVE))[ACTIVE] is None


async def test_it_is_a_pair_of_keys_and_the_password_of_the_private_one(principal):
    made = await principal.add()
    value = await principal.read()
    sign, verify = value["keyCredentials"]
    (password,) = value["passwordCredentials"]
    assert (sign["usage"], verify["usage"]) == ("Sign", "Verify")
    assert (verify["keyId"], password["keyId"]) == (made["keyId"], sign["keyId"])
    assert len({each["customKeyIdentifier"] for each in (made, sign, verify, password)}) == 1
    assert sign["keyId"] != verify["keyId"]
    assert password["secretText"] is None


async def test_the_key_itself_shows_only_where_one_object_is_asked_for_it(principal):
    made = await principal.add()
    one = (await principal.read("id", "keyCredentials"))["keyCredentials"]
    assert [each["key"] for each in one] == [None, made["key"]]
    many = (await principal.wire.get("/servicePrincipals?$select=keyCredentials"))["value"]
    whole = await principal.read()
    for each in (many[0], whole):
        assert [credential["key"] for credential in each["keyCredentials"]] == [None, None]


@pytest.mark.parametrize(
    "body",
    [
        {"displayName": "Orders"},
        {"displayName": "CN=a\nb, =="},
        {"displayName": f"CN={'x' * 65}"},
        {"endDateTime": "2027-01-01T00:00:00Z"},
        {"displayName": "CN=Orders", "endDateTime": "tomorrow"},
        {"displayName": "CN=Orders", "endDateTime": "2025-01-01T00:00:00Z"},
        {"displayName": "CN=Orders", "endDateTime": "2029-01-06T00:00:00Z"},
    ],
)
async def test_what_makes_no_certificate(principal, body):
    answer = await principal.wire.send("POST", f"{principal.path}/addTokenSigningCertificate", body)
    assert error_of(answer) == (400, "Request_BadRequest")
    assert (await principal.read())["keyCredentials"] == []


async def test_without_an_end_it_lives_for_three_years(principal):
    made = await principal.wire.post(f"{principal.path}/addTokenSigningCertificate", {"displayName": "CN=Orders"}, 200)
    assert made["endDateTime"] == "2029-01-05T08:00:00Z"


async def test_the_thumbprint_that_is_preferred_is_kept_as_it_was_written(principal):
    # Microsoft's own tool writes it in lower case, and a word that is none to take it away.
    made = await principal.add()
    for text in (made["thumbprint"].lower(), "unused"):
        assert (await principal.patch(**{ACTIVE: text})).status_code == 204
        assert (await principal.read())[ACTIVE] == text


async def test_at_expiry_the_valid_certificate_that_was_made_next_becomes_active(principal):
    await principal.add(900)
    await principal.pass_days(1)
    first = await principal.add(100)
    await principal.patch(**{ACTIVE: first["thumbprint"]})
    staged = []
    for days in (300, 200):
        await principal.pass_days(1)
        staged.append(await principal.add(days))
    await principal.pass_days(97)
    assert (await principal.read())[ACTIVE] == first["thumbprint"]
    await principal.pass_days(1)
    assert (await principal.read())[ACTIVE] == staged[0]["thumbprint"]


async def test_without_another_one_the_expired_certificate_stays_active(principal):
    first = await principal.add(10)
    await principal.patch(**{ACTIVE: first["thumbprint"]})
    await principal.pass_days(20)
    assert (await principal.read())[ACTIVE] == first["thumbprint"]
    # One that comes too late is switched to at once.
    late = await principal.add(10)
    assert (await principal.read())[ACTIVE] == late["thumbprint"]


async def test_nothing_is_switched_to_that_cannot_sign(principal):
    first = await principal.add(10)
    foreign = await Principal(principal.wire, (await principal.wire.instantiate("Other", AWS))[1]).add(100)
    keys = (await principal.read("keyCredentials"))["keyCredentials"]
    brought = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": foreign["key"]}
    assert (await principal.patch(keyCredentials=[*keys, brought], **{ACTIVE: first["thumbprint"]})).status_code == 204
    assert len((await principal.read())["keyCredentials"]) == 3
    await principal.pass_days(20)
    assert (await principal.read())[ACTIVE] == first["thumbprint"]


async def test_the_switch_may_not_show(open_tenant):
    wire = await open_tenant(certificate_switch="hidden")
    principal = Principal(wire, (await wire.instantiate("Orders", AWS))[1])
    first, _ = await principal.add(10), await principal.add(20)
    await principal.patch(**{ACTIVE: first["thumbprint"]})
    await principal.pass_days(15)
    assert (await principal.read())[ACTIVE] == first["thumbprint"]
    # Nor does a new one change which it was.
    switched_to = active_key(principal.value, wire.emulator.clock.now())
    await principal.add(300)
    assert active_key(principal.value, wire.emulator.clock.now()) == switched_to


async def test_a_patch_replaces_all_keys_and_knows_the_old_ones_by_their_ids(principal):
    first, second = await principal.add(10), await principal.add(20)
    kept = [key for key in (await principal.read())["keyCredentials"] if key["endDateTime"] == second["endDateTime"]]
    assert (await principal.patch(keyCredentials=kept)).status_code == 204
    left = (await principal.read("keyCredentials"))["keyCredentials"]
    assert [each["key"] for each in left] == [None, second["key"]]
    unknown = [{**kept[0], "keyId": first["keyId"]}]
    for wrong in (
        unknown,
        [{"type": "AsymmetricX509Cert", "usage": "Verify", "key": "bm90aGluZw=="}],
        [*kept, kept[0]],
    ):
        assert (await principal.patch(keyCredentials=wrong)).status_code == 400
    assert (await principal.read("keyCredentials"))["keyCredentials"] == left


async def test_a_patch_made_of_an_old_reading_loses_the_new_certificate(open_tenant):
    wire = await open_tenant(key_credentials_lag_seconds=30.0)
    principal = Principal(wire, (await wire.instantiate("Orders", AWS))[1])
    first = await principal.add(100)
    await principal.pass_days(1)
    await principal.add(200)
    stale = (await principal.read("keyCredentials"))["keyCredentials"]
    assert [each["key"] for each in stale] == [None, first["key"]]
    wire.emulator.controls.advance(20)
    assert set(Counter([len((await principal.read())["keyCredentials"]) for _ in range(30)])) == {2, 4}
    await principal.patch(keyCredentials=stale)
    wire.emulator.controls.advance(31)
    assert (await principal.read("keyCredentials"))["keyCredentials"] == stale


async def test_only_the_owner_may_add_one_with_the_lesser_permission(open_tenant):
    wire = await open_tenant(roles=("Application.ReadWrite.OwnedBy",))
    principal = Principal(wire, (await wire.instantiate("Mine", AWS))[1])
    await principal.add()
    wire = await open_tenant(roles=("Directory.Read.All",), estate=10)
    id_ = next(iter(wire.emulator.tenant.directory.live["servicePrincipal"]))
    refused = await wire.send(
        "POST", f"/servicePrincipals/{id_}/addTokenSigningCertificate", {"displayName": "CN=Orders"}
    )
    assert error_of(refused) == (403, "Authorization_RequestDenied")


async def test_the_identifier_of_a_key_may_be_anything(open_tenant):
    wire = await open_tenant(custom_key_identifier="own")
    made = await Principal(wire, (await wire.instantiate("Orders", AWS))[1]).add()
    assert base64.b64decode(made["customKeyIdentifier"]).hex().upper() != made["thumbprint"]


async def test_reading_the_keys_of_all_has_a_budget_of_its_own(open_tenant):
    wire = await open_tenant(throttling=True)
    for name, refused in (("keyCredentials", True), ("displayName", False)):
        path = f"/servicePrincipals?$select=id,{name}"
        answers = {(await wire.send("GET", path)).status_code for _ in range(151)}
        assert (429 in answers) == refused


async def test_three_years_of_a_target_that_learns_of_certificates_late(open_tenant):
    """Whoever renews in time never meets the switch; who sleeps does, and the target knows another certificate."""
    wire = await open_tenant(token_lifetime_seconds=4 * 365 * DAY)
    principal = Principal(wire, (await wire.instantiate("Orders", AWS))[1])
    known = (await principal.add(365))["thumbprint"]
    await principal.patch(**{ACTIVE: known})
    outages = []
    for day in range(3 * 365):
        wire.emulator.controls.advance(DAY)
        if day % 300 == 270:
            staged = (await principal.add(365))["thumbprint"]
            if day < 600:
                known = staged
                await principal.patch(**{ACTIVE: staged})
        if (await principal.read())[ACTIVE] != known:
            outages.append(day + 1)
    # Staged on day 870 and told to nobody: the certificate of day 570 ends 365 days later.
    assert (outages[0], len(outages)) == (571 + 365, 3 * 365 - 571 - 365 + 1)


def test_the_keys_are_sound_and_the_same_on_every_run(door):
    one, two = signing_key(0), signing_key(1)
    for key in (one, two):
        numbers = key.private_numbers()
        # Made again with every check that was left out.
        assert numbers.private_key().key_size == 2048
    assert one.public_key() != two.public_key()
    assert signing_key(2) is not None
