"""Telephone lines of every temper, for an Asterisk that calls itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

OUR_DIALPLAN = (
    Path(__file__).resolve().parents[2] / "dialplans" / "asterisk" / "extensions.conf"
).read_text()

# Fax machines of two accounts, and what a dialled number may meet instead.
MACHINES = r"""
[incoming]
exten => _10XX,1,Gosub(nexefax,receive,1(ACME))
exten => _20XX,1,Gosub(nexefax,receive,1(Smith-Sons,+1 202 555 0177))
exten => _300X,1,Gosub(nexefax,receive,1(nobody-here))
exten => 4000,1,Busy(5)
exten => 4001,1,Ringing()
 same => n,Wait(60)
; somebody says hello, waits a while, and hangs up
exten => 4002,1,Answer()
 same => n,Playtones(350+440)
 same => n,Wait(12)
 same => n,Hangup()
; somebody leaves the receiver beside the telephone
exten => 4003,1,Answer()
 same => n,Playtones(350+440)
 same => n,Wait(150)
exten => 4004,1,Hangup(21)
; the line drops some pages into the fax
exten => 4005,1,Set(TIMEOUT(absolute)=28)
 same => n,Gosub(nexefax,receive,1(ACME))
; the line drops so many seconds after the answer
exten => _5XX,1,Set(TIMEOUT(absolute)=${EXTEN:1})
 same => n,Gosub(nexefax,receive,1(cut${EXTEN:1}))
; a fax machine that lets it ring
exten => 4009,1,Ringing()
 same => n,Wait(10)
 same => n,Gosub(nexefax,receive,1(ACME))
; a caller who says hostile things of himself
exten => 4006,1,Set(CALLERID(name)=ev"il):3 ${UNIQUEID}\; $[1+1] , %41&status=SUCCESS é)
 same => n,Set(CALLERID(num)=../../${URIDECODE(12%0A34)}"\,4):2 $[2+2])
 same => n,Gosub(nexefax,receive,1(ACME))
exten => 4007,1,Set(CALLERID(name)=${NEXEFAX_LONG})
 same => n,Set(CALLERID(num)=${NEXEFAX_LONG})
 same => n,Gosub(nexefax,receive,1(ACME))
exten => 4008,1,Set(CALLERID(all)=)
 same => n,Gosub(nexefax,receive,1(ACME))
"""

# The context of NexeFax 0.0.1 beta, written after a description of it: an installation that switches over has one so.
BETA_DIALPLAN = r"""
[nexefax]
exten => receive,1,NoOp(receiving)
 same => n,Set(FAXFILE=RX_DIR/nexefax-${ARG1}-${STRFTIME(${EPOCH},,%Y%m%d-%H%M%S)}-${CALLERID(num)}-${UNIQUEID}.tiff)
 same => n,ReceiveFAX(${FAXFILE},fs)
 same => n,ExecIf($["${FAXSTATUS}" = "SUCCESS"]?AGI(AGI_URL/receive))
 same => n,Hangup()
exten => send,1,StopMusicOnHold()
 same => n,Set(FAXOPT(ecm)=${FAXOPT_ECM})
 same => n,Set(FAXOPT(gateway)=${FAXOPT_GATEWAY})
 same => n,Set(FAXOPT(modem)=${FAXOPT_MODEM})
 same => n,Set(FAXOPT(faxdetect)=${FAXOPT_FAXDETECT})
 same => n,Set(FAXOPT(minrate)=${FAXOPT_MINRATE})
 same => n,Set(FAXOPT(maxrate)=${FAXOPT_MAXRATE})
 same => n,Set(FAXOPT(t38timeout)=${FAXOPT_T38TIMEOUT})
 same => n,Set(FAXOPT(negotiate_both)=${FAXOPT_NEGOTIATE_BOTH})
 same => n,SendFax(${FAXFILE},fsz)
 same => n,Hangup()
exten => h,1,GotoIf($["${FAXTO}" = ""]?done)
 same => n,AGI(AGI_URL/send/post,${FAXSTATUS},${FAXERROR},${FAXFILE})
 same => n(done),NoOp()
"""


def beta_dialplan(rx_dir: Path, agi: str) -> str:
    """The beta's dialplan for private folders and ports; it knows no settings of its own."""
    return BETA_DIALPLAN.replace("RX_DIR", str(rx_dir)).replace("AGI_URL", agi)


def call_file(channel: str, variables: Mapping[str, str], *, wait: int = 15) -> str:
    """A call file as NexeFax writes it, for tests that have no daemon."""
    settings = {
        "CHANNEL(hangup_handler_push)": "nexefax,unanswered,1",
        "FAXOPT_GATEWAY": "no",
        "FAXOPT_ECM": "yes",
        "FAXOPT_MODEM": "v17,v27,v29",
        "FAXOPT_FAXDETECT": "no",
        "FAXOPT_MINRATE": "4800",
        "FAXOPT_MAXRATE": "14400",
        "FAXOPT_T38TIMEOUT": "5000",
        "FAXOPT_NEGOTIATE_BOTH": "no",
        "FAXOPT_LOCALSTATIONID": "+1 202 555 0154",
        "FAXOPT_HEADERINFO": "ACME Corporation",
    } | dict(variables)
    head = (
        f'Channel: {channel}\nCallerID: "ACME Corporation" <12025550154>\nMaxRetries: 0\nRetryTime: 86400\n'
        f"WaitTime: {wait}\nAccount: ACME\nContext: nexefax\nExtension: send\nPriority: 1\nArchive: yes\n"
    )
    return head + "".join(f"Setvar: {name}={value}\n" for name, value in settings.items())
