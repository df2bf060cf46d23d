"""A crash campaign: the daemon is killed from outside, again and again, while Asterisk, callers and users go on.

The product has no hooks for it. Half of the lives end at a system call chosen beforehand: strace injects SIGKILL when
a thread of the daemon enters its Nth fsync, rename, …; the others end at a random instant. Users hand each document in
until it is answered with "ok", always under one request id. What became of everything is then read from outside: call
files as the scripted Asterisk saw them, mails in the Maildir, files in the spool.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

from tests.daemon.composer import Composer
from tests.daemon.conftest import House, open_house
from tests.daemon.scripted_asterisk import Answer, CallFile, nudge, outcome_line, sent, unanswered
from tests.daemon.trace import TRACEABLE, end_of, wait_for_tracer
from web_client import Refused

QUIET_SECONDS = (
    90.0  # within which something more must have ended after the last start; a limit, never a duration
)
LIFE_SECONDS = 60.0  # a life that neither comes to its call nor to rest; a limit, never a duration

# The steps that make things durable, visible or told: SQLite's commits are pwrite64 and fdatasync, replies sendto.
# The number is how often one thread makes the call in an ordinary life, about; the sweep goes so far.
STEPS = {
    "fsync": 12,
    "fdatasync": 20,
    "rename,renameat,renameat2": 5,
    "unlink,unlinkat": 8,
    "link,linkat": 3,
    "mkdir,mkdirat": 4,
    "pwrite64": 40,
    "sendto": 10,
}


LONG = 5  # the last digit of numbers that get two pages


@dataclass(frozen=True)
class Life:
    """How one run of the daemon ends: at the ``nth`` of ``calls`` ("" for none), or after ``instant`` seconds.

    ``from_birth``: the calls are counted from the first one on, not only when the daemon is ready.
    """

    calls: str = ""
    nth: int = 0
    instant: float = 0.0
    from_birth: bool = False

    def __str__(self) -> str:
        if not self.calls:
            return f"after {self.instant:.2f} s"
        return f"{self.calls} #{self.nth}{' from birth' if self.from_birth else ''}"


def plan(kills: int, seed: int, *, house: int = 0, houses: int = 1) -> list[Life]:
    """``kills`` ends: every second one at a call, drawn evenly from the sweep; the others at random instants.

    Several ``houses`` of one seed share the sweep: each takes the calls that the others do not.
    """
    chance = random.Random(seed)
    sweep = [Life(calls, nth) for calls, most in STEPS.items() for nth in range(1, most + 1)]
    chance.shuffle(sweep)
    sweep = sweep[house::houses]
    chance = random.Random(f"{seed} {house}")
    lives = []
    for number in range(kills):
        if number % 2:
            lives.append(Life(instant=chance.uniform(0.0, 1.5)))
        else:
            chosen = sweep[number // 2 % len(sweep)]
            lives.append(Life(chosen.calls, chosen.nth, from_birth=chance.random() < 0.15))
    return lives


def behave(call: CallFile) -> Answer:
    """Answer by the number's last digit and the attempt, so that a repeated dialling would be told apart."""
    digit, attempt = int(call.variables["FAXTO"][-1]), int(call.variables["NEXEFAX_ATTEMPT"])
    if digit == 1:
        return unanswered(5)
    if digit == 2 and attempt == 1:
        return unanswered(0, cause=17)
    if digit == 3 and attempt == 1:
        return Answer({"status": "SUCCESS", "pages": 0, "error": "HANGUP"})
    if digit == 4:
        return Answer({"status": "SUCCESS", "pages": 1}, nudge=False)
    if digit == LONG and attempt == 1:
        return Answer({"status": "FAILED", "pages": 1, "error": "HANGUP"})  # it goes on with the second page
    return sent(1)


@dataclass
class Campaign:
    """Kills one daemon over and over; :meth:`check` says what is wrong afterwards."""

    house: House
    tiff: bytes
    accepted: dict[str, int] = field(default_factory=dict)  # number dialled → the fax's number in the answer
    incoming: dict[str, Path] = field(default_factory=dict)  # the caller's number → its TIFF in the spool
    removed_unmailed: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._users: list[threading.Thread] = []
        self._over = threading.Event()
        self._client = self.house.sign_in()
        self._composer = Composer(self.house)
        self._drafts: dict[str, str] = {}  # by the number dialled
        self._mails: dict[Path, tuple[str, str]] = {}

    def run(self, lives: list[Life]) -> None:
        """Live and die as planned, then live on until all is quiet."""
        witness = threading.Thread(target=self._witness, name="witness")
        witness.start()
        try:
            self.house.nexefax.kill()
            for number, life in enumerate(lives):
                self._live(life, number)
            self.house.nexefax.start()
            self._wait_until_quiet()
        finally:
            self._over.set()
            witness.join()
            for user in self._users:
                user.join()

    def _wait_until_quiet(self) -> None:
        """Wait until all is through, or nothing more comes through; a machine that others use takes its time."""
        left = len(self.unfinished())
        deadline = time.monotonic() + QUIET_SECONDS
        while left and time.monotonic() < deadline:
            time.sleep(0.1)
            now_left = len(self.unfinished())
            if now_left < left:
                left, deadline = now_left, time.monotonic() + QUIET_SECONDS

    def unfinished(self) -> list[str]:
        """What is not through yet, seen from outside."""
        nexefax = self.house.nexefax
        told = {number for number, _kind in self._notices()}
        dialled = {call.variables["FAXTO"] for call in tuple(self.house.asterisk.calls)}
        left = [f"{user.name} has no answer" for user in self._users if user.is_alive()]
        left += [f"no notice about {number}" for number in (self.accepted.keys() | dialled) - told]
        for folder in (nexefax.spool / "tmp", nexefax.spool / "outgoing", nexefax.spool / "nexefax",
                       nexefax.spool / "outgoing_done"):  # fmt: skip
            if folder.exists():
                left += [str(path) for path in folder.iterdir()]
        return left

    def check(self) -> list[str]:
        """Everything that must not be: empty when no fax was lost, stuck, or sent twice."""
        wrong = [f"left: {what}" for what in self.unfinished()]
        wrong += [f"fax {name} was removed from the spool before its mail" for name in self.removed_unmailed]
        wrong += self._check_calls()
        wrong += self._check_mails()
        nexefax = self.house.nexefax
        rubbish = [*nexefax.data_dir.rglob(".*"), *(nexefax.folder / "scratch").iterdir()]
        wrong += [f"rubbish: {path}" for path in rubbish]
        status = nexefax.command("status", "--json").stdout
        wrong += [f"the journal has faxes in state {state}: {status}" for state in
                  ("queued", "rendering", "ready", "calling", "received", "converting", "delivering", "undeliverable",
                   "waiting", "refused") if f'"{state}"' in status]  # fmt: skip
        return wrong

    def _check_calls(self) -> Iterator[str]:
        attempts: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for call in self.house.asterisk.calls:
            of = (int(call.variables["NEXEFAX_FAX"]), int(call.variables["NEXEFAX_ATTEMPT"]))
            attempts[call.variables["FAXTO"]].append(of)
        for number in self.accepted.keys() - attempts.keys():
            yield f"{number} was never dialled"
        kinds: dict[str, set[str]] = defaultdict(set)
        for number, kind in self._notices():
            kinds[number].add(kind)
        for number, made in attempts.items():
            if len({fax for fax, _attempt in made}) != 1:
                yield f"{number} was faxed under several numbers: {made}"
            if number in self.accepted and made[0][0] != self.accepted[number]:
                yield f"{number} was answered as fax {self.accepted[number]}, dialled as {made[0][0]}"
            expected = 2 if number[-1] in f"123{LONG}" else 1
            if [attempt for _fax, attempt in made] != list(range(1, expected + 1)):
                yield f"{number} was dialled in attempts {made} instead of {expected}"
            if kinds[number] != {"failed" if number[-1] == "1" else "sent"}:
                yield f"{number}: its notices are {kinds[number]}"

    def _check_mails(self) -> Iterator[str]:
        ids: dict[str, set[str]] = defaultdict(set)
        for about, message_id in self.mails():
            ids[about].add(message_id)
        for about, seen in ids.items():
            if len(seen) != 1:
                yield f"mails about {about} have the Message-IDs {seen}"
        for caller in self.incoming:
            if f"received {caller}" not in ids:
                yield f"the fax of {caller} was not mailed"

    def mails(self) -> list[tuple[str, str]]:
        """What the mail server has taken, as (about, Message-ID); each file is read once."""
        for path in (self.house.mail.folder / "new").iterdir():
            if path not in self._mails:
                message = BytesParser(policy=default).parsebytes(path.read_bytes())
                assert isinstance(message, EmailMessage)
                self._mails[path] = _about(message), str(message["Message-ID"])
        return list(self._mails.values())

    def _notices(self) -> Iterator[tuple[str, str]]:
        for about, _message_id in self.mails():
            kind, _, number = about.partition(" ")
            if kind != "received":
                yield number, kind

    def _live(self, life: Life, number: int) -> None:
        nexefax = self.house.nexefax
        seen = nexefax.log_file.stat().st_size if nexefax.log_file.exists() else 0
        nexefax.start(wait=False)
        assert nexefax.process is not None
        tracer = None
        if life.calls:
            if life.from_birth:
                _wait_for_birth(nexefax.process)
            else:
                nexefax.wait_until_ready(seen)
            tracer = _trace(nexefax.process, life)
        self._hand_in(number)
        self._call(number)
        if self._wait_for_end(nexefax.process, life):
            self.ends[life.calls] += 1
        else:
            self.ends["instant"] += 1
            nexefax.process.kill()
        status = end_of(nexefax.process, tracer)
        nexefax.process = None
        if status != -signal.SIGKILL:
            raise AssertionError(f"the daemon ended by itself with {status}; see {nexefax.folder}/stderr.txt")

    def _wait_for_end(self, process: subprocess.Popen[bytes], life: Life) -> bool:
        """Tell whether the daemon was killed at a call, and not at an instant or when it had nothing left to do."""
        deadline = time.monotonic() + (LIFE_SECONDS if life.calls else life.instant)
        while process.poll() is None:
            if time.monotonic() > deadline or (life.calls and not self.unfinished()):
                return False
            self._over.wait(0.02)
        return True

    def _hand_in(self, number: int) -> None:
        user = threading.Thread(target=self._insist, args=(f"20255{number:05}",), name=f"user {number}")
        user.start()
        self._users.append(user)

    def _insist(self, number: str) -> None:
        """Hand a document in until the answer is "ok"."""
        document = self.house.pdf(2 if number.endswith(str(LONG)) else 1)
        while not self._over.is_set():
            try:
                self.accepted[number] = self._send(number, document)
            except (OSError, Refused):  # no daemon now, or it died before it answered
                self._over.wait(0.05)
            except Exception as error:
                if type(error).__module__ not in ("http.client", "json.decoder"):
                    raise  # what a half answer is told by
            else:
                return

    def _send(self, number: str, document: Path) -> int:
        """Hand a document in, every third as a draft: one that is half made is left, one that was sent is not."""
        if int(number) % 3:
            return self._client.send(number, document, request_id=f"request-{number}")
        if number not in self._drafts:
            self._drafts[number] = self._composer.compose(
                document.read_bytes(), recipients=[{"number": number}]
            )
        (fax,) = self._composer.send(self._drafts[number])
        return fax

    def _call(self, number: int) -> None:
        """Leave a received fax in the spool as our dialplan does: TIFF, outcome, nudge."""
        caller = f"30355{number:05}"
        unique = f"1700000000.{number}"
        name = f"nexefax-ACME-20261122-200905-{caller}-{unique}.tiff"
        said = {"account": "ACME", "caller": caller, "status": "SUCCESS", "pages": 1, "uniqueid": unique}
        outcome = None if number % 4 == 3 else outcome_line("received", said)
        self.incoming[caller] = self.house.receive(self.tiff, name, outcome)
        if outcome is None:  # the beta's dialplan
            arguments: tuple[str, ...] = ("receive",)
        else:
            arguments = ("received", name)
        caller_thread = threading.Thread(
            target=self._report, args=(arguments, unique, caller), name=f"caller {number}"
        )
        caller_thread.start()
        self._users.append(caller_thread)

    def _report(self, arguments: tuple[str, ...], unique: str, caller: str) -> None:
        port = self.house.nexefax.port_fagi
        nudge(port, *arguments, uniqueid=unique, callerid=caller)
        while arguments[0] == "receive" and self.incoming[caller].exists() and not self._over.wait(0.3):
            # the beta's call is its only report; a lost one is found by its age, too late for a test
            nudge(port, *arguments, uniqueid=unique, callerid=caller)

    def _witness(self) -> None:
        """Watch the spool: when a TIFF goes, the mail server must have had it."""
        seen: set[str] = set()
        while not self._over.wait(0.01):
            gone = [
                caller
                for caller, path in tuple(self.incoming.items())
                if caller not in seen and not path.exists()
            ]
            if not gone:
                continue
            mailed = {about for about, _message_id in self.mails()}
            self.removed_unmailed += [caller for caller in gone if f"received {caller}" not in mailed]
            seen.update(gone)


def _about(mail: EmailMessage) -> str:
    """Return "sent NUMBER", "failed NUMBER" or "received NUMBER"."""
    subject = str(mail["Subject"])
    if "Received" in subject:
        attached = next(mail.iter_attachments())
        return f"received {str(attached.get_filename()).split('-')[1]}"
    kind = "failed" if "failed" in subject else "sent"
    return f"{kind} {subject.rsplit(' ', 1)[1]}"


def _wait_for_birth(process: subprocess.Popen[bytes]) -> None:
    """Wait until ``process`` is the daemon, no longer what allows strace to look at it."""
    command = Path(f"/proc/{process.pid}/cmdline")
    while process.poll() is None and command.read_bytes().split(b"\0")[1:2] != [b"-m"]:
        time.sleep(0.002)


def _trace(process: subprocess.Popen[bytes], life: Life) -> subprocess.Popen[bytes]:
    """Attach strace to all threads of ``process``; the converters that it starts are let go."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-b", "execve", "-qqq", "-o", "/dev/null", "-p", str(process.pid),
         "-e", f"trace={life.calls}", "-e", f"inject={life.calls}:signal=SIGKILL:when={life.nth}"],
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for_tracer(process, tracer)
    return tracer


def fax_tiff(folder: Path) -> bytes:
    """One page as res_fax leaves it."""
    path = folder / "page.tiff"
    subprocess.run(
        ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=tiffg4", "-r204x196", "-g1728x2287",
         f"-sOutputFile={path}", "-c", "100 100 moveto 400 0 rlineto stroke showpage"],
        check=True,
    )  # fmt: skip
    return path.read_bytes()


@contextmanager
def open_campaign(folder: Path) -> Iterator[Campaign]:
    """A house below ``folder``, ready to be run."""
    assert shutil.which("strace"), "strace is missing: apt install strace"
    with open_house(folder, behave=behave, start=False) as house:
        house.nexefax.before = (sys.executable, "-I", "-S", "-c", TRACEABLE)
        house.nexefax.start()
        yield Campaign(house, fax_tiff(folder))
