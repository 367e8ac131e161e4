"""What describes the API to people, and which pages may ask it."""

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.web.serving import serving

SITE = "https://tunes.example"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(origins=[SITE]) as served:
        yield served.client


def test_the_description_asks_nothing_from_other_hosts(client: httpx.Client) -> None:
    """Fails: who reads what can be asked for, without a net, reads an empty page, and a stranger knows it."""
    page = client.get("/docs").text
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert "<script" not in page


def test_the_description_has_every_operation_and_every_field(client: httpx.Client) -> None:
    """Fails: something can be asked for that nobody can read of."""
    page, told = client.get("/docs").text, client.get("/openapi.json").json()
    for path, operations in told["paths"].items():
        assert all(f"{method.upper()} {path}" in page for method in operations)
    for name, schema in told["components"]["schemas"].items():
        assert f'<h2 id="{name}">' in page
        for field in schema.get("properties", {}):
            assert f"<code>{field}</code>" in page.partition(f'<h2 id="{name}">')[2].partition("<h2")[0]
    assert set(re.findall(r'href="#(\w+)"', page)) <= set(told["components"]["schemas"])


def test_pages_of_a_site_that_was_named_may_ask_and_those_of_others_may_not(client: httpx.Client) -> None:
    """Fails: another site's page cannot use the server, or anybody's can."""
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    allowed = client.options("/api/generate", headers={"Origin": SITE, **asked})
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == SITE
    other = client.options("/api/generate", headers={"Origin": "https://other.example", **asked})
    assert "Access-Control-Allow-Origin" not in other.headers
    assert client.get("/api/health", headers={"Origin": SITE}).headers["Access-Control-Allow-Origin"] == SITE


def test_nobodys_pages_may_ask_unless_one_was_named() -> None:
    """Fails: whatever page a visitor has open can draw tunes on this machine."""
    with serving() as served:
        answer = served.client.get("/api/health", headers={"Origin": SITE})
    assert "Access-Control-Allow-Origin" not in answer.headers
