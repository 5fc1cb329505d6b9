"""The official SDK, pointed at the emulator, with every answer compared with the model it was parsed into."""

import json
import ssl
from collections.abc import Awaitable
from typing import Any

import httpx
from azure.identity import ClientSecretCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from kiota_abstractions.serialization import Parsable
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph_core import GraphClientFactory

from tests.contract.conformance import foreign, mismatches


class Listening(httpx.AsyncHTTPTransport):
    """The network, which remembers the last answer as it came."""

    status = 0
    body = b""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        self.body = await response.aread()
        self.status = response.status_code
        return response


class Stranger:
    """A client that nobody here wrote."""

    def __init__(self, served: Any, settings: Any, trust: ssl.SSLContext) -> None:
        self.credential = ClientSecretCredential(
            settings.tenant_id,
            settings.client_id,
            settings.client_secret,
            authority=served.url,
            disable_instance_discovery=True,
            connection_verify=str(served.ca_file),
        )
        self._wire = Listening(verify=trust)
        client = GraphClientFactory.create_with_default_middleware(client=httpx.AsyncClient(transport=self._wire))
        provider = AzureIdentityAuthenticationProvider(self.credential, allowed_hosts=["localhost"])
        self.adapter = GraphRequestAdapter(provider, client)
        self.adapter.base_url = f"{served.url}/v1.0"
        self.graph = GraphServiceClient(request_adapter=self.adapter)
        self._client = client

    async def close(self) -> None:
        await self._client.aclose()
        self.credential.close()

    @property
    def status(self) -> int:
        """The status of the last answer."""
        return self._wire.status

    async def read(self, call: Awaitable[Any]) -> Any:
        """The model that the SDK makes of an answer, when nothing in the answer is foreign to it or lost by it."""
        model = await call
        assert model is not None, f"the SDK made nothing of {self._wire.body[:200]!r}"
        assert foreign(model) == [], foreign(model)
        if isinstance(model, Parsable):
            assert mismatches(json.loads(self._wire.body), type(model)) == []
        return model

    async def send(self, method: Method, path: str, model: type[Parsable] | None = None, body: Any = None) -> Any:
        """A request that the SDK has no method for, through its own adapter and models."""
        information = RequestInformation()
        information.http_method, information.url = method, f"{self.adapter.base_url}{path}"
        information.headers.add("Accept", "application/json")
        if body is not None:
            information.set_content_from_parsable(self.adapter, "application/json", body)
        errors = {"XXX": ODataError}
        if model is None:
            return await self.adapter.send_no_response_content_async(information, errors)
        return await self.read(self.adapter.send_async(information, model, errors))

    async def do(self, call: Awaitable[Any], status: int = 204) -> None:
        """A call that answers without a body."""
        assert await call is None
        assert self.status == status


def asking(builder: Any, *, eventual: bool = False, **query: Any) -> RequestConfiguration:
    """Query parameters of a builder's GET, and the header of an advanced query."""
    parameters = getattr(builder, f"{type(builder).__name__}GetQueryParameters")
    configuration = RequestConfiguration(query_parameters=parameters(**query))
    if eventual:
        configuration.headers.add("ConsistencyLevel", "eventual")
    return configuration
