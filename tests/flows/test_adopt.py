"""What was made by hand becomes a fleet: one write each, and nothing after that."""

import pytest

from flows.adopt import build_adoption_file, find_unmanaged
from flows.configuration.sign_in import open_client
from flows.fleet_file.loader import load_fleet
from flows.provision import provision_fleet
from tests.estates import TENANT, estate
from tests.tenant.crowds import settle

pytestmark = pytest.mark.usefixtures("without_prefect")


async def test_an_adopting_apply_writes_each_mark_and_the_next_one_nothing(tmp_path):
    path = tmp_path / "fleet.yaml"
    with estate(tmp_path / "tenant") as tenant:
        for number in range(3):
            settle(tenant.emulator, None, f"By hand {number}")
        async with open_client(None) as (graph, _):
            made = build_adoption_file("contoso", TENANT, await find_unmanaged(graph, "contoso", "Box", None))
        path.write_text(made.text, encoding="utf-8")
        tenant.forget()
        plan = await provision_fleet(str(path), dry_run=True)
        assert ({str(each.action) for each in plan.instances}, plan.writes) == ({"adopt"}, 3)
        assert tenant.requests(writes=True) == []
        # No secret is there to resolve: none of the references is read.
        outcome = await provision_fleet(str(path))
        assert outcome.summary["adopted"] == 3
        assert [record.operation for record in tenant.requests(writes=True)] == ["patch_application"] * 3
        assert sorted(tenant.applications()) == [f"entra-fleet:contoso:by-hand-{n}" for n in range(3)]
        tenant.forget()
        assert (await provision_fleet(str(path))).summary["unchanged"] == 3
        path.write_text("\n".join(line for line in made.text.splitlines() if "adopt:" not in line), encoding="utf-8")
        assert load_fleet(path).instances[0].adopt is None
        assert (await provision_fleet(str(path))).summary["unchanged"] == 3
        assert tenant.requests(writes=True) == []
