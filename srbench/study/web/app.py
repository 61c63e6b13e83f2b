"""The study as an ASGI application: one page, its session, its crops, and the votes.

Everything that a request can name is looked up in a dictionary in memory: pages, crops, trials. No
path of a request reaches the file system.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import time
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final, Literal, TypeVar

from pydantic import Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from srbench.records.opinions import BICUBIC, HR, REFERENCE
from srbench.strict import Strict
from srbench.study.design import Trial, rater_trials
from srbench.study.document import Study, StudyFolder
from srbench.study.web.guard import LOG, Guard, Rate, Refused, refusal
from srbench.study.web.store import DiskFull, Outcome, Rater, Store

_T = TypeVar("_T")
_NO_STORE: Final = {"Cache-Control": "no-store"}
_PAGES: Final = {
    "": ("index.html", "text/html; charset=utf-8"),
    "app.js": ("app.js", "text/javascript; charset=utf-8"),
    "app.css": ("app.css", "text/css; charset=utf-8"),
}
_EXAMPLES: Final = 3
FULL: Final = "The server's disk is full: your answer is kept here and will be sent again."


class Joining(Strict):
    """What a rater sends to take part."""

    consent: Literal[True]
    answers: list[str] = Field(max_length=20)


class Answer(Strict):
    """One vote as a browser sends it; ``nonce`` is the browser's own name for it."""

    trial: str = Field(pattern=r"^[0-9a-f]{32}$")
    nonce: str = Field(pattern=r"^[0-9a-f]{32}$")
    answer: str = Field(max_length=6)
    shown_ms: int = Field(ge=0, le=86_400_000)
    pixel_ratio: float = Field(gt=0, le=16)
    pixels_each: int = Field(ge=1, le=64)
    width: int = Field(ge=1, le=100_000)
    height: int = Field(ge=1, le=100_000)


class StudyApp:
    """Answers requests on one study.

    Args:
        folder: the study.
        store: its votes; used in one thread of the application's own.
        most: raters that may join.
    """

    def __init__(self, folder: StudyFolder, store: Store, *, most: int = 2000) -> None:
        self._study = folder.study
        self._store = store
        self._most = most
        self._crops = dict(folder.crops())
        self._hashes = {name: crop.sha256 for name, crop in folder.study.media.items()}
        static = files("srbench.study.web") / "static"
        self._pages = {
            url: (static.joinpath(name).read_bytes(), kind) for url, (name, kind) in _PAGES.items()
        }
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="votes")
        self._waiting: list[tuple[_Vote, asyncio.Future[Outcome]]] = []
        self._raters: dict[str, Rater] = {}
        self._votes = Rate(per_second=10, burst=100)
        self._joins = Rate(per_second=1, burst=100)
        self.trials = lru_cache(maxsize=4096)(self._trials)
        self.asgi = Starlette(
            routes=[
                Route("/api/study", self._about),
                Route("/api/join", self._join, methods=["POST"]),
                Route("/api/session", self._session),
                Route("/api/vote", self._vote, methods=["POST"]),
                Route("/api/withdraw", self._withdraw, methods=["POST"]),
                Route("/media/{name}", self._media),
                Route("/{name}", self._page),
                Route("/", self._page),
            ],
            exception_handlers={
                Refused: _refused,
                HTTPException: _refused,
                DiskFull: _full,
            },
            lifespan=self._lifespan,
        )
        self.asgi.router.redirect_slashes = False

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        yield
        self._thread.shutdown()
        self._store.close()

    def _trials(self, number: int) -> dict[str, tuple[int, Trial]]:
        """A rater's trials by the names that only this rater gets, in the rater's order."""
        return {
            self._name(number, index): (index, trial)
            for index, trial in enumerate(rater_trials(self._study, number))
        }

    def _name(self, rater: int, trial: int) -> str:
        text = f"trial {rater} {trial}".encode()
        return hmac.digest(self._store.secret.encode(), text, "sha256").hex()[:32]

    async def _in_thread(self, call: Callable[..., _T], *args: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)

    async def _page(self, request: Request) -> Response:
        name = request.path_params.get("name", "")
        if name not in self._pages:
            raise Refused(404, "no such page")
        body, kind = self._pages[name]
        return Response(body, media_type=kind, headers={"Cache-Control": "no-cache"})

    async def _media(self, request: Request) -> Response:
        body = self._crops.get(request.path_params["name"])
        if body is None:
            raise Refused(404, "no such picture")
        kept = {"Cache-Control": "private, max-age=86400, immutable"}
        return Response(body, media_type="image/png", headers=kept)

    async def _about(self, request: Request) -> Response:
        del request
        study = self._study
        about = study.model_dump(
            include={"title", "consent", "questions", "design", "ties", "crop", "zoom"}
        )
        return JSONResponse(about, headers=_NO_STORE)

    async def _join(self, request: Request) -> Response:
        client = request.client
        self._joins.take(client.host if client else "")
        joining = _parsed(Joining, await request.body())
        answers = joining.answers
        if len(answers) != len(self._study.questions) or any(len(text) > 200 for text in answers):
            raise Refused(422, "expected an answer to each question, of at most 200 characters")
        joined = await self._in_thread(self._store.join, time.time(), answers, self._most)
        if joined is None:
            raise Refused(403, "the study has all the raters that it wants")
        return JSONResponse({"token": joined[1]}, headers=_NO_STORE)

    async def _session(self, request: Request) -> Response:
        rater = await self._rater(request)
        done = await self._in_thread(self._store.done, rater.number)
        trials = [
            {"id": name, "done": index in done, **self._shown(trial)}
            for name, (index, trial) in self.trials(rater.number).items()
        ]
        document = {"trials": trials, "examples": self._examples()}
        return JSONResponse(document, headers=_NO_STORE)

    def _shown(self, trial: Trial) -> dict[str, Any]:
        """What a browser needs to show a trial: names of crops."""
        name = self._study.names
        roles = (trial.first,) if trial.second is None else (trial.first, trial.second)
        shown: dict[str, Any] = {"images": [name[trial.content, role] for role in roles]}
        if self._study.reference:
            shown["reference"] = name[trial.content, REFERENCE]
        return shown

    def _examples(self) -> list[dict[str, Any]]:
        """Places at which the training shows what differs: HR, and bicubic on a known side."""
        count = min(_EXAMPLES, len(self._study.contents))
        found = []
        for content in range(count):
            sides = (HR, BICUBIC) if content % 2 else (BICUBIC, HR)
            images = [self._study.names[content, role] for role in sides]
            reference = self._study.names[content, REFERENCE]
            better = sides.index(HR)
            found.append({"images": images, "reference": reference, "better": better})
        return found

    async def _vote(self, request: Request) -> Response:
        rater = await self._rater(request)
        self._votes.take(str(rater.number))
        answer = _parsed(Answer, await request.body())
        found = self.trials(rater.number).get(answer.trial)
        if found is None:
            raise Refused(404, "no trial of this rater")
        index, trial = found
        if answer.answer not in _answers(self._study):
            raise Refused(422, "expected one of the answers that the study offers")
        outcome = await self._store_vote(
            (rater.number, index, answer.nonce, self._columns(trial, answer))
        )
        if outcome == "other":
            raise Refused(409, "this trial was answered before; that answer stays")
        if outcome == "again":
            LOG.info("a vote came again; stored once")
        return JSONResponse({"stored": outcome == "stored"}, headers=_NO_STORE)

    def _columns(self, trial: Trial, answer: Answer) -> dict[str, Any]:
        name, hashes = self._study.names, self._hashes
        second = trial.second
        return {
            "kind": trial.kind,
            "content": self._study.contents[trial.content].name,
            "first": trial.first,
            "second": second or "",
            "first_sha256": hashes[name[trial.content, trial.first]],
            "second_sha256": hashes[name[trial.content, second]] if second else "",
            "at": time.time(),
            **answer.model_dump(exclude={"trial", "nonce"}),
        }

    async def _store_vote(self, vote: _Vote) -> Outcome:
        """Store a vote together with all others that wait, in one transaction on the disk."""
        mine: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((vote, mine))
        await self._in_thread(lambda: None)  # whatever is being written is done
        if not mine.done() and self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                outcomes = await self._in_thread(self._store.add, [vote for vote, _ in batch])
            except Exception as error:
                for _, future in batch:
                    if not future.cancelled():
                        future.set_exception(error)
            else:
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    if not future.cancelled():
                        future.set_result(outcome)
        return await mine

    async def _withdraw(self, request: Request) -> Response:
        rater = await self._rater(request)
        await self._in_thread(self._store.withdraw, rater.number, time.time())
        self._raters.clear()
        return JSONResponse({"withdrawn": True}, headers=_NO_STORE)

    async def _rater(self, request: Request) -> Rater:
        """Who asks, by the token in the header.

        Raises:
            Refused: nobody.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not 20 <= len(token) <= 100:
            raise Refused(401, "expected a rater's token")
        rater = self._raters.get(token) or await self._in_thread(self._store.rater, token)
        if rater is None:
            raise Refused(401, "unknown token")
        if rater.withdrawn:
            raise Refused(403, "this rater has withdrawn")
        self._raters[token] = rater
        return rater


_Vote = tuple[int, int, str, dict[str, Any]]


def study_app(
    folder: StudyFolder, *, hosts: Iterable[str], prefix: str = "", most: int = 2000
) -> Guard:
    """The application for a server, behind its guard."""
    store = Store(folder.votes, folder.sha256)
    return Guard(StudyApp(folder, store, most=most).asgi, hosts, prefix)


def _answers(study: Study) -> tuple[str, ...]:
    if study.design == "acr":
        return ("1", "2", "3", "4", "5")
    return ("first", "second", "tie") if study.ties else ("first", "second")


_Model = TypeVar("_Model", bound=Strict)


def _parsed(model: type[_Model], body: bytes) -> _Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise Refused(422, "expected another document") from error


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):  # of the router: no such path, or not by this method
        error = Refused(error.status_code, error.detail)
    assert isinstance(error, Refused)
    return refusal(request.scope, error)


async def _full(request: Request, error: Exception) -> Response:
    LOG.error("a vote or rater could not be stored: %s", error)
    del request
    return JSONResponse({"error": FULL}, 507, headers=_NO_STORE)
