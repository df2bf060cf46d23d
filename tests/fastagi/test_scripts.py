"""The scripts, asked without a socket."""

from __future__ import annotations

import logging

import pytest

from nexefax.errors import AgiError
from nexefax.fastagi.commands import Command
from nexefax.fastagi.protocol import Replied, Requested
from nexefax.fastagi.scripts import REPORT_VARIABLES, printable, run_script
from tests.fastagi.asterisk_side import HEADER
from tests.fastagi.recorder import Recorder


class Channel:
    """Answers commands from a list, in order."""

    def __init__(self, *replies: Replied) -> None:
        self.replies = list(replies)
        self.commands: list[Command] = []

    async def ask(self, command: Command) -> Replied:
        self.commands.append(command)
        command.encode()  # it must be one that can be sent
        if not self.replies:
            raise AgiError("gone")
        return self.replies.pop(0)


def request(script: str, *arguments: str, **changes: str) -> Requested:
    environment = HEADER | {"agi_network_script": script} | changes
    return Requested(environment | {f"agi_arg_{n}": text for n, text in enumerate(arguments, 1)})


VARIABLES = Replied(
    200,
    "1",
    "FAXSTATUS=SUCCESS&FAXERROR=HANGUP&FAXSTATUSSTRING=OK&FAXPAGES=3&FAXBITRATE=&REMOTESTATIONID="
    "%2B1%20202%0AHANGUP%0A%26x%3Dy&FAXFILE=%2Fvar%2Fspool%2Fx%2Ctiff&OTHER=1&REASON",
)


async def test_receive_brings_who_called_and_the_faxs_variables() -> None:
    recorder, channel = Recorder(), Channel(VARIABLES)
    await run_script(channel, request("receive", agi_calleridname="Eve\x1b[2J\u202etxt"), recorder)
    assert recorder.calls == [("receive",)]
    (report,) = recorder.reports
    assert report.unique_id == "pbx-1795370940.12"
    assert report.account == "ACME"
    assert report.caller_number == "12025550100"
    assert report.caller_name == "Eve[2Jtxt"
    assert report.extension == "receive"
    assert report.channel == "PJSIP/trunk-00000001"
    assert report.arguments == ()
    assert report.variables == {
        "FAXSTATUS": "SUCCESS",
        "FAXERROR": "HANGUP",
        "FAXSTATUSSTRING": "OK",
        "FAXPAGES": "3",
        "REMOTESTATIONID": "+1 202HANGUP&x=y",
        "FAXFILE": "/var/spool/x,tiff",
    }
    (asked,) = channel.commands
    for name in REPORT_VARIABLES:
        assert f"{name}=${{URIENCODE(${{{name}}})}}" in asked.arguments[0]


async def test_an_unknown_caller_is_nobody() -> None:
    recorder = Recorder()
    call = request("receive", agi_callerid="unknown", agi_calleridname="unknown")
    await run_script(Channel(VARIABLES), call, recorder)
    assert (recorder.reports[0].caller_number, recorder.reports[0].caller_name) == ("", "")


@pytest.mark.parametrize(
    "reply",
    [Replied(511, text="Command Not Permitted on a dead channel"), Replied(200, "0"), Replied(200, "1", "")],
)
async def test_without_variables_the_report_still_comes(reply: Replied) -> None:
    recorder = Recorder()
    await run_script(Channel(reply), request("receive"), recorder)
    assert recorder.reports[0].variables == {}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("SUCCESS", "", "/t/a.tiff"), ("SUCCESS", "", "/t/a.tiff")),
        (
            ("FAILED", "The call dropped, prematurely", " sorry", "/t/a.tiff"),
            ("FAILED", "The call dropped, prematurely, sorry", "/t/a.tiff"),
        ),
        (("FAILED", "busy\n"), ("FAILED", "busy", "")),
        (("FAILED",), ("FAILED", "", "")),
        ((), ("", "", "")),
    ],
)
async def test_send_post_puts_the_error_together_again(
    arguments: tuple[str, ...], told: tuple[str, str, str]
) -> None:
    recorder = Recorder()
    await run_script(Channel(VARIABLES), request("send/post", *arguments), recorder)
    assert recorder.calls == [("send/post", *told)]


async def test_received_names_its_file_commas_and_all() -> None:
    recorder = Recorder()
    call = request("received", "nexefax-A-20261122-200900-1", "2-u.1.tiff")
    await run_script(Channel(VARIABLES), call, recorder)
    assert recorder.calls == [("received", "nexefax-A-20261122-200900-1,2-u.1.tiff")]


async def test_sent_names_the_fax_and_the_attempt() -> None:
    recorder = Recorder()
    await run_script(Channel(VARIABLES), request("sent", "12", "3"), recorder)
    assert recorder.calls == [("sent", 12, 3)]


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("sent", ("12",)),
        ("sent", ("12", "x")),
        ("sent", ("-1", "1")),
        ("sent", ("١", "1")),
        ("sent", ("9" * 5000, "1")),
        ("sent", ()),
        ("received", ()),
        ("etc/passwd\n", ("x" * 9000,)),
        ("s" * 5000, ()),
        ("", ()),
        ("TEST", ()),
    ],
)
async def test_what_can_not_be_understood_is_said_on_both_sides(
    script: str, arguments: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    recorder, channel = Recorder(), Channel(Replied(200, "1"))
    with caplog.at_level(logging.WARNING, "nexefax.fastagi"):
        await run_script(channel, request(script, *arguments), recorder)
    assert recorder.calls == []
    (command,) = channel.commands
    assert command.words == "VERBOSE"
    assert len(caplog.records) == 1
    assert "\n" not in caplog.records[0].getMessage()


async def test_test_says_something_visible() -> None:
    channel = Channel(Replied(200, "1"))
    await run_script(channel, request("test"), Recorder())
    assert channel.commands[0].words == "VERBOSE"
    assert "NexeFax" in channel.commands[0].arguments[0]


async def test_a_broken_dialogue_reports_nothing() -> None:
    recorder = Recorder()
    with pytest.raises(AgiError):
        await run_script(Channel(), request("receive"), recorder)
    assert recorder.calls == []


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Zoë Ünal 電話", "Zoë Ünal 電話"),
        ("a\u00a0b\u2003c", "a b c"),
        ("a\tb\r\nc\x00\x7f\x85", "abc"),
        ("\u202egpj.exe\u2066\u2028\u200b", "gpj.exe"),
        ("\udcff", ""),
    ],
)
def test_names_can_be_shown(text: str, clean: str) -> None:
    assert printable(text) == clean
