"""References to secrets become values, or errors that hold none."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from flows.credentials.references import Reference, ReferenceUnresolved, Secret, SourceError, read_secret_file, resolve

FORMS = "${env:NAME}, ${file:/absolute/path}, ${block:name/field} or ${keyvault:vault/name}"
VALUE = 'hunter2"+/é'


async def secret(text, **sources):
    return await resolve(text, sources, instance="prod-eu", key="SecretToken")


async def value(text, **sources):
    return (await secret(text, **sources)).value


def is_reference(text):
    try:
        return Reference.parse(text) is not None
    except ValueError:
        return False


async def refused(text, *named, **sources):
    """The text of the refusal: instance, key and reference, then what it names; never the value."""
    with pytest.raises(ReferenceUnresolved) as caught:
        await value(text, **sources)
    assert "hunter2" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    message, hint = caught.value.message, caught.value.hint
    where = f"prod-eu: credentials.SecretToken: {text}: "
    # What is no whole reference may be a secret, and is not repeated.
    assert message.startswith(where if is_reference(text) else where.removesuffix(f"{text}: "))
    assert hint
    assert [each for each in named if each not in f"{message}\n{hint}"] == []
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "scheme", "name"),
    [
        ("${env:DBX_TOKEN}", "env", "DBX_TOKEN"),
        ("${file:/run/secrets/a b/c.txt}", "file", "/run/secrets/a b/c.txt"),
        ("${file:C:\\secrets\\a}", "file", "C:\\secrets\\a"),
        ("${block:my-app/secret_token}", "block", "my-app/secret_token"),
        ("${keyvault:identity-kv/databricks-prod-eu}", "keyvault", "identity-kv/databricks-prod-eu"),
    ],
)
def test_a_reference_is_read_and_written_the_same(text, scheme, name):
    reference = Reference.parse(text)
    assert reference == Reference(scheme, name)
    assert str(reference) == text


@pytest.mark.parametrize("text", ["", "plain", "$env:X", "{env:X}", "$ {env:X}", "a$b", "{}"])
def test_a_literal_is_no_reference(text):
    assert Reference.parse(text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x${env:X}", "is not one whole reference"),
        ("${env:X}x", "is not one whole reference"),
        ("${env:X}\n", "is not one whole reference"),
        ("${env:X}${env:Y}", "is not one whole reference"),
        ("${env:${env:X}}", "is not one whole reference"),
        ("${env}", "is not one whole reference"),
        ("${env:X", "is not one whole reference"),
        ("${ENV:X}", "is a reference of an unknown kind"),
        ("${vault:hunter2}", "is a reference of an unknown kind"),
        ("${env:}", "is not a reference of the form ${env:NAME}"),
        ("${env:A-B}", "is not a reference of the form ${env:NAME}"),
        ("${file:relative}", "is not a reference of the form ${file:/absolute/path}"),
        ("${block:name}", "is not a reference of the form ${block:name/field}"),
        ("${keyvault:a/b/c}", "is not a reference of the form ${keyvault:vault/name}"),
    ],
)
async def test_what_looks_like_a_reference_but_is_none(text, message):
    with pytest.raises(ValueError, match="is ") as caught:
        Reference.parse(text)
    assert str(caught.value) == message
    await refused(text, message, FORMS)


@given(before=st.text(), after=st.text())
def test_what_is_wrong_with_a_reference_is_said_without_its_text(before, after):
    assert "hunter2" not in refusal_of(f"{before}${{{after}hunter2")
    assert "hunter2" not in refusal_of(f"${{{before}:hunter2{after}}}")


def refusal_of(text):
    try:
        Reference.parse(text)
    except ValueError as error:
        return str(error)
    return ""


async def test_values_come_from_the_source_of_their_scheme():
    asked = []

    async def from_vault(name):
        asked.append(name)
        return VALUE

    sources = {"env": {"TOKEN": "other"}.__getitem__, "keyvault": from_vault}
    found = await value("${keyvault:kv/token}", **sources)
    assert isinstance(found, SecretStr)
    assert found.get_secret_value() == VALUE
    assert "hunter2" not in repr(found) + str(found)
    assert asked == ["kv/token"]
    assert (await value("${env:TOKEN}", **sources)).get_secret_value() == "other"


async def test_a_version_comes_with_the_value_of_a_source_that_has_versions():
    versioned = await secret("${keyvault:kv/token}", keyvault=lambda _: Secret(SecretStr(VALUE), "v7"))
    assert versioned == Secret(SecretStr(VALUE), "v7")
    assert "hunter2" not in repr(versioned)
    assert (await secret("${env:X}", env=lambda _: VALUE)).version is None


async def test_an_empty_versioned_value_is_empty():
    assert "is empty" in await refused("${keyvault:kv/a}", keyvault=lambda _: Secret(SecretStr(""), "v7"))


async def test_a_literal_needs_no_source():
    assert (await value("https://example.net")).get_secret_value() == "https://example.net"


async def test_an_unset_environment_variable():
    await refused("${env:DBX_TOKEN}", "DBX_TOKEN", "not set", env={}.__getitem__)


async def test_a_name_that_another_source_does_not_have():
    await refused("${block:app/token}", block={}.__getitem__)


async def test_an_empty_value_would_delete_the_credential():
    await refused("${env:X}", "empty", env=lambda _: "")


async def test_a_value_that_no_request_could_carry():
    await refused("${env:X}", "UTF-8", env=lambda _: "hunter2\udcff")


async def test_a_scheme_without_a_source():
    await refused("${keyvault:kv/a}", "keyvault", "env, file", file=str, env=str)


async def test_a_source_may_say_what_to_do():
    def locked(name):
        raise SourceError("the vault is locked", f"Ask the owner of {name}.")

    await refused("${keyvault:kv/a}", "the vault is locked", "Ask the owner of kv/a.", keyvault=locked)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_source_that_fails_with_the_value_in_its_text(asynchronous):
    def fails(_):
        raise RuntimeError(VALUE)

    async def fails_later(_):
        raise RuntimeError(VALUE)

    await refused("${keyvault:kv/a}", "RuntimeError", keyvault=fails_later if asynchronous else fails)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("secret", "secret"),
        ("secret\n", "secret"),
        ("secret\r\n", "secret"),
        ("secret\n\n", "secret\n"),
        (" é\nsecond line ", " é\nsecond line "),
        ("secret\r", "secret\r"),
    ],
)
async def test_a_secret_loses_one_newline_whatever_its_source(content, expected, tmp_path):
    (tmp_path / "secret").write_bytes(content.encode())
    sources = {
        f"${{file:{tmp_path}/secret}}": {"file": read_secret_file},
        "${env:TOKEN}": {"env": lambda name: content},
        "${keyvault:vault/name}": {"keyvault": lambda name: Secret(SecretStr(content), "v1")},
    }
    for text, source in sources.items():
        assert (await value(text, **source)).get_secret_value() == expected


async def test_a_pipe_or_device_is_no_secret_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path / "pipe", "/dev/zero", tmp_path):
        assert "is not a regular file" in await refused(f"${{file:{name}}}", file=read_secret_file)


async def test_a_secret_file_that_is_not_there(tmp_path):
    await refused(f"${{file:{tmp_path}/none}}", "No such file", file=read_secret_file)


@pytest.mark.parametrize(
    ("content", "named"),
    [(b"hunter2\xff", "UTF-8"), (b"x" * 65_537, "65,536 bytes"), (b"\n", "empty")],
    ids=["binary", "huge", "newline"],
)
async def test_a_secret_file_that_holds_no_secret(content, named, tmp_path):
    (tmp_path / "secret").write_bytes(content)
    await refused(f"${{file:{tmp_path}/secret}}", named, file=read_secret_file)
