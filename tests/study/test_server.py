"""The application over HTTP: what it stores, what it refuses, and that it tells nothing."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import logging
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from serving import Served, served, vote

from srbench.errors import UserError
from srbench.files import file_sha256
from srbench.study.document import StudyFolder
from srbench.study.web import guard
from srbench.study.web.guard import MAX_BODY
from srbench.study.web.store import Store


def stored(folder: StudyFolder) -> list[tuple[int, int, str]]:
    with sqlite3.connect(folder.votes) as connection:
        return connection.execute("SELECT rater, trial, answer FROM votes").fetchall()


def test_a_session_is_stored_once_each(server: Served, study: StudyFolder) -> None:
    token = server.join()
    trials = server.trials(token)
    assert not any(trial["done"] for trial in trials)
    for trial in trials:
        sent = vote(trial["id"], "first")
        assert server.ask("/api/vote", sent, token=token).json == {"stored": True}
        # The acknowledgement was lost: the browser sends the same again.
        assert server.ask("/api/vote", sent, token=token).json == {"stored": False}
    assert sorted(stored(study)) == [(0, index, "first") for index in range(len(trials))]
    assert all(trial["done"] for trial in server.trials(token))


def test_the_first_answer_stays(server: Served, study: StudyFolder) -> None:
    token = server.join()
    trial = server.trials(token)[0]["id"]
    assert server.ask("/api/vote", vote(trial, "first"), token=token).status == 200
    assert server.ask("/api/vote", vote(trial, "second"), token=token).status == 409
    assert stored(study) == [(0, 0, "first")]


def test_votes_are_append_only(server: Served, study: StudyFolder) -> None:
    token = server.join()
    server.ask("/api/vote", vote(server.trials(token)[0]["id"], "first"), token=token)
    for change in ("UPDATE votes SET answer = 'second'", "DELETE FROM votes", "DELETE FROM raters"):
        with (
            sqlite3.connect(study.votes) as connection,
            pytest.raises(sqlite3.IntegrityError, match="append-only"),
        ):
            connection.execute(change)
    assert stored(study) == [(0, 0, "first")]


def test_what_is_kept_of_a_vote(server: Served, study: StudyFolder) -> None:
    token = server.join()
    trial = server.trials(token)[0]
    server.ask("/api/vote", vote(trial["id"], "second", pixel_ratio=2.5), token=token)
    store = Store(study.votes, study.sha256)
    (found,) = store.votes()
    store.close()
    first, second = trial["images"]
    assert found.first_sha256 == file_sha256(study.root / "media" / f"{first}.png")
    assert found.second_sha256 == study.study.media[second].sha256
    assert (found.answer, found.pixel_ratio, found.seconds) == ("second", 2.5, 0.0)
    assert token not in Path(study.votes).read_bytes().decode("latin-1")


def test_no_byte_tells_a_row(study_out: Path, make_study: Callable[..., StudyFolder]) -> None:
    """Every response of a whole session, headers included, errors too."""
    folder = make_study(questions=("Do you wear glasses?",))
    secret = [*folder.study.labels, "bicubic", "set14", "synthetic", str(folder.root), "(hr)"]
    secret += [content.image for content in folder.study.contents] + ["secret-study"]
    secret += [row.record for row in folder.study.rows] + [folder.sha256]
    seen = []
    with served(folder) as server:
        joined = server.ask("/api/join", {"consent": True, "answers": ["no"]})
        token = joined.json["token"]
        session = server.ask("/api/session", token=token)
        seen += [joined, session, *(server.ask(f"/{p}") for p in ("", "app.js", "app.css"))]
        seen += [server.ask("/api/study"), server.ask("/nothing"), server.ask("/api/session")]
        names = set()
        for trial in [*session.json["trials"], *session.json["examples"]]:
            names |= {*trial["images"], trial["reference"]}
        seen += [server.ask(f"/media/{name}") for name in sorted(names)]
        for trial in session.json["trials"]:
            seen.append(server.ask("/api/vote", vote(trial["id"], "first"), token=token))
        seen.append(server.ask("/api/vote", vote("0" * 32, "first"), token=token))
        seen.append(server.ask("/api/withdraw", {}, token=token))
    assert len(seen) > 40
    for reply, word in itertools.product(seen, secret):
        assert word.encode().lower() not in reply.everything.lower(), (word, reply.headers)
    for trial in session.json["trials"]:
        assert set(trial) == {"id", "done", "images", "reference"}  # nothing of its kind
    pictures = [reply for reply in seen if reply.headers.get("content-type") == "image/png"]
    assert len(pictures) == len(names)
    for picture in pictures:  # pixels alone: no text, no time, no other chunk
        chunks = picture.body[8:]
        kinds = set()
        while chunks:
            size = int.from_bytes(chunks[:4], "big")
            kinds.add(chunks[4:8])
            chunks = chunks[12 + size :]
        assert kinds == {b"IHDR", b"IDAT", b"IEND"}
    assert not {"etag", "last-modified", "server"} & {h.lower() for r in seen for h in r.headers}


def test_names_and_sides_reveal_no_row(make_study: Callable[..., StudyFolder]) -> None:
    """Over raters every row stands left as often as right, and names are in no order of rows."""
    from srbench.study.design import rater_trials

    folder = make_study()
    left = dict.fromkeys(folder.study.labels, 0)
    shown = dict(left)
    for number in range(200):
        for trial in rater_trials(folder.study, number):
            if trial.kind == "main":
                left[trial.first] += 1
                shown[trial.first] += 1
                shown[trial.second or ""] += 1
    assert len(set(shown.values())) == 1
    for label, times in left.items():  # five standard deviations: the order is drawn anew each time
        assert abs(times - shown[label] / 2) < 5 * (shown[label] / 4) ** 0.5
    orders = {
        tuple(folder.study.media[name].role for name in sorted(names))
        for content in range(len(folder.study.contents))
        for names in [[n for n, c in folder.study.media.items() if c.content == content]]
    }
    assert len(orders) > 1


HOSTILE_PATHS = (
    "/media/../study.json", "/media/..%2fstudy.json", "/media/%2e%2e%2fvotes.sqlite",
    "/media/....//study.json", "/../../etc/passwd", "//etc/passwd", "/%2e%2e/study.json",
    "/media/C:%5cstudy.json", "/study.json", "/votes.sqlite", "/media/", "/media/a%00b",
    "/app.js%00.png", "/static/app.js", "/media/" + "a" * 5000, "/api/../study.json",
)  # fmt: skip


def test_no_path_reaches_the_file_system(
    server: Served, study: StudyFolder, caplog: pytest.LogCaptureFixture
) -> None:
    key = study.sha256.encode()
    for path in HOSTILE_PATHS:
        reply = server.ask(path)
        assert reply.status in (404, 405), path
        assert b"root:" not in reply.body
        assert key not in reply.body
    assert sum("refused" in line for line in caplog.messages) == len(HOSTILE_PATHS)


def refused(
    server: Served, folder: StudyFolder, log: pytest.LogCaptureFixture, status: int, *args, **kw
) -> None:
    """The request is refused and logged, and nothing is stored."""
    before = stored(folder)
    log.clear()
    reply = server.ask(*args, **kw)
    assert reply.status == status, reply.body
    assert any("refused" in line for line in log.messages), log.messages
    assert stored(folder) == before


def test_hostile_votes(
    server: Served, study: StudyFolder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "srbench.study")
    mine, other = server.join(), server.join()
    trial, theirs = (server.trials(token)[0]["id"] for token in (mine, other))
    assert trial != theirs
    good = vote(trial, "first")

    def no(status: int, body: object, token: str = mine, **headers: str) -> None:
        refused(server, study, caplog, status, "/api/vote", body, token=token, headers=headers)

    no(404, vote(theirs, "first"))  # another rater's trial
    no(404, vote("f" * 32, "first"))
    no(401, good, token="")
    no(401, good, token=mine[:-1] + ("A" if mine[-1] != "A" else "B"))  # forged
    no(401, good, token="' OR 1=1 --aaaaaaaaaaaaaaaaaa")
    no(403, good, Origin="http://evil.example")
    no(403, good, Origin="null")
    no(403, good, Origin=f"http://127.0.0.1:{server.port + 1}")
    no(403, good, **{"Sec-Fetch-Site": "cross-site"})
    no(421, good, Host="evil.example")
    no(421, good, Host=f"127.0.0.1.evil.example:{server.port}")
    no(415, json.dumps(good).encode(), **{"Content-Type": "text/plain"})
    no(415, b"trial=1", **{"Content-Type": "application/x-www-form-urlencoded"})
    no(413, {**good, "padding": "x" * MAX_BODY})
    no(422, b"{" * 5000)
    no(422, {**good, "rater": 1})
    no(422, {**good, "answer": "third"})
    no(422, {**good, "answer": "tie"})  # not offered
    no(422, {**good, "pixel_ratio": float("nan")})
    no(422, {**good, "shown_ms": -1})
    no(422, {**good, "width": 10**30})
    no(422, [good])
    assert stored(study) == []
    assert server.ask("/api/vote", good, token=mine).status == 200
    caplog.clear()
    assert server.ask("/api/vote", good, token=mine).json == {"stored": False}  # replay
    assert any("again" in line for line in caplog.messages)
    no(404, good, token=other)  # replayed in another's name
    no(409, vote(trial, "second"))
    assert len(stored(study)) == 1
    assert not any(mine in line or other in line for line in caplog.messages)


def test_a_body_longer_than_it_says_is_refused(
    server: Served, study: StudyFolder, caplog: pytest.LogCaptureFixture
) -> None:
    """The server answers and hangs up, whether or not the sender is through: both may be seen."""
    token = server.join()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(
            f"POST /api/vote HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        with contextlib.suppress(ConnectionError):
            for _ in range(20):
                connection.sendall(b"400\r\n" + b" " * 1024 + b"\r\n")
            reply = http.client.HTTPResponse(connection)
            reply.begin()
            assert reply.status == 413
    assert any("too large" in line for line in caplog.messages)
    assert stored(study) == []


def test_rates_are_limited(
    server: Served, study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = server.join()
    trial = server.trials(token)[0]["id"]
    now = time.monotonic()
    monkeypatch.setattr(guard, "time", SimpleNamespace(monotonic=lambda: now))  # it stands still
    statuses = [
        server.ask("/api/vote", vote(trial, "first"), token=token).status for _ in range(110)
    ]
    assert statuses[0] == 200
    assert set(statuses[1:100]) == {409}
    assert set(statuses[100:]) == {429}
    assert len(stored(study)) == 1


def test_a_bucket_fills_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(guard, "time", SimpleNamespace(monotonic=lambda: now[0]))
    rate = guard.Rate(per_second=2.0, burst=3, keys=2)
    for _ in range(3):
        rate.take("a")
    with pytest.raises(guard.Refused):
        rate.take("a")
    rate.take("b")  # another one's
    now[0] = 0.5
    rate.take("a")
    with pytest.raises(guard.Refused):
        rate.take("a")


def test_no_more_raters_than_wanted(study: StudyFolder) -> None:
    with served(study, most=2) as server:
        server.join()
        server.join()
        reply = server.ask("/api/join", {"consent": True, "answers": []})
    assert reply.status == 403


def test_consent_is_needed(server: Served) -> None:
    for body in ({"consent": False, "answers": []}, {"answers": []}, {"consent": "yes"}):
        assert server.ask("/api/join", body).status == 422


def test_who_withdraws_leaves_no_vote_behind(server: Served, study: StudyFolder) -> None:
    stays, leaves = server.join(), server.join()
    for token in (stays, leaves):
        server.ask("/api/vote", vote(server.trials(token)[0]["id"], "first"), token=token)
    assert server.ask("/api/withdraw", {}, token=leaves).status == 200
    assert server.ask("/api/session", token=leaves).status == 403
    store = Store(study.votes, study.sha256)
    assert [found.rater.split("-")[1] for found in store.votes()] == ["1"]
    store.close()


@pytest.mark.parametrize("stripped", [True, False])
def test_below_a_path_of_a_reverse_proxy(study: StudyFolder, stripped: bool) -> None:
    with served(study, prefix="/lab/study") as server:
        base = "" if stripped else "/lab/study"
        assert b"<!doctype html>" in server.ask(f"{base}/").body
        assert server.ask(f"{base}/api/study").json["design"] == "pairs"
        name = next(iter(study.study.media))
        assert server.ask(f"{base}/media/{name}").status == 200
        assert server.ask("/lab/studyx/api/study").status == 404


def test_votes_stay_with_their_study(make_study: Callable[..., StudyFolder]) -> None:
    folder = make_study()
    Store(folder.votes, folder.sha256).close()
    path = folder.root / "study.json"
    path.write_text(path.read_text().replace("A comparison", "Another comparison"))
    changed = StudyFolder(folder.root)
    with pytest.raises(UserError, match="another study"):
        Store(changed.votes, changed.sha256)


def test_a_swapped_crop_is_noticed(study: StudyFolder) -> None:
    # Of two rows: their names are random, and two crops may be the same image (HR, the reference).
    first, second = (study.study.names[0, label] for label in study.study.labels[:2])
    path = study.root / "media" / f"{first}.png"
    path.write_bytes((study.root / "media" / f"{second}.png").read_bytes())
    with pytest.raises(UserError, match="hash"):
        dict(study.crops())


def test_one_study_has_one_set_of_raters(study: StudyFolder) -> None:
    """Tokens outlive a restart; so do the trials and their names."""
    with served(study) as server:
        token = server.join()
        trials = server.trials(token)
        server.ask("/api/vote", vote(trials[3]["id"], "first"), token=token)
    with served(study) as server:
        again = server.trials(token)
    assert [t["id"] for t in again] == [t["id"] for t in trials]
    assert [t["done"] for t in again] == [index == 3 for index in range(len(trials))]
