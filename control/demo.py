"""NexeFax with everything around it, on this machine alone: started by control/demo, ended by Ctrl-C.

An Asterisk that faxes itself, a mail server that keeps all mail in a Maildir, and NexeFax between them. With
``--once`` the main job is done unattended: sign in, send a PDF, wait for it to arrive by mail, compare what arrived
with what was sent.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import NoReturn

import asterisk_program
from asterisk_program import NoAsteriskError
from compare_pages import compare_faxes
from mail_catcher import MailCatcher
from private_asterisk import AsteriskFailedError, PrivateAsterisk
from private_nexefax import PrivateNexeFax
from sample_document import sample_pdf
from web_client import Refused, WebClient

ACCOUNT, USER, NUMBER = "ACME", "alice", "+12025550100"
MAILBOX = "faxes@acme.example"
#: A page takes half a minute; three attempts and slow machines are in it.
PATIENCE = 180.0

# Every number is answered by a fax machine that receives for ACME; a few behave as lines do.
LINES = r"""
[incoming]
exten => _[+0-9*#].,1,Gosub(nexefax,receive,1(ACME,+1 202 555 0100))
exten => 17,1,Busy(5)
exten => 18,1,Ringing()
 same => n,Wait(120)
exten => 19,1,Answer()
 same => n,Playtones(350+440)
 same => n,Wait(120)
"""


class DemoFailedError(Exception):
    """The demo's main job failed; the sentence says what and where to look."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What is running."""

    nexefax: PrivateNexeFax
    asterisk: PrivateAsterisk
    mail: MailCatcher
    password: str


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


@contextlib.contextmanager
def running(folder: Path, source: Path) -> Iterator[Demo]:
    """Start all three in ``folder`` and stop them in the end, whatever happens."""
    with contextlib.ExitStack() as stack:
        mail = MailCatcher(folder / "mails")
        mail.start()
        stack.callback(mail.stop)
        say(f"A mail server keeps all mail in the Maildir {mail.folder}")

        program = asterisk_program.find()
        dialplan = (source / "dialplans" / "asterisk" / "extensions.conf").read_text()
        nexefax = PrivateNexeFax(
            folder / "nexefax",
            folder / "asterisk" / "spool",
            {
                ACCOUNT: {
                    "tx_number": NUMBER,
                    "tx_name": "ACME Corporation",
                    "rx_email_to": MAILBOX,
                    "tx_notify_success": "yes",
                    "tx_notify_failure": "yes",
                }
            },
            email={
                "method": "smtp",
                "smtp_host": "127.0.0.1",
                "smtp_port": str(mail.port),
                "from_email": "nexefax@acme.example",
            },
        )
        asterisk = PrivateAsterisk(
            program,
            folder / "asterisk",
            dialplan=LINES + dialplan,
            variables={
                "NEXEFAX_RX_DIR": str(folder / "asterisk" / "spool" / "tmp"),
                "NEXEFAX_AGI": f"agi://127.0.0.1:{nexefax.port_fagi}",
            },
        )
        stack.callback(asterisk.close)
        say(f"Starting Asterisk {program.version_text} ({program.origin})")
        asterisk.start()

        nexefax.general = {
            "tx_channel": asterisk.trunk,
            "ast_control": str(asterisk.control_socket),
            "tx_retry_time": "30",
        }
        nexefax.write_config()
        password = secrets.token_urlsafe(9)
        nexefax.add_user(ACCOUNT, USER, password)
        stack.callback(nexefax.stop)
        say("Starting NexeFax")
        nexefax.start()
        yield Demo(nexefax, asterisk, mail, password)


def show(demo: Demo) -> None:
    """Tell how to use it, and stay until Ctrl-C."""
    say(
        f"""
    NexeFax is ready.

      page      {demo.nexefax.url}/
      account   {ACCOUNT}
      user      {USER}
      password  {demo.password}

    Every number is answered by this Asterisk itself, and what it receives is mailed. 17 is busy, 18 never answers,
    and at 19 there is no fax machine. A page takes half a minute.

      mails     {demo.mail.folder / "new"}
      log       {demo.nexefax.log_file}
      Asterisk  {demo.asterisk.log}

    Ctrl-C ends it all.
"""
    )
    while demo.nexefax.process is not None and demo.nexefax.process.poll() is None:
        time.sleep(0.2)
    raise DemoFailedError(f"NexeFax has ended by itself; see {demo.nexefax.log_file}")


def once(demo: Demo) -> None:
    """Do the main job: a PDF goes in at the page and comes out as a received fax in the mail.

    Raises:
        DemoFailedError: with what failed.
    """
    begun = time.monotonic()

    def step(text: str) -> None:
        say(f"{time.monotonic() - begun:6.1f} s  {text}")

    client = WebClient(demo.nexefax.url)
    client.sign_in(ACCOUNT, USER, demo.password)
    step(f"signed in at {demo.nexefax.url}/ as {USER} of {ACCOUNT}")
    document = demo.nexefax.folder / "sample.pdf"
    document.write_bytes(sample_pdf(f"Faxed at {time.strftime('%Y-%m-%d %H:%M:%S')}"))
    fax = client.send(NUMBER, document, subject="A sample", message="Sent by control/demo --once.")
    step(f"{document.name} is accepted: fax {fax} to {NUMBER}")

    notice = _wait_for_mail(demo, f"eFax sent to {NUMBER}", f"eFax failed to send to {NUMBER}")
    if "failed" in str(notice["Subject"]):
        raise DemoFailedError(f"the fax was not sent: {notice.get_body(('plain',))}")
    step(f'notice: "{notice["Subject"]}"')
    letter = _wait_for_mail(demo, "New eFax Received")
    attached = [part for part in letter.iter_attachments() if part.get_content_type() == "application/pdf"]
    if not attached or not attached[0].get_content().startswith(b"%PDF-"):
        raise DemoFailedError("the mail with the received fax has no PDF attached")
    step(f'received by mail: "{letter["Subject"]}" with {attached[0].get_filename()}')

    sent = demo.nexefax.data_dir / "out" / str(fax) / "fax.tiff"
    received = next((demo.nexefax.data_dir / "in").glob("*/fax.tiff"))
    try:
        pages = compare_faxes(sent, received)
    except ValueError as error:
        raise DemoFailedError(f"what arrived is not what was sent: {error}") from error
    for page in pages:
        if page.pixels:
            raise DemoFailedError(
                f"page {page.page} arrived with {page.pixels} of {page.total} pixels changed"
            )
        step(f"page {page.page}: all {page.total} pixels below the header line arrived as sent")
    (demo.nexefax.folder / "received.pdf").write_bytes(attached[0].get_content())
    if "&mode=T38&" not in (sent.parent / "1.outcome").read_text():
        raise DemoFailedError(f"the fax went as sound, not by T.38; see {sent.parent / '1.outcome'}")
    step("it went by T.38, in one attempt")
    say(
        f"""
      sent       {document}
      as TIFF    {sent}
      received   {demo.nexefax.folder / "received.pdf"}
      as TIFF    {received}
      mails      {demo.mail.folder / "new"}
      log        {demo.nexefax.log_file}
      Asterisk   {demo.asterisk.log}
"""
    )


def _wait_for_mail(demo: Demo, *subjects: str) -> EmailMessage:
    try:
        return demo.mail.wait_for(
            lambda message: any(subject in str(message["Subject"]) for subject in subjects), PATIENCE
        )
    except TimeoutError as error:
        raise DemoFailedError(
            f'no mail "{subjects[0]}" came: {error}; see {demo.nexefax.log_file}'
        ) from error


def _end_by_signal(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> int:
    """Run the demo; 0 when all went well or it was ended by hand."""
    parser = argparse.ArgumentParser(prog="control/demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="send one fax, show that it arrives, and end")
    parser.add_argument("--folder", type=Path, required=True, help="where everything is kept; emptied first")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end_by_signal)
    options.folder.mkdir(parents=True, exist_ok=True)
    for old in options.folder.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    try:
        with running(options.folder, Path(__file__).resolve().parent.parent) as demo:
            (once if options.once else show)(demo)
    except KeyboardInterrupt:
        say("\nAll is stopped.")
        return 130 if options.once else 0
    except (DemoFailedError, NoAsteriskError, AsteriskFailedError, Refused, RuntimeError, OSError) as error:
        print(f"\ncontrol/demo: FAILED: {error}", file=sys.stderr)
        return 1
    if options.once:
        say("The whole way works.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
