import asyncio

import pytest

from flows.configuration.environment import add_prefect_variables
from flows.credentials.references import ReferenceUnresolved, resolve
from flows.credentials.sources import Sources, cache_values


@pytest.fixture
def asked():
    return []


@pytest.fixture
def read(asked):
    async def reading(name):
        asked.append(name)
        number = len(asked)
        await asyncio.sleep(0)
        if name == "bad":
            raise KeyError(name)
        return f"{name} {number}"

    return reading


async def test_a_name_is_asked_for_once_also_by_many_at_the_same_time(read, asked):
    remembered = cache_values(read, 60)
    assert await asyncio.gather(*(remembered(name) for name in "abab")) == ["a 1", "b 2", "a 1", "b 2"]
    assert (await remembered("a"), asked) == ("a 1", ["a", "b"])


async def test_an_answer_is_good_for_a_while(read):
    remembered = cache_values(read, 0)
    assert (await remembered("a"), await remembered("a")) == ("a 1", "a 2")
    remembered = cache_values(read, 0.01)
    assert (await remembered("a"), await remembered("a")) == ("a 3", "a 3")
    await asyncio.sleep(0.05)
    assert await remembered("a") == "a 4"


async def test_a_failure_is_told_to_everybody_who_waits_and_not_remembered(read, asked):
    remembered = cache_values(read, 60)
    answers = await asyncio.gather(*(remembered("bad") for _ in range(3)), return_exceptions=True)
    assert ([type(answer) for answer in answers], asked) == ([KeyError] * 3, ["bad"])
    with pytest.raises(KeyError):
        await remembered("bad")
    assert asked == ["bad", "bad"]


async def read_here(text, **variables):
    with add_prefect_variables(variables):
        return await resolve(text, Sources(None).by_scheme, instance="one", key="SecretToken")


async def refused_here(text, **variables):
    with pytest.raises(ReferenceUnresolved) as caught:
        await read_here(text, **variables)
    return str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        *("AZURE_CLIENT_SECRET", "azure_client_secret", "AZURE_ANYTHING", "ENTRA_FLEET_FINGERPRINT_KEY"),
        *("PREFECT_API_KEY", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SYSTEM_ACCESSTOKEN", "IDENTITY_HEADER", "HTTPS_PROXY"),
    ],
)
async def test_our_own_variables_are_no_reference(name):
    assert "belongs to entra-fleet itself" in await refused_here(f"${{env:{name}}}", **{name: "a secret"})


async def test_the_files_that_sign_in_are_no_reference(tmp_path):
    for name in ("key.pem", "token", "store.db.fingerprint-key"):
        (tmp_path / name).write_text("a secret")
    (tmp_path / "link").symlink_to(tmp_path / "key.pem")
    own = {
        "AZURE_CLIENT_CERTIFICATE_PATH": str(tmp_path / "key.pem"),
        "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
    }
    names = ["key.pem", "token", "link", "store.db.fingerprint-key"]
    for path in [*(tmp_path / name for name in names), "/proc/self/environ", "/dev/zero"]:
        assert "belongs to entra-fleet itself" in await refused_here(f"${{file:{path}}}", **own)


async def test_only_the_references_that_are_allowed_are_resolved(tmp_path):
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    for path in (allowed / "secret", tmp_path / "secret"):
        path.write_text("good")
    patterns = f"env:TARGET_*, file:{allowed}/*"
    given = {"ENTRA_FLEET_REFERENCES": patterns, "TARGET_ONE": "good", "OTHER": "good"}
    for text in ("${env:TARGET_ONE}", f"${{file:{allowed}/secret}}"):
        assert (await read_here(text, **given)).value.get_secret_value() == "good"
    for text in ("${env:OTHER}", f"${{file:{tmp_path}/secret}}", f"${{file:{allowed}/../secret}}", "${block:a/b}"):
        assert "ENTRA_FLEET_REFERENCES" in await refused_here(text, **given)
