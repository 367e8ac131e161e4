"""The API does what /openapi.json says, and its description says all that it does: Schemathesis asks it."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import positive_data_acceptance
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test

from phin.web.app import create_app
from phin.web.asked import TuneAsked
from phin.web.limits import ServerLimits
from phin.web.service import Model, Service
from tests.runtime.exported import ENGINE
from tests.web.serving import FREE, Served, Slow, serving

# so wide that nothing is refused for being one too many: a 503 is taken for a fault; and endless tunes end
LIMITS = ServerLimits(**FREE, most_count=2, most_lines=2, most_notes=64, ahead_seconds=1000.0, most_streams=64)
OPERATIONS = [
    "GET /api/health",
    "GET /api/about",
    "POST /api/generate",
    "POST /api/streams",
    "GET /api/streams/{id}/events",
    "DELETE /api/streams/{id}",
    "POST /api/read",
    "POST /api/convert",
    "POST /api/suggest",
]
PHASES = [HypothesisTestMode.EXAMPLES, HypothesisTestMode.COVERAGE, HypothesisTestMode.FUZZING]
SETTINGS = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    service = Service(Model(ENGINE, "tiny", "0123"), LIMITS)
    yield service
    service.close()


@pytest.fixture(scope="module")
def schema(service: Service) -> Any:
    app = create_app(service)
    app.router.lifespan_context = lambda _: nullcontext()  # Schemathesis opens and closes the app for each request
    return schemathesis.openapi.from_asgi("/openapi.json", app)


def test_all_that_can_be_asked_is_tried(schema: Any) -> None:
    """Fails: a new endpoint is described wrongly, and nobody looks."""
    found = {f"{each.ok().method.upper()} {each.ok().path}" for each in schema.get_all_operations()}
    assert found == set(OPERATIONS)


@pytest.mark.long
@pytest.mark.parametrize("named", OPERATIONS)
def test_what_is_answered_is_what_is_described(schema: Any, service: Service, named: str) -> None:
    """Fails: a program that was written from /docs breaks on an answer that /docs does not know; a request that /docs
    rules out is obeyed; or some request is a fault of the program.
    """
    method, path = named.split()
    # which settings go together, and what is a tune, no JSON schema says: a body that fits it may still be refused
    leaving_out = [positive_data_acceptance] if method == "POST" else []
    answered = Counter[int]()

    def ask(case: schemathesis.Case) -> None:
        if "{id}" in path and case.meta is not None and case.meta.generation.mode.is_positive:
            planned = asyncio.run(service.planned(TuneAsked(lines=1), asyncio.Event().wait))
            case.path_parameters["id"] = service.streams.open(planned).id  # no random one is there
        answer = case.call()
        answered[answer.status_code] += 1
        case.validate_response(answer, excluded_checks=leaving_out)

    # as schema.parametrize() does, but that its part for pytest knows no pytest 9.2
    create_test(
        operation=schema[path][method], test_func=ask, config=HypothesisTestConfig(schema.config, PHASES, SETTINGS)
    )()
    assert sum(answered[status] for status in (200, 201, 204)) >= 2, answered
    assert answered[405], "other methods are tried too"
    assert method == "GET" or answered[422] + answered[404], "and what cannot be had"
    if method == "POST":
        assert answered[422] > 50, answered


def test_what_is_told_of_a_stream_is_what_is_described(server: Served) -> None:
    """Fails: a program that reads events by /docs does not know one, or misses what it says."""
    described = server.client.get("/openapi.json").json()
    answer = described["paths"]["/api/streams/{id}/events"]["get"]["responses"]["200"]
    data = {
        kind["properties"]["event"]["const"]: kind["properties"]["data"]["contentSchema"]
        for kind in answer["content"]["text/event-stream"]["itemSchema"]["oneOf"]
    }
    events = server.heard(server.told("streams", seed=3, lai="yai", keep={"tuning": "E-A-E"})["events"])
    with serving(Slow(0.02)) as slowly:
        made = slowly.told("streams", endless=True)
        slowly.service.stop()
        events += slowly.heard(made["events"])
    assert {event.kind for event in events} == set(data)
    for event in events:
        jsonschema.validate(event.data, {**data[event.kind], "components": described["components"]})
        assert set(event.data) == properties(data[event.kind], described), event.kind


def properties(schema: dict[str, Any], described: Any) -> set[str]:
    if "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return set(schema["properties"])
