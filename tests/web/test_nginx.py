"""The sample for nginx, in the real nginx, in front of the real site."""

from __future__ import annotations

import asyncio
import datetime
import http.client
import logging
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.web.client import Client
from tests.web.ground import PASSWORD, Installation, Tray
from tests.web.running import Running

SAMPLE = Path(__file__).parents[2] / "http-samples" / "nginx.conf"
NAME = "fax.example.net"
BOB = {"account": "ACME", "user": "bob.smith", "password": PASSWORD}
FORM = {"fax_to": "202 555 0199", "subject": "", "message": ""}
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 2000


def certificate(folder: Path) -> None:
    """A self-signed certificate for the sample's name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def configuration(folder: Path, upstream: int, plain: int, tls: int) -> str:
    """The sample with the test's ports and certificate, inside what /etc/nginx/nginx.conf would be."""
    sample = re.sub(r"(?m)^\s*(#.*|listen \[::\].*)$", "", SAMPLE.read_text())
    for old, new in (
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ", f"listen 127.0.0.1:{tls} "),
        ("/etc/ssl/fax.example.net/", f"{folder}/"),
        ("127.0.0.1:3298", f"127.0.0.1:{upstream}"),
    ):
        assert sample.count(old) >= 1, old
        sample = sample.replace(old, new)
    folders = "\n".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{folders}\n{sample}\n}}\n"
    )


class ThroughNginx(Client):
    """Speaks HTTPS to nginx from an address that is no trusted proxy's, as everybody else's."""

    def __init__(self, folder: Path, plain: int, tls: int) -> None:
        super().__init__(tls)
        self.plain = plain
        self.trust = ssl.create_default_context(cafile=folder / "fullchain.pem")
        self.certificate = folder / "fullchain.pem"

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPSConnection(
            NAME, self.port, timeout=30, context=self.trust, source_address=("127.0.0.2", 0)
        )
        # The name is the certificate's; the way there is loopback.
        connection._create_connection = lambda _address, timeout, source: socket.create_connection(  # type: ignore[attr-defined]  # the only door
            ("127.0.0.1", self.port), timeout, source
        )
        return connection


@pytest.fixture
async def nginx(running: Running, tmp_path: Path) -> AsyncIterator[ThroughNginx]:
    folder = tmp_path / "nginx"
    folder.mkdir()
    certificate(folder)
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None, "nginx-light is missing"
    plain, tls = free_port(), free_port()
    (folder / "nginx.conf").write_text(configuration(folder, running.port, plain, tls))
    process = await asyncio.create_subprocess_exec(
        program, "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"
    )
    while process.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", tls)
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        await writer.wait_closed()
        break
    assert process.returncode is None, (folder / "error.log").read_text()
    yield ThroughNginx(folder, plain, tls)
    process.terminate()
    await process.wait()


async def test_a_fax_is_sent_through_nginx(nginx: ThroughNginx, tray: Tray) -> None:
    origin = {"Origin": f"https://{NAME}:{nginx.port}"}
    reply = await nginx.post("/api/login", BOB, **origin)
    assert reply.status == 200, reply.text
    assert "; Secure; HttpOnly; SameSite=Lax" in reply.headers["Set-Cookie"]
    assert reply.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert len(reply.headers.get_all("Content-Security-Policy") or ()) == 1
    reply = await nginx.post_multipart("/api/send", FORM, {"fax_file": ("a.pdf", PDF)}, **origin)
    assert (reply.status, reply.json["fax"]) == (200, 12)
    assert tray.taken[0].document == PDF


async def test_the_log_names_the_client_whatever_he_claims(
    nginx: ThroughNginx, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nexefax.web.auth")
    await nginx.post("/api/login", BOB, X_Forwarded_For="203.0.113.66")
    assert "from 127.0.0.2" in caplog.text
    assert "203.0.113.66" not in caplog.text


async def test_another_sites_form_is_refused_behind_nginx_too(nginx: ThroughNginx) -> None:
    assert (await nginx.post("/api/login", BOB, Origin="https://evil.example")).status == 403


async def test_plain_http_is_sent_to_https(nginx: ThroughNginx) -> None:
    reply = await Client(nginx.plain).get("/login", Host=NAME)
    assert (reply.status, reply.location) == (301, f"https://{NAME}/login")


async def test_what_is_too_large_is_said_by_nexefax(nginx: ThroughNginx, installation: Installation) -> None:
    await nginx.post("/api/login", BOB)
    large = b"%PDF-" + b"x" * (3 << 20)
    reply = await nginx.post_multipart("/api/send", FORM, {"fax_file": ("a.pdf", large)})
    assert (reply.status, reply.json["field"]) == (413, "fax_file")
    assert installation.leftovers() == []


async def test_a_large_upload_of_somebody_signed_out_is_redirected(nginx: ThroughNginx) -> None:
    reply = await nginx.post_multipart("/api/send", FORM, {"fax_file": ("a.pdf", PDF)})
    assert (reply.status, reply.location) == (302, "/login")


async def test_http2_names_the_same_host(nginx: ThroughNginx) -> None:
    """Browsers speak HTTP/2 to nginx: the host must still be the one that Origin names."""
    command = [
        *("curl", "--silent", "--http2", "--cacert", str(nginx.certificate)),
        *("--resolve", f"{NAME}:{nginx.port}:127.0.0.1", "--header", f"Origin: https://{NAME}:{nginx.port}"),
        *("--data", "account=ACME", "--write-out", " %{http_version} %{http_code}"),
        f"https://{NAME}:{nginx.port}/api/login",
    ]
    asked = await asyncio.to_thread(
        lambda: subprocess.run(command, capture_output=True, check=True, timeout=30, text=True)
    )
    assert asked.stdout == '{"result":"error","error":"Invalid Login Credentials"} 2 400'
