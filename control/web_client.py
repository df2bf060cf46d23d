"""The HTTP endpoints as a program uses them: sign in, send, ask. Only the standard library."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any


class Refused(Exception):
    """The server answered with an error; the text is its sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class WebClient:
    """One signed-in user at ``url``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.session = ""

    def sign_in(self, account: str, user: str, password: str) -> None:
        """Sign in. Raises Refused."""
        fields = {"account": account, "user": user, "password": password}
        self.session = self._post(
            "/api/login", urllib.parse.urlencode(fields).encode(), "application/x-www-form-urlencoded"
        )["data"]

    def send(
        self, number: str, document: Path, *, subject: str = "", message: str = "", request_id: str = ""
    ) -> int:
        """Hand in a document and return its fax's number; with one ``request_id`` it is taken once. Raises Refused."""
        boundary = secrets.token_hex(16)
        fields = {"fax_to": number, "subject": subject, "message": message, "request_id": request_id}
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
            if value
        ]
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="fax_file"; filename="{document.name}"\r\n'
            "Content-Type: application/pdf\r\n\r\n"
        ).encode()
        body = b"".join(parts) + head + document.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        answer = self._post("/api/send", body, f"multipart/form-data; boundary={boundary}")
        return int(answer["fax"])

    def status(self) -> dict[str, Any]:
        """Ask who is signed in. Raises Refused."""
        return self._post("/api/status", b"", "application/x-www-form-urlencoded")

    def _post(self, path: str, body: bytes, content_type: str) -> dict[str, Any]:
        request = urllib.request.Request(
            self._url + path,
            data=body,
            headers={"Content-Type": content_type, "Cookie": f"nexefax-session={self.session}"},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                answer: dict[str, Any] = json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
            try:
                sentence = json.loads(text)["error"]
            except (ValueError, KeyError):
                sentence = text
            raise Refused(error.code, sentence) from error
        return answer
