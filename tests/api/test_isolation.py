"""No one sees or guesses anything of another account, nor of another user's drafts, sessions and tokens.

The walk takes its addresses from the description of the API, which is held against the router: none can be forgotten.
"""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.api.description import Operation, operations
from tests.api.ground import BUSY, REACHED, Caller, Ground, Reply, fax_tiff, open_ground
from tests.daemon.conftest import WAIT
from tests.documents import pdf_bytes

pytestmark = pytest.mark.xdist_group("isolation")  # one daemon for all
JSON = "application/json"
# What a request needs beside its address to be a good one.
BODIES: Mapping[str, bytes] = {
    "submit_faxes": b"",  # multipart, which the test of it makes
    "resend_fax": b"{}",
    "forward_fax": b'{"to": ["gray@clinic.example"]}',
    "create_draft": b"{}",
    "change_draft": b'{"subject": "Mine now"}',
    "add_document": pdf_bytes(1),
    "send_draft": b"{}",
    "change_password": b'{"current": "secret", "new": "another secret"}',
    "create_token": b'{"name": "Mine", "scopes": ["read"]}',
    "add_user": b'{"name": "mallory", "password": "long enough 4711"}',
    "set_password": b'{"password": "long enough 4711"}',
}
KNOWN = [operation for operation in operations() if not operation.path.startswith("/api/status")]
GUARDED = [
    operation for operation in KNOWN if not operation.anybody and operation.id not in ("send", "submit_faxes")
]
WITH_NAMES = [operation for operation in GUARDED if "{" in operation.path]
SCOPES = ("send", "read")


@dataclass
class Things:
    """What one person of an account has, by the first word of an address below /api/."""

    names: Mapping[str, str]
    secrets: tuple[str, ...]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("isolation")
    with open_ground(folder) as ground:
        tiff = fax_tiff(folder)
        for account in ("Other", "ACME"):
            ground.receive(account, tiff)
            ground.send(account, REACHED, "sent")
            ground.send(account, BUSY, "ready")
        yield ground


@pytest.fixture(scope="module")
def bob(ground: Ground) -> Caller:
    return ground.person("ACME", "bob")


@pytest.fixture(scope="module")
def faxes(bob: Caller) -> list[int]:
    found = [fax["id"] for fax in bob.done("GET", "/api/faxes")["faxes"]]
    assert len(found) == 3
    return found


@pytest.fixture(scope="module")
def things(ground: Ground, bob: Caller, faxes: list[int]) -> Things:
    """Everything of bob's that has a name."""
    draft = ground.draft(bob)
    token = bob.done("POST", "/api/tokens", {"name": "Secret token", "scopes": ["read"]})["id"]
    other_session = ground.person("ACME", "bob")
    sessions = other_session.done("GET", "/api/sessions")["sessions"]
    session = next(session["id"] for session in sessions if session["current"])
    names = {"drafts": draft, "tokens": str(token), "sessions": session, "users": "alice"}
    words = (
        "A secret of ACME",
        "Words of ACME",
        "A secret draft",
        "Secret plan",
        "Secret token",
        draft,
        session,
    )
    return Things(names, words)


def ask(caller: Caller, operation: Operation, path: str, **headers: str) -> Reply:
    """A good request for an operation."""
    body = BODIES.get(operation.id)
    if operation.body:
        assert body is not None, f"the walk needs a body for {operation.id}"
        headers.setdefault("Content_Type", operation.body)
    return caller.ask(operation.method, path, body, **headers)


def fill(path: str, name: str) -> str:
    """The address with ``name`` for its first parameter, and a first page or document for others."""
    filled = re.sub(r"\{[a-z]+\}", name, path, count=1)
    return filled.replace("{page}", "1.1" if "/drafts/" in path else "1").replace("{number}", "1")


def word(operation: Operation) -> str:
    return operation.path.split("/")[2]


UNKNOWN = {"faxes": "999", "drafts": "zzzzzzzzzzzzzzzzzzzzzz", "tokens": "999", "sessions": "zzzzzzzzzzzzzzzzzzzzzz",
           "users": "nobody"}  # fmt: skip


def is_problem(reply: Reply, status: int) -> bool:
    return (
        reply.status == status
        and reply.headers["content-type"] == "application/problem+json"
        and reply.json["status"] == status
    )


def assert_same(foreign: Reply, unknown: Reply, what: str, names: tuple[str, str] = ("", "")) -> None:
    """Two answers that tell nobody which is about something of somebody else's; ``names`` are what was asked for."""
    assert is_problem(foreign, 404), f"{what}: {foreign.status} {foreign.body!r}"
    assert foreign.body.decode() == unknown.body.decode().replace(names[1], names[0]), what
    without = [
        {key: value for key, value in reply.headers.items() if key not in ("date", "content-length")}
        for reply in (foreign, unknown)
    ]
    assert without[0] == without[1], what


# -- without a right to be here --------------------------------------------------------------------------------


def test_strangers_get_nothing(ground: Ground, bob: Caller, things: Things, faxes: list[int]) -> None:
    """Nobody, and whoever had a right and has it no more."""
    ended = ground.person("ACME", "bob")
    assert ended.ask("GET", "/logout").status == 302
    over = ground.person("ACME", "bob")
    expire_newest_session(ground)
    revoked = ground.program(bob, *SCOPES)
    made = bob.done("GET", "/api/tokens")["tokens"]
    bob.done("DELETE", f"/api/tokens/{max(token['id'] for token in made)}")
    wrong = [
        ground.nobody(),
        ended,
        over,
        revoked,
        Caller("a made-up token", ground.port, {"Authorization": "Bearer nxf_" + "A" * 43}),
        Caller("an empty token", ground.port, {"Authorization": "Bearer "}),
        Caller("a made-up session", ground.port, {"Cookie": "nexefax-session=" + "A" * 43}),
        Caller("a wrong token beside a good session", ground.port,
               {"Authorization": "Bearer nxf_x", "Cookie": bob.headers["Cookie"]}),
    ]  # fmt: skip
    for operation in GUARDED:
        names = {"faxes": str(faxes[0])} | dict(things.names)
        for caller in wrong:
            reply = ask(caller, operation, fill(operation.path, names.get(word(operation), "")))
            assert is_problem(reply, 401), f"{operation}, {caller.name}: {reply.status} {reply.body!r}"
            assert "www-authenticate" in reply.headers
            assert not any(secret in reply.body.decode() for secret in things.secrets)


def expire_newest_session(ground: Ground) -> None:
    """As if its time had come: the row that was written last ended a second ago."""
    with closing(sqlite3.connect(ground.house.nexefax.data_dir / "journal.sqlite3")) as journal, journal:
        changed = journal.execute(
            "UPDATE session SET expires = 1 WHERE created = (SELECT max(created) FROM session)"
        )
        assert changed.rowcount == 1


def test_tokens_do_what_they_are_for_and_nothing_else(ground: Ground, bob: Caller) -> None:
    tokens = {scope: ground.program(bob, scope) for scope in SCOPES}
    for operation in GUARDED:
        path = fill(operation.path, UNKNOWN.get(word(operation), ""))
        for scope, caller in tokens.items():
            if operation.scopes is None or operation.scopes - {scope}:
                reply = ask(caller, operation, path)
                assert is_problem(reply, 403), f"{operation}, {caller.name}: {reply.status} {reply.body!r}"
            elif "{" in operation.path:
                reply = ask(caller, operation, path)
                assert reply.status == 404, f"{operation}, {caller.name}: {reply.status} {reply.body!r}"


def test_a_token_for_sending_alone_shows_no_fax(ground: Ground, bob: Caller, faxes: list[int]) -> None:
    """Neither by a draft of it, whose pages it may look at, nor by sending it to itself."""
    sender = ground.program(bob, "send")
    for fax in faxes:
        for path, body in (
            ("/api/drafts", {"from_fax": fax}),
            (f"/api/faxes/{fax}/forward", {"to": ["me@evil.example"]}),
            (f"/api/faxes/{fax}/resend", {"number": "12025550177"}),
        ):
            reply = sender.ask_json("POST", path, body)
            assert is_problem(reply, 403), reply.body
    draft = ground.program(bob, *SCOPES).done("POST", "/api/drafts", {"from_fax": faxes[0]})["id"]
    bob.done("DELETE", f"/api/drafts/{draft}")


def test_other_sites_pages_change_nothing(bob: Caller, things: Things, faxes: list[int]) -> None:
    for operation in GUARDED:
        if operation.method != "GET":
            path = fill(
                operation.path, ({"faxes": str(faxes[0])} | dict(things.names)).get(word(operation), "")
            )
            for header in ({"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}):
                reply = ask(bob, operation, path, **header)
                assert is_problem(reply, 403), f"{operation}, {header}: {reply.status} {reply.body!r}"


# -- another account -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def foreigners(ground: Ground) -> list[Caller]:
    """People and programs of another account, among them its administrator, who has the same name."""
    other = ground.person("Other", "bob")
    return [other, ground.person("Other", "alice"), ground.program(other, *SCOPES)]


def test_names_of_another_account_are_like_unknown_ones(
    ground: Ground, bob: Caller, things: Things, faxes: list[int], foreigners: list[Caller]
) -> None:
    before = everything(bob)
    for operation in WITH_NAMES:
        kind = word(operation)
        own = [str(fax) for fax in faxes] if kind == "faxes" else [things.names[kind]]
        if kind == "users":  # names of people, which other accounts may have as well; tested below
            continue
        for caller in foreigners:
            unknown = ask(caller, operation, fill(operation.path, UNKNOWN[kind]))
            if caller is foreigners[-1] and operation.scopes is None:
                assert is_problem(unknown, 403), f"{operation}, {caller.name}"
                continue
            for name in own:
                what = f"{operation}, {name}, {caller.name}"
                foreign = ask(caller, operation, fill(operation.path, name))
                assert_same(foreign, unknown, what)
                # nor do conditions, ranges or a body that is wrong tell more
                for header in ({"If_None_Match": "*"}, {"Range": "bytes=0-0"}):
                    foreign = ask(caller, operation, fill(operation.path, name), **header)
                    assert_same(foreign, unknown, what)
                if operation.body == JSON:
                    answers = [
                        caller.ask(
                            operation.method, fill(operation.path, each), b'{"x": 1}', Content_Type=JSON
                        )
                        for each in (name, UNKNOWN[kind])
                    ]
                    assert answers[0].status == answers[1].status, what
                    assert answers[0].body == answers[1].body, what
    assert everything(bob) == before


def everything(caller: Caller) -> object:
    """All that the API tells somebody."""
    faxes = caller.done("GET", "/api/faxes")["faxes"]
    drafts = caller.done("GET", "/api/drafts")["drafts"]
    return [
        [caller.done("GET", f"/api/faxes/{fax['id']}") for fax in faxes],
        [caller.done("GET", f"/api/drafts/{draft['id']}") for draft in drafts],
        *(
            caller.done("GET", f"/api/{name}")
            for name in ("tokens", "sessions", "users", "numbers", "counts")
        ),
    ]


def test_a_fax_of_another_account_is_no_document(faxes: list[int], foreigners: list[Caller]) -> None:
    for caller in foreigners:
        unknown = caller.ask_json("POST", "/api/drafts", {"from_fax": 999})
        for fax in faxes:
            foreign = caller.ask_json("POST", "/api/drafts", {"from_fax": fax})
            assert_same(foreign, unknown, caller.name)


def test_lists_have_nothing_of_another_account(
    ground: Ground, things: Things, faxes: list[int], foreigners: list[Caller]
) -> None:
    """However they are asked for."""
    lists = [
        operation.path for operation in GUARDED if operation.method == "GET" and "{" not in operation.path
    ]
    lists.remove("/api/events")
    for path in lists:
        queries = [""]
        if path in ("/api/faxes", "/api/faxes.csv"):
            queries += ["?q=secret", "?user=bob", "?deleted=1", "?unread=1", f"?q=%23{faxes[0]}", "?account=ACME",
                        f"?cursor={max(faxes) + 1}"]  # fmt: skip
        queries += [f"?q={REACHED[-4:]}"] if path == "/api/numbers" else []
        queries += ["?after=0"] if path == "/api/changes" else []
        for caller in foreigners:
            for query in queries:
                reply = caller.ask("GET", path + query)
                assert reply.status in (200, 400, 403), f"{path}{query}, {caller.name}: {reply.status}"
                text = reply.body.decode()
                assert not [secret for secret in things.secrets if secret in text], (
                    f"{path}{query}, {caller.name}"
                )
                assert "ACME" not in text
                if reply.status == 200 and path in ("/api/faxes", "/api/changes"):
                    assert not {fax["id"] for fax in reply.json.get("faxes", [])} & set(faxes)


def test_administrators_see_to_their_own_account_alone(ground: Ground, foreigners: list[Caller]) -> None:
    other, alice, _program = foreigners
    ground.house.nexefax.add_user("ACME", "carol", "secret")
    assert {user["name"] for user in other.done("GET", "/api/users")["users"]} == {"alice", "bob"}
    for operation in WITH_NAMES:
        if word(operation) == "users":
            foreign, unknown = (
                ask(other, operation, fill(operation.path, name)) for name in ("carol", "nobody")
            )
            assert_same(foreign, unknown, str(operation), ("carol", "nobody"))
    for operation in GUARDED:
        if word(operation) == "users":
            assert is_problem(ask(alice, operation, fill(operation.path, "bob")), 403), operation
    assert ground.person("ACME", "carol").done("GET", "/api/me")["user"] == "carol"


# -- another user of the same account --------------------------------------------------------------------------


def test_drafts_sessions_and_tokens_are_ones_own(ground: Ground, bob: Caller, things: Things) -> None:
    alice = ground.person("ACME", "alice")
    callers = [alice, ground.program(alice, *SCOPES)]
    before = everything(bob)
    for operation in WITH_NAMES:
        kind = word(operation)
        if kind not in ("drafts", "sessions", "tokens"):
            continue
        for caller in callers:
            foreign, unknown = (
                ask(caller, operation, fill(operation.path, name))
                for name in (things.names[kind], UNKNOWN[kind])
            )
            if caller is callers[1] and operation.scopes is None:
                assert is_problem(foreign, 403), operation
            else:
                assert_same(foreign, unknown, f"{operation}, {caller.name}")
    for kind in ("drafts", "sessions", "tokens"):
        text = alice.ask("GET", f"/api/{kind}").body.decode()
        assert things.names["drafts"] not in text
        assert not [secret for secret in things.secrets if secret in text], kind
    assert everything(bob) == before


# -- what happens, as it happens -------------------------------------------------------------------------------


class Stream:
    """Server-sent events on a socket of their own."""

    def __init__(self, caller: Caller, path: str = "/api/events") -> None:
        self._socket = socket.create_connection(("127.0.0.1", caller.port), timeout=WAIT)
        lines = "".join(f"{name}: {value}\r\n" for name, value in caller.headers.items())
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: fax\r\nConnection: close\r\n{lines}\r\n".encode())
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        while self._file.readline() not in (b"\r\n", b""):
            pass
        self.heard: list[str] = []

    def until(self, wanted: str) -> str:
        """What comes up to a line with ``wanted``."""
        while line := self._file.readline().decode():
            self.heard.append(line)
            if wanted in line:
                return line
        raise AssertionError(f"the stream ended without {wanted}: {self.heard}")

    def rest(self) -> None:
        """Read on until the server ends it."""
        while line := self._file.readline().decode():
            self.heard.append(line)

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def test_streams_tell_of_ones_own_account_alone(
    ground: Ground, bob: Caller, faxes: list[int], foreigners: list[Caller]
) -> None:
    own = Stream(bob)
    others = [Stream(caller) for caller in foreigners]
    others += [Stream(caller, "/api/events?after=0") for caller in foreigners]
    assert [stream.status for stream in (own, *others)] == [200] * 7
    received = max(fax["id"] for fax in bob.done("GET", "/api/faxes?direction=in")["faxes"])
    bob.done("POST", f"/api/faxes/{received}/read")
    assert json.loads(own.until(f'"id":{received},').removeprefix("data:"))["id"] == received
    # What happens in the other account comes after it, on the streams that must not have told of the first.
    foreign = foreigners[0].done("GET", "/api/faxes?direction=in")["faxes"][0]["id"]
    foreigners[0].done("POST", f"/api/faxes/{foreign}/read")
    foreigners[0].done("POST", f"/api/faxes/{foreign}/unread")
    for stream in others:
        stream.until(f'"id":{foreign},')
        heard = "".join(stream.heard)
        assert not [fax for fax in faxes if f'"id":{fax},' in heard], heard
        assert "ACME" not in heard
    for stream in (own, *others):
        stream.close()


def test_a_stream_ends_with_the_session_or_the_token(ground: Ground, bob: Caller) -> None:
    person, program = ground.person("ACME", "bob"), ground.program(bob, "read")
    streams = [Stream(person), Stream(program)]
    assert [stream.status for stream in streams] == [200, 200]
    assert person.ask("GET", "/logout").status == 302
    newest = max(token["id"] for token in bob.done("GET", "/api/tokens")["tokens"])
    bob.done("DELETE", f"/api/tokens/{newest}")
    for stream in streams:
        stream.rest()
        stream.close()
