"""The FastAGI protocol: whole, byte by byte, hostile, and by property."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as trial
from hypothesis import strategies as st

from nexefax.errors import AgiError
from nexefax.fastagi import commands, protocol
from nexefax.fastagi.commands import Command
from nexefax.fastagi.protocol import Broken, Dialogue, Event, HungUp, Replied, Requested
from tests.fastagi.asterisk_side import HEADER, header, parse_args


def asked() -> Dialogue:
    """A dialogue with a command in flight."""
    dialogue = Dialogue()
    dialogue.feed(header())
    dialogue.send(commands.noop())
    return dialogue


def in_pieces(data: bytes, dialogue: Dialogue, size: int = 1) -> list[Event]:
    return [
        event for start in range(0, len(data), size) for event in dialogue.feed(data[start : start + size])
    ]


# Replies as res_agi.c writes them, and what they mean.
REPLIES = [
    (b"200 result=1\n", Replied(200, "1")),
    (b"200 result=0\n", Replied(200, "0")),
    (b"200 result=-1\n", Replied(200, "-1")),
    (b"200 result=1 (SUCCESS)\n", Replied(200, "1", "SUCCESS")),
    (b"200 result=1 ()\n", Replied(200, "1", "")),
    (b"200 result=1 (a (b) c)\n", Replied(200, "1", "a (b) c")),
    (b"200 result=1 ())\n", Replied(200, "1", ")")),
    (b"200 result=1 (a (b\nc) d\ne)\n", Replied(200, "1", "a (b\nc) d\ne")),
    (b"200 result=1 (one\ntwo\n)\n", Replied(200, "1", "one\ntwo\n")),
    (b"200 result=1 (one\nHANGUP\n)\n", Replied(200, "1", "one\nHANGUP\n")),
    (b"200 result=0 (timeout) endpos=1234\n", Replied(200, "0", "timeout", "endpos=1234")),
    (b"200 result=0 endpos=5\n", Replied(200, "0", None, "endpos=5")),
    (b"200 result=0 Gosub complete\n", Replied(200, "0", None, "Gosub complete")),
    (b"100 result=0 Trying...\n200 result=0 Gosub complete\n", Replied(200, "0", None, "Gosub complete")),
    (b"200 result=\n", Replied(200, "")),
    (b"200\n", Replied(200)),
    (b"200 result=1 (caf\xc3\xa9 \xff)\r\n", Replied(200, "1", "café \ufffd")),
    (b"510 Invalid or unknown command\n", Replied(510, text="Invalid or unknown command")),
    (
        b"511 Command Not Permitted on a dead channel or intercept routine\n",
        Replied(511, text="Command Not Permitted on a dead channel or intercept routine"),
    ),
    (
        b"520 Invalid command syntax.  Proper usage not available.\n",
        Replied(520, text="Invalid command syntax.  Proper usage not available."),
    ),
    (
        b"520-Invalid command syntax.  Proper usage follows:\n Usage: NOOP\nHANGUP\n\n520 End of proper usage.\n",
        Replied(520, text="Invalid command syntax.  Proper usage follows:\n Usage: NOOP\nHANGUP"),
    ),
    (
        b"520-Invalid command syntax.  Proper usage follows:\nDoes nothing.520 End of proper usage.\n",
        Replied(520, text="Invalid command syntax.  Proper usage follows:\nDoes nothing."),
    ),
]


@pytest.mark.parametrize(("data", "reply"), REPLIES)
@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_replies_mean_the_same_in_pieces_of_any_size(data: bytes, reply: Replied, size: int) -> None:
    assert in_pieces(data, asked(), size) == [reply]


def test_the_header_becomes_a_request() -> None:
    dialogue = Dialogue()
    (event,) = dialogue.feed(header("send/post", "FAILED", "", "a: b", agi_callerid=""))
    assert isinstance(event, Requested)
    assert event.script == "send/post"
    assert event.arguments == ("FAILED", "", "a: b")
    assert event.environment["agi_callerid"] == ""
    assert event.environment["agi_calleridname"] == "Café (Süd)"
    with pytest.raises(TypeError):
        event.environment["agi_callerid"] = "x"  # type: ignore[index]  # it must be read-only at run time too


def test_the_header_means_the_same_byte_by_byte() -> None:
    data = header("received", "nexefax-ACME-20261122-200900--1.2.tiff")
    assert in_pieces(data, Dialogue()) == Dialogue().feed(data)


@pytest.mark.parametrize(
    ("lines", "script"),
    [
        (b"agi_network_script: /send/post/\n", "send/post"),
        (b"agi_network_script: test?a=b\n", "test"),
        (b"agi_request: agi://[::1]:4573/receive\n", "receive"),
        (b"agi_request: agi://127.0.0.1\n", ""),
        (b"agi_request: async\n", ""),
        (b"agi_network_script: \n", ""),
        (b"agi_type: Local\n", ""),
    ],
)
def test_the_script_is_the_path_of_the_url(lines: bytes, script: str) -> None:
    (event,) = Dialogue().feed(lines + b"\n")
    assert isinstance(event, Requested)
    assert event.script == script


def test_hangup_comes_at_any_time() -> None:
    dialogue = Dialogue()
    events = dialogue.feed(header() + b"HANGUP\nHANG")
    assert events[1:] == [HungUp()]
    assert dialogue.hung_up
    assert dialogue.send(commands.channel_status()) == b"CHANNEL STATUS\n"
    assert dialogue.feed(b"UP\n511 Command Not Permitted\nHANGUP\n") == [
        HungUp(),
        Replied(511, text="Command Not Permitted"),
        HungUp(),
    ]
    assert dialogue.end() is None


@pytest.mark.parametrize(
    "junk",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\n",
        b"agi_network yes\n\n",
        b"AGI_NETWORK: yes\n",
        b"agi_type: SIP\nAGI_NETWORK: yes\n\n",
        b"agi_callerid:none\n\n",
        b"agi_callerid: 1\nagi_accountcode: ACME\nagi_callerid: 2\n\n",
        b"agi_callerid: \0\n",
        b"\n",
        b"agi_callerid: " + b"9" * protocol.MAX_HEADER_BYTES,
        b"agi_callerid: " + b"9" * protocol.MAX_HEADER_BYTES + b"\n\n",
        b"".join(b"agi_arg_%d: x\n" % number for number in range(protocol.MAX_HEADER_LINES + 1)) + b"\n",
        b"A" * 5_000_000,
        b"\0" * 5_000_000,
        header() + b"200 result=1\n",
        header() + b"\n",
    ],
    ids=lambda junk: repr(junk[:30]),
)
def test_what_asterisk_would_not_send_ends_the_dialogue(junk: bytes) -> None:
    dialogue = Dialogue()
    events = dialogue.feed(junk)
    assert isinstance(events[-1], Broken)
    assert events[-1].reason.endswith(".")
    assert dialogue.feed(header()) == []
    assert dialogue.end() is None
    with pytest.raises(AgiError):
        dialogue.send(commands.noop())


@pytest.mark.parametrize(
    "junk",
    [
        b"200 result=1 (its first line ends like a value)\n)\n",
        b"HANGUP now\n",
        b"\n",
        b"OK\n",
        b"999 result=1\n",
        b"200result=1\n",
        b"200 result=1 (\0)\n",
        b"200 result=1\n200 result=1\n",
        b"200 result=1 (" + b"x" * protocol.MAX_REPLY_BYTES,
        b"200 result=1 (" + b"x\n" * protocol.MAX_REPLY_BYTES,
        b"520-Usage\n" + b"x\n" * protocol.MAX_REPLY_BYTES,
    ],
    ids=lambda junk: repr(junk[:30]),
)
@pytest.mark.parametrize("size", [97, 10_000_000])
def test_a_bad_answer_ends_the_dialogue(junk: bytes, size: int) -> None:
    assert isinstance(in_pieces(junk, asked(), size)[-1], Broken)


def test_a_long_answer_within_the_cap_is_taken_again_and_again() -> None:
    dialogue = asked()
    value = "x" * (protocol.MAX_REPLY_BYTES - 100)
    for _ in range(3):
        assert dialogue.feed(f"200 result=1 ({value})\n".encode()) == [Replied(200, "1", value)]
        dialogue.send(commands.noop())


def test_one_command_at_a_time() -> None:
    dialogue = Dialogue()
    with pytest.raises(AgiError):
        dialogue.send(commands.noop())
    dialogue.feed(header())
    dialogue.send(commands.noop())
    with pytest.raises(AgiError):
        dialogue.send(commands.noop())


def test_half_a_line_that_nobody_asked_for_is_not_taken_for_the_next_answer() -> None:
    dialogue = asked()
    assert dialogue.feed(b"200 result=1 (x)\n200 result=1 (forged") == [Replied(200, "1", "x")]
    with pytest.raises(AgiError):
        dialogue.send(commands.noop())
    assert dialogue.feed(b")\n") == []


def test_the_end_of_the_stream_is_bad_in_the_middle_only() -> None:
    half = Dialogue()
    half.feed(header()[:-1])
    assert isinstance(half.end(), Broken)
    assert isinstance(asked().end(), Broken)
    whole = asked()
    whole.feed(b"200 result=0\n")
    assert whole.end() is None
    with pytest.raises(AgiError):
        whole.send(commands.noop())


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (commands.get_variable("FAXSTATUS"), b'GET VARIABLE "FAXSTATUS"\n'),
        (commands.get_full_variable("${A}"), b'GET FULL VARIABLE "${A}"\n'),
        (commands.get_full_variable("${A}", "PJSIP/a-1"), b'GET FULL VARIABLE "${A}" "PJSIP/a-1"\n'),
        (commands.set_variable("A", 'say "hi" \\o/'), b'SET VARIABLE "A" "say \\"hi\\" \\\\o/"\n'),
        (commands.verbose("grüß", 3), 'VERBOSE "grüß" "3"\n'.encode()),
        (commands.noop(), b"NOOP\n"),
        (commands.noop("x"), b'NOOP "x"\n'),
        (commands.channel_status("c"), b'CHANNEL STATUS "c"\n'),
        (commands.hangup(), b"HANGUP\n"),
        (commands.hangup("c"), b'HANGUP "c"\n'),
    ],
)
def test_commands_are_written_for_parse_args(command: Command, line: bytes) -> None:
    assert command.encode() == line


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "\0", "\x1b[1m", "\x7f", "x" * 2048])
def test_commands_that_would_become_others_are_refused(text: str) -> None:
    dialogue = Dialogue()
    dialogue.feed(header())
    with pytest.raises(AgiError):
        dialogue.send(commands.set_variable("A", text))
    assert dialogue.send(commands.noop()) == b"NOOP\n"


def test_the_longest_command_is_the_longest_that_asterisk_reads() -> None:
    room = commands.MAX_COMMAND_BYTES - len(b'NOOP ""\n')
    assert len(commands.noop("x" * room).encode()) == 2047
    with pytest.raises(AgiError):
        commands.noop("x" * (room + 1)).encode()


printable_text = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=60)


@trial(deadline=None)
@given(st.lists(printable_text, max_size=5))
def test_asterisk_reads_the_arguments_that_were_written(arguments: list[str]) -> None:
    line = Command("SET VARIABLE", tuple(arguments)).encode()
    assert parse_args(line[:-1]) == [b"SET", b"VARIABLE", *(argument.encode() for argument in arguments)]


@trial(deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(HEADER)), printable_text, min_size=1),
    st.lists(st.integers(1, 50), max_size=40),
)
def test_a_header_cut_anywhere_is_the_same_header(environment: dict[str, str], cuts: list[int]) -> None:
    data = b"".join(f"{name}: {value}\n".encode() for name, value in environment.items()) + b"\n"
    whole, pieces = Dialogue(), Dialogue()
    events = []
    rest = data
    for cut in cuts:
        events += pieces.feed(rest[:cut])
        rest = rest[cut:]
    events += pieces.feed(rest)
    (event,) = whole.feed(data)
    assert events == [event]
    assert isinstance(event, Requested)
    assert event.environment == environment


@trial(deadline=None)
@given(printable_text.filter(lambda text: ") endpos=" not in text))
def test_any_value_on_one_line_comes_back(value: str) -> None:
    assert asked().feed(f"200 result=1 ({value})\n".encode()) == [Replied(200, "1", value)]


hostile = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [
                b"200 ",
                b"520-",
                b"result=1",
                b" (",
                b")",
                b"\n",
                b"HANGUP\n",
                b"\0",
                b"520 End of proper usage.\n",
            ]
        ),
        max_size=12,
    ).map(b"".join),
)


@trial(deadline=None)
@given(st.booleans(), st.lists(hostile, max_size=8))
def test_nothing_that_a_peer_sends_raises(after_header: bool, chunks: list[bytes]) -> None:
    dialogue = asked() if after_header else Dialogue()
    events = [event for chunk in chunks for event in dialogue.feed(chunk)]
    assert all(not isinstance(event, Broken) for event in events[:-1])
    assert sum(isinstance(event, Requested) for event in events) <= (not after_header)
    dialogue.end()
    assert dialogue.feed(b"200 result=1\n") == []
