"""What administrators write: taken, refused with a remedy, or warned about; all at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexefax import config
from nexefax.config import Account, General, kinds, reader
from nexefax.config.fax_kinds import RATES
from nexefax.config.options import options_of
from nexefax.config.settings import SECTIONS
from nexefax.errors import ConfigError

GENERAL = "[general]\ntx_channel=PJSIP/${TO}@trunk\n"
ACME = "[ACME]\nrx_email_to=fax@example.com\ntx_number=12025550154\ntx_name=ACME\n"


def load(directory: Path, text: str = "", accounts: str = ACME) -> config.Config:
    (directory / "config.conf").write_text(GENERAL + text)
    (directory / "accounts.conf").write_text(accounts)
    return config.load(directory)


def problems(directory: Path, text: str = "", accounts: str = ACME) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refused:
        load(directory, text, accounts)
    return refused.value.problems


TAKEN: list[tuple[str, str, str, Any]] = [
    ("general", "tx_faxopt_ecm", "OFF", False),
    ("general", "tx_faxopt_ecm", "1", True),
    ("general", "tx_faxopt_negboth", "true", True),
    ("general", "tx_faxopt_faxdetect", "cng", True),
    ("general", "tx_faxopt_faxdetect", "no", False),
    ("general", "tx_faxopt_modem", " v17 , V27,v29,V34,v17", "v17,v27,v29,v34"),
    ("general", "tx_faxopt_minrate", "9600", 9600),
    ("general", "ast_control", "/run/a b.ctl", Path("/run/a b.ctl")),
    ("general", "data_dir", "/srv/fax_1.0+x@y/d-d", Path("/srv/fax_1.0+x@y/d-d")),
    ("general", "tx_resolution", "STANDARD", "standard"),
    ("general", "tx_max_retries", "+0", 0),
    ("server", "bind", "[::1]", "::1"),
    ("server", "bind", "fax.example.com", "fax.example.com"),
    ("server", "port_http", "0", 0),
    ("server", "fagi_allow", "192.0.2.7/24, 2001:db8::1,192.0.2.0/24,", None),
    ("email", "smtp_mode", "SSL", "ssl"),
    ("email", "smtp_ca_file", "/etc/ssl/our.pem", Path("/etc/ssl/our.pem")),
    ("email", "from_email", "Fax Server <fax@example.com>", "fax@example.com"),
    ("email", "subject", "Ein Fax für ${x} 100 %", "Ein Fax für ${x} 100 %"),
]


@pytest.mark.parametrize(("section", "name", "written", "value"), TAKEN)
def test_values_that_are_taken(tmp_path: Path, section: str, name: str, written: str, value: Any) -> None:
    loaded = load(
        tmp_path, f"{name}={written}" if section == "general" else f"[{section.upper()}]\n{name} : {written}"
    )
    got = getattr(getattr(loaded, section), name)
    if name == "fagi_allow":
        assert [str(network) for network in got] == ["192.0.2.0/24", "2001:db8::1/128"]
    else:
        assert got == value
        assert type(got) is type(value) or isinstance(value, Path)


REFUSED = [
    ("[general]", "tx_faxopt_ecm=maybe", "is neither yes nor no; write Yes or No"),
    ("[general]", "tx_faxopt_faxdetect=perhaps", "is neither yes nor no; write Yes or No"),
    ("[general]", "tx_wait_time=abc", "is no whole number; write a number from 1 to 3600"),
    ("[general]", "tx_wait_time=1.5", "is no whole number; write a number from 1 to 3600"),
    ("[general]", "tx_wait_time=٣", "is no whole number; write a number from 1 to 3600"),
    ("[general]", "tx_wait_time=0", "is out of range; write a number from 1 to 3600"),
    ("[general]", "tx_wait_time=99999999999999", "is no whole number; write a number from 1 to 3600"),
    ("[general]", "tx_faxopt_minrate=4801", "is no rate of fax machines; write 2400, 4800,"),
    ("[general]", "tx_faxopt_minrate=²", "is no rate of fax machines; write 2400, 4800,"),
    ("[general]", "tx_faxopt_modem=v17,v32", "has the unknown modem 'v32'; write some of v17,v27,v29,v34"),
    ("[general]", "rx_dir=tmp", "is no absolute path; begin it with /"),
    ("[general]", "data_dir=faxes", "is no absolute path; begin it with /"),
    ("[general]", "data_dir=/srv/a,b", "has characters that Asterisk's dialplan can't carry; use letters"),
    ("[general]", "ast_context=a b", "is no name of a dialplan context; use letters, digits and . _ - only"),
    ("[general]", "tx_resolution=superfine", "is unknown; write fine or standard"),
    ("[server]", "port_http=65536", "is out of range; write a number from 0 to 65535"),
    ("[server]", "port_fagi=http", "is no whole number; write a number from 0 to 65535"),
    ("[server]", "bind=256.1.1.1", "is neither an IP address nor a host name; write one like 127.0.0.1"),
    ("[server]", "bind=a b", "is neither an IP address nor a host name; write one like 127.0.0.1"),
    (
        "[server]",
        "fagi_allow=127.0.0.1, home",
        "has 'home' in it, which is no IP address or network; write them",
    ),
    ("[email]", "method=mail", "is unknown; write sendmail or smtp"),
    ("[email]", "smtp_mode=starttls", "is unknown; write tls or ssl"),
    (
        "[email]",
        "from_email=fax@",
        "has 'fax@' in it, which is no mail address; write one like fax@example.com",
    ),
    (
        "[email]",
        "subject=Fax\x07",
        "has a control character in it; write it again by hand, without copying it",
    ),
    ("[email]", "subject=Fax\u2028Bcc: x@y.z", "has a control character in it; write it again by hand"),
    ("[email]", "subject=" + "x" * 501, "is longer than 500 bytes; shorten it"),
    ("[email]", "subject=Fax\n  Bcc: x@example.com", "goes on in the next line; an indented line continues"),
]


@pytest.mark.parametrize(("section", "line", "what"), REFUSED)
def test_values_that_are_refused(tmp_path: Path, section: str, line: str, what: str) -> None:
    [problem] = problems(tmp_path, f"{'' if section == '[general]' else section}\n{line}\n")
    name, value = line.split("=", 1)
    assert problem.startswith(f"config.conf, line 4, {section}: {name}={value[:20].split(chr(10))[0][:3]}")
    assert f" {what}" in problem
    assert problem.isprintable()
    assert len(problem) < 300


@pytest.mark.parametrize(
    ("channel", "what"),
    [
        ("PJSIP/trunk", "lacks ${TO}; put ${TO} where the number to dial belongs, e.g. PJSIP/${TO}@trunk"),
        ("PJSIP/${to}@trunk", "lacks ${TO}"),
        ("PJSIP/${TO};x", "has a ; or # in it that begins a comment in Asterisk's call files; leave it out"),
        ("PJSIP/${TO} #x", "has a ; or # in it"),
    ],
)
def test_channels_that_are_refused(tmp_path: Path, channel: str, what: str) -> None:
    (tmp_path / "accounts.conf").write_text(f"{ACME}tx_channel={channel}\n")
    (tmp_path / "config.conf").write_text(f"[general]\ntx_channel={channel}\n")
    with pytest.raises(ConfigError) as refused:
        config.load(tmp_path)
    assert [f"tx_channel={channel} {what}" in problem for problem in refused.value.problems] == [True, True]


def test_channels_may_hold_a_hash_that_is_no_comment(tmp_path: Path) -> None:
    assert (
        load(tmp_path, accounts=f"{ACME}tx_channel=Local/9#${{TO}}@out").accounts["acme"].tx_channel
        == "Local/9#${TO}@out"
    )


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("12025550154", "12025550154"),
        ("+1 (202) 555-0154", "+12025550154"),
        ("0049/30.123\u00a045\u201367", "0049301234567"),
    ],
)
def test_numbers_are_cleaned(tmp_path: Path, written: str, number: str) -> None:
    assert load(tmp_path, accounts=ACME.replace("12025550154", written)).accounts["acme"].tx_number == number


@pytest.mark.parametrize("written", ["ACME", "1+2", "12#", "1" * 33, "()", "١٢٣"])
def test_numbers_that_are_refused(tmp_path: Path, written: str) -> None:
    [problem] = problems(tmp_path, accounts=ACME.replace("12025550154", written))
    assert problem.startswith(
        f"accounts.conf, line 3, [ACME]: tx_number={written} is no fax number; write digits"
    )


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        ("a@b.c", ("a@b.c",)),
        ("a@b.c,\n  d@e.f , A B <g+h_i@j-k.l>,a@b.c,", ("a@b.c", "d@e.f", "g+h_i@j-k.l")),
        ("root@localhost", ("root@localhost",)),
    ],
)
def test_addresses_by_comma(tmp_path: Path, written: str, addresses: tuple[str, ...]) -> None:
    assert (
        load(tmp_path, accounts=ACME.replace("fax@example.com", written)).accounts["acme"].rx_email_to
        == addresses
    )


@pytest.mark.parametrize(
    "written",
    [
        "a",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        "a@b..c",
        ".a@b",
        "a@-b",
        "a;b@c",
        "a@b;c@d",
        "a@b <c>",
        "ü@b.c",
        "x" * 255 + "@b.c",
    ],
)
def test_addresses_that_are_refused(tmp_path: Path, written: str) -> None:
    [problem] = problems(tmp_path, accounts=ACME.replace("fax@example.com", written))
    assert "which is no mail address; write one like fax@example.com" in problem


def test_a_list_of_nothing_is_refused(tmp_path: Path) -> None:
    [problem] = problems(tmp_path, accounts=ACME.replace("fax@example.com", ", ,"))
    assert "rx_email_to=, , has no mail address in it; write one like fax@example.com" in problem


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("../ACME", "has a character that an account's name can't have; use letters"),
        (".hidden", "has a character that an account's name can't have"),
        ("A,B", "has a character that an account's name can't have"),
        ("x" * 80, "is longer than 79 bytes; shorten it"),
        ("A\x1bB", "has a control character in it; write it again by hand"),
    ],
)
def test_account_ids_that_can_be_no_file_name(tmp_path: Path, name: str, what: str) -> None:
    [problem] = problems(tmp_path, accounts=ACME.replace("[ACME]", f"[{name}]"))
    assert problem.startswith("accounts.conf, line 1: the account [")
    assert what in problem
    assert problem.isprintable()


def test_account_ids_match_without_case(tmp_path: Path) -> None:
    loaded = load(tmp_path, accounts=ACME + ACME.replace("ACME", " Grüße & Söhne ").replace("&", "und"))
    account = loaded.account("GRÜSSE UND SÖHNE")
    assert account is not None
    assert account.id == "Grüße und Söhne"
    assert loaded.account("other") is None
    assert problems(tmp_path, accounts=ACME + "[acme]\ntx_number=1") == (
        "accounts.conf, line 5: the section [acme] is there twice, first in line 1; make them one",
    )


def test_all_problems_of_both_files_at_once(tmp_path: Path) -> None:
    (tmp_path / "config.conf").write_text("[general]\ntx_wait_time=x\nno delimiter\n[server]\nport_http=y\n")
    (tmp_path / "accounts.conf").write_text("[ACME]\nrx_email_to=a@b.c\n[b]\ntx_name=\n")
    number = "tx_number is missing; add the number that faxes are sent from, e.g. tx_number=12025550154"
    name = "tx_name is missing; add the name that faxes are sent under, e.g. tx_name=ACME Corporation"
    with pytest.raises(ConfigError) as refused:
        config.load(tmp_path)
    assert refused.value.problems == (
        "config.conf, line 3: is no option; write it as name=value, or begin it with # for a comment",
        "config.conf, [general]: tx_channel is missing; add the channel that Asterisk dials faxes on,"
        " e.g. tx_channel=PJSIP/${TO}@trunk",
        "config.conf, line 2, [general]: tx_wait_time=x is no whole number; write a number from 1 to 3600",
        "config.conf, line 5, [server]: port_http=y is no whole number; write a number from 0 to 65535",
        f"accounts.conf, [ACME]: {number}",
        f"accounts.conf, [ACME]: {name}",
        "accounts.conf, [b]: rx_email_to is missing; add the address that received faxes are mailed to,"
        " e.g. rx_email_to=fax@example.com",
        f"accounts.conf, [b]: {number}",
        f"accounts.conf, [b]: {name}",
    )
    assert str(refused.value) == "\n".join(refused.value.problems)


TOGETHER = [
    (
        "tx_faxopt_minrate=9600\ntx_faxopt_maxrate=4800",
        "tx_faxopt_minrate=9600 is more than tx_faxopt_maxrate=4800",
    ),
    (
        "tx_faxopt_maxrate=33600",
        "tx_faxopt_maxrate=33600 is a rate that none of tx_faxopt_modem=v17,v27,v29 can do",
    ),
    ("tx_faxopt_modem=v17", "tx_faxopt_minrate=4800 is a rate that none of tx_faxopt_modem=v17 can do"),
    ("tmp_dir=/var/spool/asterisk/tmp", "tmp_dir=/var/spool/asterisk/tmp is rx_dir as well; choose another"),
    (
        "ast_staging_dir=/var/spool/asterisk/outgoing",
        "ast_staging_dir=/var/spool/asterisk/outgoing is ast_call_dir",
    ),
    (
        "[server]\nport_http=4573",
        "port_fagi and port_http are both 4573; choose another port for one of them",
    ),
    ("[server]\nport_http=4573\nbind=127.0.0.1", "port_fagi and port_http are both 4573"),
    (
        "[email]\nmethod=smtp\nsmtp_auth=Yes\nsmtp_auth_user=u",
        "smtp_auth_pass is missing, and smtp_auth is Yes",
    ),
    (
        "[email]\nmethod=smtp\nsmtp_auth=Yes\nsmtp_auth_pass=p",
        "smtp_auth_user is missing, and smtp_auth is Yes",
    ),
]


@pytest.mark.parametrize(("text", "what"), TOGETHER)
def test_values_that_do_not_go_together(tmp_path: Path, text: str, what: str) -> None:
    [problem] = problems(tmp_path, text)
    section = "email" if "smtp" in text else "server" if "server" in text else "general"
    assert problem.startswith(f"config.conf, [{section}]: {what}")
    assert "; " in problem


@pytest.mark.parametrize("text", ["port_http=4573\nbind=192.0.2.1", "port_http=0\nport_fagi=0"])
def test_ports_may_be_equal_on_different_addresses_and_when_any_will_do(tmp_path: Path, text: str) -> None:
    load(tmp_path, f"[server]\n{text}")


@pytest.mark.parametrize("rate", RATES)
def test_v34_can_do_every_rate(tmp_path: Path, rate: int) -> None:
    loaded = load(tmp_path, f"tx_faxopt_modem=v34\ntx_faxopt_minrate={rate}\ntx_faxopt_maxrate={rate}")
    assert loaded.general.tx_faxopt_maxrate == rate


_PASSWORD = "[email]\nmethod=smtp\nsmtp_auth=1\nsmtp_auth_user=u\nsmtp_auth_pass=secret\n"
_UNHEARD = (
    "listens for other machines, but fagi_allow lets none of them in; add the address of the Asterisk machine"
)

WARNED = [
    (
        "tx_chanel=x",
        "line 3, [general]: the option tx_chanel is unknown here and ignored; did you mean tx_channel?",
    ),
    (
        "port_http=1",
        "line 3, [general]: the option port_http is unknown here and ignored; it belongs into [server]",
    ),
    ("qwertz=1", "line 3, [general]: the option qwertz is unknown here and ignored"),
    ("[emial]\nx=1", "line 3: the section [emial] is unknown and ignored; did you mean email?"),
    ("[zzz]", "line 3: the section [zzz] is unknown and ignored"),
    (
        "[DEFAULT]\nfrom_nam=1",
        "line 4, [DEFAULT]: the option from_nam is unknown here and ignored; did you mean fr",
    ),
    ("[server]\nfagi_bind=0.0.0.0", f"[server]: fagi_bind=0.0.0.0 {_UNHEARD}"),
    ("[server]\nfagi_bind=pbx", f"[server]: fagi_bind=pbx {_UNHEARD}"),
    (
        f"{_PASSWORD}smtp_host=m.x",
        "[email]: smtp_mode is blank, so the password goes to m.x for everybody on the way",
    ),
]


@pytest.mark.parametrize(("text", "beginning"), WARNED)
def test_what_is_odd_is_a_warning(tmp_path: Path, text: str, beginning: str) -> None:
    [warning] = load(tmp_path, text).warnings
    assert warning.startswith(f"config.conf, {beginning}")
    assert ("; " in warning) == ("; " in beginning or "smtp" in text)


@pytest.mark.parametrize(
    "text",
    [
        "[server]\nfagi_bind=localhost",
        "[server]\nfagi_bind=0.0.0.0\nfagi_allow=192.0.2.0/24",
        f"{_PASSWORD}smtp_host=127.0.0.1",
        f"{_PASSWORD}smtp_host=m.x\nsmtp_mode=tls",
        "[email]\nsmtp_auth=1",
    ],
)
def test_what_is_fine_is_no_warning(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text).warnings == ()


def test_a_webhook_needs_a_secret(tmp_path: Path) -> None:
    hook = ACME + "webhook_url=https://example.com/faxes?key=1\n"
    (problem,) = problems(tmp_path, accounts=hook)
    assert problem.startswith(
        "accounts.conf, [ACME]: webhook_secret is missing, without which nobody could tell"
    )
    assert problem.endswith("add webhook_secret, made by: openssl rand -hex 32")
    account = load(tmp_path, accounts=hook + "webhook_secret=x\n").account("acme")
    assert account is not None
    assert account.webhook_url == "https://example.com/faxes?key=1"


def test_no_accounts_is_a_warning(tmp_path: Path) -> None:
    [warning] = load(tmp_path, accounts="# none yet\n").warnings
    assert warning.startswith("accounts.conf has no accounts: nobody can sign in")
    assert warning.endswith("add a section like [ACME] with rx_email_to, tx_number and tx_name")


def test_default_sections_hold_for_all_accounts(tmp_path: Path) -> None:
    text = "[DEFAULT]\nrx_email_to=fax@example.com\ntx_name=House\nodd=1\n"
    text += "[a]\ntx_number=1\n[b]\ntx_number=2\ntx_name=B\nstrange=1"
    loaded = load(tmp_path, "[DEFAULT]\nport_http=81\ndebug=yes", text)
    assert [(account.id, account.tx_name) for account in loaded.accounts.values()] == [
        ("a", "House"),
        ("b", "B"),
    ]
    assert (loaded.server.port_http, loaded.logging.debug) == (81, True)
    assert loaded.warnings == (
        "accounts.conf, line 10, [b]: the option strange is unknown here and ignored",
        "accounts.conf, line 4, [DEFAULT]: the option odd is unknown here and ignored",
    )


def test_directories_beside_the_call_directory(tmp_path: Path) -> None:
    general = load(tmp_path, "ast_call_dir=/srv/pbx/outgoing\nast_done_dir=/srv/done").general
    assert (general.ast_staging_dir, general.ast_done_dir) == (Path("/srv/pbx/nexefax"), Path("/srv/done"))
    assert General(tx_channel="x").ast_done_dir == Path("/var/spool/asterisk/outgoing_done")


def test_a_host_whose_name_is_no_mail_domain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "büro-pc")
    assert load(tmp_path).email.from_email == "nexefax@localhost"


def test_secrets_are_in_no_error_and_no_repr(tmp_path: Path) -> None:
    secret = "Tr0ub4dor"
    [problem] = problems(tmp_path, f"[email]\nsmtp_auth_pass={secret}\x01\n")
    assert problem == (
        "config.conf, line 4, [email]: smtp_auth_pass has a control character in it; write it again by hand,"
        " without copying it"
    )
    loaded = load(tmp_path, f"[email]\nsmtp_auth_pass={secret}\n")
    assert loaded.email.smtp_auth_pass == secret
    assert secret not in repr(loaded)
    assert all(
        secret not in problem
        for problem in problems(tmp_path, f"[email]\nsmtp_auth_pass={secret}\n{secret}\n")
    )


def test_missing_files_and_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "accounts.conf").mkdir()
    with pytest.raises(ConfigError) as refused:
        config.load(tmp_path)
    assert refused.value.problems == (
        f"{tmp_path}/config.conf is missing; copy the sample of this name from conf-samples there",
        f"{tmp_path}/accounts.conf can't be read: Is a directory; put a readable file there",
    )


def test_files_without_permission(tmp_path: Path) -> None:
    load(tmp_path)
    (tmp_path / "accounts.conf").chmod(0)
    if os.access(tmp_path / "accounts.conf", os.R_OK):
        pytest.skip("root reads everything")
    with pytest.raises(ConfigError, match="may not be read by this user; run: chgrp asterisk"):
        config.load(tmp_path)


def test_files_in_another_encoding_and_with_a_mark(tmp_path: Path) -> None:
    load(tmp_path)
    (tmp_path / "accounts.conf").write_bytes(ACME.encode() + "info_name=Müller\n".encode("latin-1"))
    with pytest.raises(ConfigError) as refused:
        config.load(tmp_path)
    assert refused.value.problems == (
        "accounts.conf, line 5: has a character that is not UTF-8; save the file as UTF-8",
    )
    (tmp_path / "accounts.conf").write_bytes((ACME + "info_name=Müller\r\n").encode("utf-8-sig"))
    assert config.load(tmp_path).accounts["acme"].info_name == "Müller"


def test_huge_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LARGEST_FILE", 90)
    [problem] = problems(tmp_path, accounts=ACME + "#" * 90)
    assert (
        problem
        == f"{tmp_path}/accounts.conf has more than 90 bytes, which is no configuration file; put one there"
    )


def test_auth_files_in_either_case(tmp_path: Path) -> None:
    loaded = load(tmp_path, accounts=ACME.replace("[ACME]", "[Acme]"))
    account = loaded.accounts["acme"]
    assert config.auth_file(loaded, account) is None
    auth = tmp_path / "auth"
    (auth / "Acme").mkdir(parents=True)  # a directory is no auth file
    assert config.auth_file(loaded, account) is None
    (auth / "Acme").rmdir()
    for name in ("ACME", "acme", "Acme"):
        (auth / name).touch()
        assert config.auth_file(loaded, account) == auth / name


OPTIONS = [(section, name) for section, kind in SECTIONS.items() for name in options_of(kind)]


@given(st.lists(st.tuples(st.sampled_from(OPTIONS), st.text(max_size=30)), max_size=6), st.text(max_size=60))
def test_whatever_is_written_there_is_a_configuration_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, options: list[tuple[tuple[str, str], str]], accounts: str
) -> None:
    directory = tmp_path_factory.mktemp("etc")
    text = "".join(f"[{section}]\n{name}={value}\n" for (section, name), value in options)
    (directory / "config.conf").write_text(GENERAL + text, newline="")
    (directory / "accounts.conf").write_text(accounts, newline="")
    try:
        loaded = config.load(directory)
    except ConfigError as refused:
        assert refused.problems
        assert all(problem.isprintable() and "; " in problem for problem in refused.problems)
    else:
        assert all(warning.isprintable() for warning in loaded.warnings)
        for section, name in OPTIONS:
            value = getattr(getattr(loaded, section), name)
            assert not isinstance(value, str) or not kinds.control_characters(value)


def test_accounts_know_nothing_of_the_installation_by_themselves() -> None:
    account = Account(id="ACME", rx_email_to=("a@b.c",), tx_number="1", tx_name="A")
    assert (account.tx_channel, account.tx_resolution, account.tx_fit, account.rx_format) == ("", "", "", "")
