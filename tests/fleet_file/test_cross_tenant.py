"""`cross_tenant` in the fleet file: merged field by field, and refused at its place before any call."""

import pytest

from flows.fleet_file.loader import FleetFileError, fleet_from_object, load_fleet

SOURCE = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
FABRIKAM, TAILSPIN = "3f2c0000-0000-4000-8000-000000000001", "3f2c0000-0000-4000-8000-000000000002"
TEMPLATE = "Cross-tenant synchronization"


def instance(key="fabrikam", target=FABRIKAM, **fields):
    cross_tenant = {"tenant_id": target} | fields.pop("cross_tenant", {})
    return {"key": key, "display_name": key.title(), "template": TEMPLATE, "cross_tenant": cross_tenant} | fields


def fleet(*instances, **fields):
    return {"fleet": "subsidiaries", "tenant_id": SOURCE, "instances": list(instances)} | fields


def problems(obj):
    with pytest.raises(FleetFileError) as caught:
        fleet_from_object(obj)
    return [problem.place.path for problem in caught.value.problems]


def test_fields_merge_with_the_defaults_one_by_one():
    defaults = {"cross_tenant": {"users": "true", "redeem": "automatic", "sign_in": "{key}-target"}}
    own = {"redeem": "manual", "groups": True}
    (found,) = fleet_from_object(fleet(instance(cross_tenant=own, scope="assigned"), defaults=defaults)).instances
    wanted = found.cross_tenant
    assert (wanted.tenant_id, wanted.sign_in, wanted.users, wanted.groups, wanted.redeem) == (
        FABRIKAM,
        "fabrikam-target",
        True,
        True,
        "manual",
    )


def test_the_credentials_follow_from_the_target_and_may_be_written_all_the_same():
    expected = {"CompanyId": FABRIKAM, "AuthenticationType": "SyncPolicy"}
    (found,) = fleet_from_object(fleet(instance())).instances
    assert found.credentials == expected
    (found,) = fleet_from_object(fleet(instance(credentials={"CompanyId": FABRIKAM.upper()}))).instances
    assert found.credentials.keys() == expected.keys()


def test_a_fleet_survives_the_way_to_a_shard():
    wanted = fleet_from_object(fleet(instance(cross_tenant={"users": True, "sign_in": "env:FABRIKAM"})))
    assert fleet_from_object(wanted.to_object()).instances == wanted.instances


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"target": SOURCE}, "cross_tenant.tenant_id"),
        ({"target": "fabrikam"}, "cross_tenant.tenant_id"),
        ({"template": "Box"}, "cross_tenant"),
        ({"credentials": {"CompanyId": TAILSPIN}}, "credentials.CompanyId"),
        ({"credentials": {"AuthenticationType": "Basic"}}, "credentials.AuthenticationType"),
        ({"cross_tenant": {"groups": True}}, "cross_tenant.groups"),
        ({"cross_tenant": {"groups": True}, "scope": "all"}, "cross_tenant.groups"),
        ({"cross_tenant": {"redeem": "never"}}, "cross_tenant.redeem"),
        ({"cross_tenant": {"user": True}}, "cross_tenant.user"),
        ({"cross_tenant": {"sign_in": "env:fabrikam"}}, "cross_tenant.sign_in"),
        ({"cross_tenant": {"sign_in": "env:"}}, "cross_tenant.sign_in"),
        ({"cross_tenant": {"tenant_id": None}}, "cross_tenant.tenant_id"),
    ],
)
def test_what_contradicts_itself_is_refused_at_its_place(fields, place):
    assert problems(fleet(instance(**fields))) == [f"instances[0].{place}"]


def test_a_target_belongs_to_one_instance_whatever_its_case():
    assert problems(fleet(instance("a"), instance("b", FABRIKAM.upper()))) == ["instances[1].cross_tenant.tenant_id"]
    assert len(fleet_from_object(fleet(instance("a"), instance("b", TAILSPIN))).instances) == 2


def test_a_target_in_the_defaults_belongs_to_one_instance_too():
    both = [{"key": key, "display_name": key, "template": TEMPLATE} for key in ("a", "b")]
    assert problems(fleet(*both, defaults={"cross_tenant": {"tenant_id": FABRIKAM}})) == ["instances[1]"]


def test_an_instance_whose_defaults_say_the_rest_still_needs_a_target():
    one = {"key": "a", "display_name": "A", "template": TEMPLATE}
    assert problems(fleet(one, defaults={"cross_tenant": {"users": True}})) == ["instances[0].cross_tenant.tenant_id"]


@pytest.mark.parametrize("template", ["518e5f48-1fc8-4c48-9387-9fdf28b0dfe7", "Cross-Tenant Synchronization Preview"])
def test_the_template_may_have_its_names_and_its_id(template):
    assert fleet_from_object(fleet(instance(template=template))).instances[0].template == template


def test_a_problem_has_line_and_column(tmp_path):
    path = tmp_path / "fleet.yaml"
    path.write_text(
        f"fleet: subsidiaries\ntenant_id: {SOURCE}\ninstances:\n"
        f"  - key: a\n    display_name: A\n    template: {TEMPLATE}\n"
        f"    cross_tenant:\n      users: true\n      tenant_id: {SOURCE}\n"
    )
    with pytest.raises(FleetFileError) as caught:
        load_fleet(path)
    (problem,) = caught.value.problems
    assert (problem.place.line, problem.place.path) == (9, "instances[0].cross_tenant.tenant_id")
