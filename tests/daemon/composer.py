"""Somebody who composes faxes through the API of a whole daemon."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from PIL import Image

from tests.daemon.conftest import House, wait_until
from web_client import Refused


@dataclass
class Composer:
    """One signed-in user at the API of drafts; what is refused raises Refused."""

    house: House

    def __post_init__(self) -> None:
        self._cookie = f"nexefax-session={self.house.sign_in().session}"

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> bytes:
        headers = {"Cookie": self._cookie} | ({"Content-Type": kind} if kind else {})
        request = urllib.request.Request(f"{self.house.nexefax.url}{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                content: bytes = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(error.code, error.read().decode(errors="replace")) from error
        return content

    def tell(self, method: str, path: str, body: object = None) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        answer = self.ask(method, f"/api/drafts{path}", sent, "application/json" if sent else "")
        return json.loads(answer)

    def compose(self, *documents: bytes, **content: object) -> str:
        draft: str = self.tell("POST", "", {})["id"]
        for number, document in enumerate(documents, 1):
            path = f"/api/drafts/{draft}/documents?name={number}.pdf"
            self.ask("POST", path, document, "application/octet-stream")
        self.tell("PATCH", f"/{draft}", content)
        return draft

    def pixels(self, draft: str) -> list[Image.Image]:
        """The pages that are shown to be sent, when all are drawn."""
        seen = wait_until(lambda: None if (found := self.tell("GET", f"/{draft}"))["busy"] else found)
        pages = [page for page in [*seen["cover_pages"], *seen["pages"]] if not page["left_out"]]
        pictures = [self.ask("GET", f"{page['image']}&size=full") for page in pages]
        return [Image.open(io.BytesIO(picture)).convert("1") for picture in pictures]

    def send(self, draft: str) -> list[int]:
        return [fax["id"] for fax in self.tell("POST", f"/{draft}/send", {})["faxes"]]
