"""A run carries the name of its fleet, however the fleet is given."""

import pytest

from flows.run import context


@pytest.fixture
def named(monkeypatch):
    """The name of a run of `provision` with a parameter `fleet`."""

    def name(parameter):
        monkeypatch.setattr(context.flow_run, "parameters", {"fleet": parameter}, raising=False)
        return context.name_run("provision")()

    return name


@pytest.mark.parametrize(
    "text",
    [
        "# ours\nfleet: contoso-scim\ntenant_id: x\n",
        'fleet: "contoso-scim"   # quoted\n',
        '{"tenant_id": "x",\n "fleet": "contoso-scim"}',
        '{"fleet": "contoso-scim", "instances": []}',
    ],
)
def test_the_name_is_the_fleets_and_not_the_files(named, tmp_path, text):
    path = tmp_path / "fleet.yaml"
    path.write_text(text)
    assert named(str(path)) == "provision contoso-scim"


def test_what_cannot_be_read_is_named_by_its_file(named, tmp_path):
    assert named(str(tmp_path / "missing.yaml")) == "provision missing"
    (tmp_path / "odd.yaml").write_bytes(b"\xff\xfe\x00")
    assert named(str(tmp_path / "odd.yaml")) == "provision odd"
    (tmp_path / "later.yaml").write_text("instances:\n  - key: a\n    notes: 'fleet: not-this'\n")
    assert named(str(tmp_path / "later.yaml")) == "provision later"


def test_a_fleet_as_an_object_and_none(named):
    assert named({"fleet": "contoso"}) == "provision contoso"
    assert named(None) == "provision"
