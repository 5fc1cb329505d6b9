"""A real Redis server to test with, and databases in it that nobody else uses."""

import os
from itertools import islice

import pytest
import redis

DATABASES = 16
SECONDS_KEPT = 1800


@pytest.fixture(scope="module")
def redis_urls():
    """The URLs of two empty databases, emptied again at the end."""
    server = os.environ.get("ENTRA_FLEET_TEST_REDIS", "redis://127.0.0.1:6379")
    try:
        urls = list(islice((url for number in range(1, DATABASES) if is_ours(url := f"{server}/{number}")), 2))
    except redis.ConnectionError as error:
        remedy = (
            "no Redis to test with: start one (apt-get install redis-server; redis-server --daemonize yes) or set "
            "ENTRA_FLEET_TEST_REDIS to the URL of one, without a database"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(f"{remedy}: {error}")
        pytest.skip(remedy)
    yield urls
    for url in urls:
        with redis.Redis.from_url(url) as client:
            client.flushdb()


def is_ours(url):
    """Whether a database was empty, and is now taken from all other tests that run at the same time."""
    with redis.Redis.from_url(url) as client:
        return client.dbsize() == 0 and client.set("taken by a test", os.getpid(), nx=True, ex=SECONDS_KEPT)
