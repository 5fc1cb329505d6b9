"""Settings: clouds, URLs, numbers, and a repr that may be shown."""

import dataclasses
import ssl
from pathlib import Path

import certifi
import pytest
import trustme

from graph_client import CLOUDS, GraphSettings, errors
from graph_client.settings import shared_ssl_context, ssl_context


@pytest.mark.parametrize(
    ("cloud", "graph", "login"),
    [
        ("global", "graph.microsoft.com", "login.microsoftonline.com"),
        ("usgov", "graph.microsoft.us", "login.microsoftonline.us"),
        ("usgov-dod", "dod-graph.microsoft.us", "login.microsoftonline.us"),
        ("china", "microsoftgraph.chinacloudapi.cn", "login.chinacloudapi.cn"),
    ],
)
def test_a_cloud_has_its_roots(cloud, graph, login):
    settings = GraphSettings.for_cloud(cloud, api_version="beta")
    assert (settings.graph_url, settings.authority) == (f"https://{graph}", f"https://{login}")
    assert settings.scope == f"https://{graph}/.default"
    assert settings.api_version == "beta"
    assert cloud in CLOUDS


def test_a_root_can_be_changed_within_a_cloud():
    settings = GraphSettings.for_cloud("china", authority="https://login.partner.microsoftonline.cn")
    assert settings.authority == "https://login.partner.microsoftonline.cn"
    assert settings.graph_url == "https://microsoftgraph.chinacloudapi.cn"


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("https://graph.example/", "https://graph.example"),
        ("https://GRAPH.example:443", "https://graph.example"),
        ("https://localhost:8443/", "https://localhost:8443"),
        ("login.microsoftonline.com", "https://login.microsoftonline.com"),
        ("localhost:8443", "https://localhost:8443"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_a_root_is_brought_into_one_form(url, root):
    assert GraphSettings(graph_url=url).graph_url == root
    assert GraphSettings(authority=url).authority == root


@pytest.mark.parametrize(
    "url",
    [
        "http://graph.example",
        "ftp://graph.example",
        "https://",
        "",
        "https://graph.example/v1.0",
        "https://graph.example?x=1",
        "https://graph.example#x",
        "https://user:pa55word@graph.example",
        "https://graph.example:port",
        "https://[::1",
    ],
)
@pytest.mark.parametrize("name", ["graph_url", "authority"])
def test_what_is_no_plain_https_root_is_refused(name, url):
    with pytest.raises(errors.BadSettings) as caught:
        GraphSettings(**{name: url})
    assert name in str(caught.value)
    assert "pa55word" not in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("changes", [{"api_version": "v2.0"}, {"attempts": 0}, {"read_timeout_seconds": -1.0},
                                     {"total_retry_seconds": float("nan")}, {"page_size": float("inf")}])  # fmt: skip
def test_wrong_values_are_refused(changes):
    with pytest.raises(errors.BadSettings, match=next(iter(changes))):
        GraphSettings(**changes)


def test_an_unknown_cloud_is_refused():
    with pytest.raises(errors.BadSettings, match="global, usgov, usgov-dod, china"):
        GraphSettings.for_cloud("mars")


def test_a_share_is_a_part_of_the_whole():
    assert GraphSettings(budget_share=0.25).budget_share == 0.25
    with pytest.raises(errors.BadSettings, match=r"budget_share .* at most 1"):
        GraphSettings(budget_share=1.5)


def test_settings_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        GraphSettings().attempts = 7


def test_the_repr_shows_what_differs_and_no_password():
    settings = GraphSettings(graph_url="https://graph.example", attempts=3, proxy_url="http://me:pa55word@proxy:1")
    assert repr(settings) == "GraphSettings(graph_url='https://graph.example', attempts=3, proxy_url='***')"


def test_every_number_names_its_unit():
    counts = {
        "attempts",
        "sign_in_attempts",
        "write_window_parts",
        "page_size",
        "log_page_size",
        "max_pages",
        "max_empty_pages",
        "requests_in_flight",
        "budget_share",
    }
    for field in dataclasses.fields(GraphSettings):
        if isinstance(field.default, (int, float)):
            assert field.name in counts or field.name.endswith(("_seconds", "_per_window")), field.name


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_ca_file_that_cannot_be_used_is_told(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(errors.BadSettings) as caught:
        ssl_context(GraphSettings(ca_file=path))
    assert str(path) in str(caught.value)


def test_a_ca_file_is_trusted_alone(tmp_path, monkeypatch):
    # The public ones, where the tests have one of their own; see tests/conftest.py.
    monkeypatch.setattr(certifi, "where", lambda: str(Path(certifi.__file__).with_name("cacert.pem")))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl_context(GraphSettings(ca_file=tmp_path / "ca.pem"))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.cert_store_stats()["x509_ca"] == 1
    assert ssl_context(GraphSettings()).cert_store_stats()["x509_ca"] > 50


def test_clients_share_a_context_until_the_file_is_replaced(tmp_path):
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    first = shared_ssl_context(GraphSettings(ca_file=path))
    assert shared_ssl_context(GraphSettings(ca_file=path, read_timeout_seconds=1)) is first
    assert shared_ssl_context(GraphSettings()) is shared_ssl_context(GraphSettings()) is not first
    (tmp_path / "next.pem").write_bytes(trustme.CA().cert_pem.bytes())
    (tmp_path / "next.pem").replace(path)
    renewed = shared_ssl_context(GraphSettings(ca_file=path))
    assert renewed.get_ca_certs() != first.get_ca_certs()
    path.unlink()
    with pytest.raises(errors.BadSettings):
        shared_ssl_context(GraphSettings(ca_file=path))
