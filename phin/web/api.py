"""The endpoints: they take apart what is asked, and hand over. What each answers stands in its docstring."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict
from starlette.types import Receive, Scope, Send

from phin.web.about import About, about
from phin.web.asked import A_PAGE, TuneAsked, TunesAsked, TuneSource
from phin.web.errands import Errand
from phin.web.events import Events, Listener
from phin.web.refusals import Refusal
from phin.web.service import Gone, Service
from phin.web.streams import Begin
from phin.web.tune import Strict, Tune

MEDIA = {
    "mid": "audio/midi",
    "txt": "text/plain; charset=utf-8",
    "tab": "text/plain; charset=utf-8",
    "wav": "audio/wav",
    "html": "text/html; charset=utf-8",
    "png": "image/png",
    "svg": "image/svg+xml",
    "neck.png": "image/png",
    "neck.svg": "image/svg+xml",
}
To = Literal["mid", "txt", "tab", "wav", "html", "png", "svg", "neck.png", "neck.svg"]


class Problem(BaseModel):
    """Why there is no answer: where it is amiss, what is, and what helps."""

    where: str
    reason: str
    remedy: str


class Health(BaseModel):
    """How a server fares."""

    status: Literal["ok"] = "ok"
    streams: int
    """Tunes that are drawn now."""
    most_streams: int


class Tunes(BaseModel):
    """Tunes that were drawn, in the order of their numbers."""

    tunes: list[Tune]


class StreamMade(BaseModel):
    """A stream that was made: where its events are heard."""

    id: str
    events: str
    seed: int


class Conversion(Strict):
    """A tune, and the form to write it in."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"of": A_PAGE, "to": "mid"}]})
    of: TuneSource
    to: To
    """The ending of the file. On paper a tune may be moved to where letters and frets are."""
    drone: bool = False
    """Strikes the drone too: what the tune names, else its lai's."""


class SuggestedNote(BaseModel):
    """What is suggested for a note of the melody."""

    note: int
    """Which of the tune's notes, from 0."""
    technique: str | None
    """How it is played. None: nothing is likely enough."""
    ornament: str | None
    """Which ornament it has, should it have one. None: no one is likely enough among them."""
    probabilities: dict[str, float]
    """How likely each technique is."""
    if_ornamented: dict[str, float]
    """How likely each ornament is if the note has one; the likeliest first."""
    why: str
    """What speaks for the likeliest technique."""
    why_ornament: str
    """What speaks for the likeliest ornament."""


class Suggested(BaseModel):
    """What is suggested for a tune, and what that was learned from."""

    tune: Tune
    suggestions: list[SuggestedNote]
    said: str


_REFUSED: dict[int | str, dict[str, Any]] = {
    413: {"model": Problem, "description": "Too large."},
    422: {"model": Problem, "description": "This cannot be asked for."},
    429: {"model": Problem, "description": "Too often; Retry-After says when it may be asked again."},
    503: {"model": Problem, "description": "As much goes on as may; Retry-After says when to ask again."},
}
_HEARING = {status: _REFUSED[status] for status in (422, 503)}
_NOT_THERE: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "There is no such stream."}}
AS_SENT = "the same, as a browser sends it"
A_NUMBER: dict[str, Any] = {"pattern": "^[0-9]{0,18}$"}


def _event(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """The schema of an event, as OpenAPI has it."""
    told = {"type": "string", "contentMediaType": "application/json", "contentSchema": data}
    properties = {"id": {"type": "string", "pattern": "^[0-9]+$"}, "event": {"const": kind}, "data": told}
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _schema(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


_KINDS = {"begin": Begin.model_json_schema(), **{name: _schema(name.title()) for name in ("note", "tune")}}
_EVENT = {"oneOf": [_event(kind, data) for kind, data in {**_KINDS, "error": _schema("Problem")}.items()]}
_EVENTS = {
    "content": {"text/event-stream": {"itemSchema": _EVENT}},
    "description": "`begin`, then `note` after `note`, then `tune` or `error`, each with its number as `id`.",
}


def api(service: Service) -> APIRouter:
    """The router of a service."""
    router = APIRouter(prefix="/api")

    def client(request: Request) -> str:
        return request.client.host if request.client else "?"

    def counted(request: Request) -> None:
        service.buckets.take(client(request))

    @router.get("/health")
    def health() -> Health:
        """Whether the server is there, and how many tunes are drawn."""
        return Health(streams=service.stage.num_players, most_streams=service.limits.most_streams)

    @router.get("/about")
    def tell_about() -> About:
        """The model and its licence, what it can be asked for, and the tables of the instrument."""
        return about(service.model, service.limits)

    @router.post("/generate", responses=_REFUSED)
    async def generate(asked: TunesAsked, request: Request) -> Tunes:
        """New tunes, whole: those that `phin-generate` makes of the same settings."""
        # more than the most are refused below: who mistypes a number does not pay for them
        service.buckets.take(client(request), min(asked.count, service.limits.most_count))
        if asked.endless:
            raise Refusal(422, "endless=true", "means nothing for tunes that are told whole", "ask for a stream")
        planned = await service.planned(asked, _gone(request))
        return Tunes(tunes=await service.draw(planned, asked.count, _gone(request)))

    @router.post("/streams", status_code=201, responses=_REFUSED, dependencies=[Depends(counted)])
    async def open_stream(asked: TuneAsked, request: Request) -> StreamMade:
        """A new tune that is heard note by note while it is drawn."""
        stream = service.streams.open(await service.planned(asked, _gone(request)))
        return StreamMade(id=stream.id, events=f"/api/streams/{stream.id}/events", seed=stream.plan.seed)

    @router.get(
        "/streams/{id}/events",
        responses={**_NOT_THERE, 200: _EVENTS, 204: {"description": "All was heard already."}, **_HEARING},
        response_class=StreamingResponse,
    )
    async def events(
        id: str,
        last: Annotated[int, Query(ge=-1, description="the number of the last event that was heard")] = -1,
        last_event_id: Annotated[str, Header(description=AS_SENT, json_schema_extra=A_NUMBER)] = "",
    ) -> Response:
        """What is told of a stream, from its first event on or after the last one heard: nothing is lost or doubled."""
        heard = last
        if last_event_id:
            if not last_event_id.isdecimal() or len(last_event_id) > 18:
                raise Refusal(422, "Last-Event-ID", "is no number of an event", "leave it out to hear all")
            heard = int(last_event_id)
        stream = service.streams.find(id)
        if stream.events.is_told(heard):
            return Response(status_code=204)  # which tells a browser not to come back
        return _Heard(stream.events, heard, service.streams.hear(stream))

    @router.delete("/streams/{id}", status_code=204, responses={**_NOT_THERE, 422: _REFUSED[422]})
    async def end_stream(id: str) -> None:
        """Ends a stream: drawing stops within a note, and who listens hears that it was stopped."""
        service.streams.remove(id)

    @router.post("/read", responses=_REFUSED, dependencies=[Depends(counted)])
    async def read(source: TuneSource, request: Request) -> Tune:
        """The tune of a file, with its page and a fingering."""
        return await service.run(Errand("read", source), _gone(request))

    @router.post(
        "/convert",
        responses={**_REFUSED, 200: {"content": {media: {} for media in dict.fromkeys(MEDIA.values())}}},
        response_class=Response,
        dependencies=[Depends(counted)],
    )
    async def convert(asked: Conversion, request: Request) -> Response:
        """A tune as a file, as `phin-generate` writes it."""
        content = await service.run(Errand("convert", asked.of, asked.to, asked.drone), _gone(request))
        title = asked.of.tune.title if asked.of.tune else (asked.of.name or "").rpartition(".")[0]
        return Response(content, media_type=MEDIA[asked.to], headers=_as_file(title, asked.to))

    @router.post("/suggest", responses=_REFUSED, dependencies=[Depends(counted)])
    async def suggest(source: TuneSource, request: Request) -> Suggested:
        """How each note of a tune could be played, and why: learned from synthetic pieces, not from players."""
        return Suggested(**await service.run(Errand("suggest", source), _gone(request)))

    return router


class _Heard(StreamingResponse):
    """Events after the last one that was heard, told to a listener, who leaves also where nothing could be told."""

    def __init__(self, events: Events, last: int, listener: Listener) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events.after(last, listener), media_type="text/event-stream", headers=headers)
        self.events, self.listener = events, listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.events.leave(self.listener)


def _gone(request: Request) -> Gone:
    """Returns once the client of a request has gone away."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return gone


def _as_file(title: str, ending: str) -> dict[str, str]:
    """Headers that offer a file under a safe name: letters, digits and hyphens of the title, of ASCII."""
    words = "".join(each if each.isascii() and each.isalnum() else " " for each in title).split()
    name = "-".join(words)[:60] or "tune"
    return {"Content-Disposition": f'attachment; filename="{name}.{ending}"', "X-Content-Type-Options": "nosniff"}
