"""Raters and votes in SQLite: append-only, in WAL mode, on the disk before they are acknowledged.

One connection, used by one thread (:class:`Store` is not to be called from two at once): SQLite has
one writer anyway. Of a rater's token only its hash is kept.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import sqlalchemy as sa

from srbench.errors import UserError
from srbench.files import sha256_hex
from srbench.records.votes import Vote

_META = sa.MetaData()
_FACTS = sa.Table(
    "facts",
    _META,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
_RATERS = sa.Table(
    "raters",
    _META,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("token_sha256", sa.Text, nullable=False, unique=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("answers", sa.JSON, nullable=False),
)
_VOTES = sa.Table(
    "votes",
    _META,
    sa.Column("rater", sa.Integer, sa.ForeignKey("raters.number"), primary_key=True),
    sa.Column("trial", sa.Integer, primary_key=True),
    sa.Column("nonce", sa.Text, nullable=False),
    *(
        sa.Column(name, kind, nullable=False)
        for name, kind in {
            "kind": sa.Text, "content": sa.Text, "first": sa.Text, "second": sa.Text,
            "answer": sa.Text, "first_sha256": sa.Text, "second_sha256": sa.Text,
            "at": sa.Float, "shown_ms": sa.Integer, "pixel_ratio": sa.Float,
            "pixels_each": sa.Integer, "width": sa.Integer, "height": sa.Integer,
        }.items()
    ),
)  # fmt: skip
_WITHDRAWN = sa.Table(
    "withdrawn",
    _META,
    sa.Column("rater", sa.Integer, sa.ForeignKey("raters.number"), primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
)
_APPEND_ONLY: Final = "CREATE TRIGGER IF NOT EXISTS {table}_no_{verb} BEFORE {verb} ON {table} " \
    "BEGIN SELECT RAISE(ABORT, 'append-only'); END"  # fmt: skip

Outcome = Literal["stored", "again", "other"]


class DiskFull(Exception):
    """The data base could not be written; nothing of the transaction is kept."""


@dataclass(frozen=True, slots=True)
class Rater:
    """Who a token stands for. ``number`` counts from 0."""

    number: int
    withdrawn: bool


class Store:
    """The votes of one study.

    Args:
        path: the data base; made where it is missing.
        study: hash of the study: votes of another are not mixed in.

    Raises:
        UserError: it holds votes on another study.
    """

    def __init__(self, path: Path, study: str) -> None:
        self._engine = sa.create_engine(
            f"sqlite:///{path}",
            poolclass=sa.pool.StaticPool,
            connect_args={"check_same_thread": False, "timeout": 10},
        )
        sa.event.listen(self._engine, "connect", _configure)
        with self._engine.begin() as connection:
            _META.create_all(connection)
            for table in ("votes", "raters", "withdrawn", "facts"):
                for verb in ("UPDATE", "DELETE"):
                    connection.exec_driver_sql(_APPEND_ONLY.format(table=table, verb=verb))
            for name, value in {"study": study, "secret": secrets.token_hex(32)}.items():
                insert = sa.insert(_FACTS).prefix_with("OR IGNORE")
                connection.execute(insert.values(name=name, value=value))
            found = connection.execute(sa.select(_FACTS.c.name, _FACTS.c.value)).all()
            facts = dict([tuple(row) for row in found])
        if facts["study"] != study:
            self._engine.dispose()
            raise UserError(
                f"{path} holds votes on another study than the study.json beside it",
                "study.json was changed after the first vote: restore it, or make a new study",
            )
        self._study = study
        self._laboratory = sha256_hex(facts["secret"])[:8]
        self.secret: str = facts["secret"]

    def close(self) -> None:
        """Close the data base."""
        self._engine.dispose()

    def join(self, at: float, answers: list[str], most: int) -> tuple[int, str] | None:
        """A new rater's number and token; ``None`` where there are ``most`` already.

        Raises:
            DiskFull: nothing was stored.
        """
        token = secrets.token_urlsafe(32)
        with _writing(self._engine) as connection:
            number = self._count(connection)
            if number >= most:
                return None
            connection.execute(
                sa.insert(_RATERS).values(
                    number=number, token_sha256=sha256_hex(token), at=at, answers=answers
                )
            )
        return number, token

    def _count(self, connection: sa.Connection) -> int:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(_RATERS)) or 0)

    def rater(self, token: str) -> Rater | None:
        """Whose token it is."""
        query = (
            sa.select(_RATERS.c.number, _WITHDRAWN.c.at)
            .select_from(_RATERS.outerjoin(_WITHDRAWN))
            .where(_RATERS.c.token_sha256 == sha256_hex(token))
        )
        with self._engine.connect() as connection:
            found = connection.execute(query).first()
        return None if found is None else Rater(found[0], found[1] is not None)

    def add(self, votes: list[tuple[int, int, str, dict[str, Any]]]) -> list[Outcome]:
        """Store votes, each (rater, trial, nonce, the other columns), in one transaction.

        Returns:
            For each ``stored``; ``again`` for one that is there already, with this nonce and
            answer; ``other`` where another vote on that trial is there, which stays.

        Raises:
            DiskFull: none of them was stored.
        """
        outcomes: list[Outcome] = []
        with _writing(self._engine) as connection:
            for rater, trial, nonce, columns in votes:
                insert = sa.insert(_VOTES).prefix_with("OR IGNORE")
                values = {"rater": rater, "trial": trial, "nonce": nonce, **columns}
                if connection.execute(insert.values(values)).rowcount:
                    outcomes.append("stored")
                    continue
                where = (_VOTES.c.rater == rater) & (_VOTES.c.trial == trial)
                query = sa.select(_VOTES.c.nonce, _VOTES.c.answer).where(where)
                same = connection.execute(query).one() == (nonce, columns["answer"])
                outcomes.append("again" if same else "other")
        return outcomes

    def withdraw(self, rater: int, at: float) -> None:
        """Note that a rater wants none of the votes used.

        Raises:
            DiskFull: it was not noted.
        """
        with _writing(self._engine) as connection:
            insert = sa.insert(_WITHDRAWN).prefix_with("OR IGNORE")
            connection.execute(insert.values(rater=rater, at=at))

    def done(self, rater: int) -> set[int]:
        """Trials that a rater has answered."""
        query = sa.select(_VOTES.c.trial).where(_VOTES.c.rater == rater)
        with self._engine.connect() as connection:
            return set(connection.scalars(query))

    def votes(self) -> list[Vote]:
        """Every vote of raters who have not withdrawn, without what could tell who they are.

        Times are seconds since the rater's first vote.
        """
        query = (
            sa.select(_VOTES)
            .where(_VOTES.c.rater.not_in(sa.select(_WITHDRAWN.c.rater)))
            .order_by(_VOTES.c.rater, _VOTES.c.trial)
        )
        with self._engine.connect() as connection:
            rows = [row._asdict() for row in connection.execute(query)]
        begun: dict[int, float] = {}
        for row in rows:
            begun[row["rater"]] = min(row["at"], begun.get(row["rater"], row["at"]))
        return [
            _vote(self._study, f"{self._laboratory}-{row['rater'] + 1}", row, begun[row["rater"]])
            for row in rows
        ]


def _vote(study: str, rater: str, row: dict[str, Any], begun: float) -> Vote:
    kept = {name: row[name] for name in Vote.model_fields if name in row}
    return Vote.model_validate(
        {**kept, "study": study, "rater": rater, "seconds": round(row["at"] - begun, 3)}
    )


@contextlib.contextmanager
def _writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction whose failure to write is :class:`DiskFull`."""
    try:
        with engine.begin() as connection:
            yield connection
    except sa.exc.OperationalError as error:
        raise DiskFull(str(error.orig)) from error


def _configure(connection: Any, record: object) -> None:
    """WAL, and a commit waits for the disk: what is acknowledged outlives a loss of power."""
    del record
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
