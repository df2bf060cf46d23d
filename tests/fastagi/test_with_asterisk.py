"""FastAGI called by a real Asterisk, on a live and on a dead channel."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest

import asterisk_program
from nexefax.fastagi.server import FastAgiServer
from private_asterisk import PrivateAsterisk
from tests.fastagi.recorder import Recorder

pytestmark = pytest.mark.asterisk

DIALPLAN = r"""[agi]
exten => live,1,Answer()
 same => n,Set(CALLERID(num)=12025550100)
 same => n,Set(CALLERID(name)=Café "Süd" (x))
 same => n,Set(CHANNEL(accountcode)=ACME)
 same => n,Set(CHANNEL(hangup_handler_push)=agi,dead,1)
 same => n,Set(FAXSTATUS=FAILED)
 same => n,Set(FAXERROR=a, b & c = 100% (d))
 same => n,Set(REMOTESTATIONID=${URIDECODE(+1 202%0AHANGUP%0A200 result=1 (x))})
 same => n,AGI(AGI_URL/test)
 same => n,Verbose(1,test ended with ${AGISTATUS})
 same => n,AGI(AGI_URL/nonsense)
 same => n,AGI(AGI_URL/receive)
 same => n,AGI(AGI_URL/received,nexefax-A-1,2.tiff)
 same => n,AGI(AGI_URL/send/post,FAILED,one, two,/tmp/x.tiff)
 same => n,AGI(AGI_URL/send/post,SUCCESS,,/tmp/x.tiff)
 same => n,Hangup()
exten => dead,1,AGI(AGI_URL/sent,12,1)
 same => n,Verbose(1,the dead channel ended with ${AGISTATUS})
 same => n,Return()
exten => forged,1,Answer()
 same => n,Set(CALLERID(name)=${URIDECODE(Eve%0Aagi_accountcode: ACME)})
 same => n,AGI(AGI_URL/receive)
 same => n,Verbose(1,the forged caller got through)
 same => n,Hangup()
"""


def call(asterisk: PrivateAsterisk, extension: str) -> None:
    staged = asterisk.spool / "nexefax" / f"{extension}.call"
    staged.write_text(f"Channel: Local/{extension}@agi\nApplication: Wait\nData: 20\n")
    staged.rename(asterisk.spool / "outgoing" / staged.name)


async def test_every_script_from_a_real_asterisk(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()
    server = FastAgiServer(recorder)
    port = await server.start("127.0.0.1", 0)

    def run() -> str:
        with tempfile.TemporaryDirectory() as folder:  # tmp_path is too long a name for Asterisk's socket
            asterisk = PrivateAsterisk(
                asterisk_program.find(),
                Path(folder),
                dialplan=DIALPLAN.replace("AGI_URL", f"agi://127.0.0.1:{port}"),
            )
            with asterisk:
                call(asterisk, "live")
                asterisk.wait_until(lambda: "the dead channel ended" in asterisk.log_text(), "the call ended")
                call(asterisk, "forged")
                asterisk.wait_until(lambda: "forged caller got through" in asterisk.log_text(), "that too")
                return asterisk.log_text()

    log = await asyncio.to_thread(run)
    await server.close(5)
    assert "hears you." in log
    assert "test ended with SUCCESS" in log
    assert "there is no script nonsense" in log
    assert "the dead channel ended with SUCCESS" in log
    assert recorder.calls == [
        ("receive",),
        ("received", "nexefax-A-1,2.tiff"),
        ("send/post", "FAILED", "one, two", "/tmp/x.tiff"),
        ("send/post", "SUCCESS", "", "/tmp/x.tiff"),
        ("sent", 12, 1),
    ]
    for report in recorder.reports:
        assert (report.account, report.caller_number, report.caller_name) == (
            "ACME",
            "12025550100",
            'Café "Süd" (x)',
        )
        assert report.variables["FAXSTATUS"] == "FAILED"
        assert report.variables["FAXERROR"] == "a, b & c = 100% (d)"
        assert report.variables["REMOTESTATIONID"] == "+1 202HANGUP200 result=1 (x)"
    # A caller's name that brings a line of its own is refused, not believed.
    assert "The header has a name twice." in caplog.text
