"""Forms: urlencoded and multipart (RFC 7578), their files streamed to disk."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nexefax.errors import HttpError
from nexefax.httpd.files import remove_quietly
from nexefax.httpd.request import Request, too_large
from nexefax.httpd.target import decode_pairs
from nexefax.httpd.threads import run_to_end

if TYPE_CHECKING:
    from multipart import MultipartSegment, PushMultipartParser

# A field is something that a person typed: a long message is 5,000 characters.
MOST_FIELD_BYTES: Final = 65536
# Fields and files of one form; ours have about five.
MOST_PARTS: Final = 64
# Bytes gathered before a thread writes them: fewer trips, little memory.
_WRITE_AT: Final = 262144


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file of a form. ``filename`` is what the browser says, only data; ``path`` is ours; ``size`` in bytes."""

    field: str
    filename: str
    path: Path
    size: int

    async def discard(self) -> None:
        """Remove the file if it is still where it was put."""
        await run_to_end(remove_quietly, self.path)


@dataclass(slots=True)
class Form:
    """The fields (the first of a name counts; ``repeated`` has all) and files of a form."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[UploadedFile] = field(default_factory=list)
    repeated: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, value: str) -> None:
        """Take a field in."""
        self.fields.setdefault(name, value)
        self.repeated.setdefault(name, []).append(value)

    async def discard(self) -> None:
        """Remove the files that are still where they were put."""
        await run_to_end(remove_quietly, *(file.path for file in self.files))


async def read_json(request: Request, *, max_bytes: int) -> Any:
    """The value in the request's body, which must be JSON in UTF-8 (RFC 8259).

    Raises:
        HttpError: 400 for what is no JSON, 411 without a length, 413 for more than ``max_bytes``, 415 for
            another kind of body; and as ``body``.
    """
    if _kind(request) != "application/json":
        raise HttpError(415, "Send JSON: application/json.")
    _expect_length(request)
    body = await request.read(max_bytes)
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise HttpError(400, "The body of the request is no JSON.") from error


def _kind(request: Request) -> str:
    return request.headers.get("content-type").partition(";")[0].strip().lower()


def _expect_length(request: Request) -> None:
    """Who sends something must say how much, or send it in chunks (RFC 9110 section 15.5.12)."""
    if not request.has_length:
        raise HttpError(411, "The request must state its length.")


async def read_form(request: Request, *, directory: Path, max_bytes: int) -> Form:
    """Read the form in the request's body.

    Args:
        directory: where files are put, under names of ours, readable by us alone; not fsynced.
        max_bytes: the most that the whole body may have.

    Raises:
        HttpError: 400 for what is no form, 411 without a length, 413 for too much, 415 for
            another kind of body; and as ``body``.
        OSError: a file can't be written; none is left behind.
    """
    kind = _kind(request)
    if kind == "multipart/form-data":
        _expect_length(request)
        request.expect_at_most(max_bytes)
        return await _read_multipart(request, directory, max_bytes)
    if kind == "application/x-www-form-urlencoded" or (not kind and request.length == 0):
        if kind:
            _expect_length(request)
        body = await request.read(min(max_bytes, MOST_FIELD_BYTES * 2))
        return _urlencoded(body)
    raise HttpError(415, "Send a form: multipart/form-data or application/x-www-form-urlencoded.")


async def read_file(request: Request, *, directory: Path, max_bytes: int) -> UploadedFile:
    """Put the request's body, of whatever kind, into a file, as :func:`read_form` does with one of a form.

    Raises:
        HttpError: 411 without a length, 413 for too much; and as ``body``.
        OSError: the file can't be written; none is left behind.
    """
    _expect_length(request)
    request.expect_at_most(max_bytes)
    parts = _Parts(directory)
    parts.open("", "")
    await _stream(request, parts, max_bytes, parts.add)
    return parts.form.files[0]


def _urlencoded(body: bytes) -> Form:
    try:
        pairs = decode_pairs(body.decode("ascii"))
    except UnicodeDecodeError:
        raise HttpError(400, "The form is not urlencoded.") from None
    form = Form()
    for name, value in pairs:
        form.add(name, value)
    if len(form.fields) > MOST_PARTS:
        raise HttpError(400, "The form has too many fields.")
    return form


async def _read_multipart(request: Request, directory: Path, max_bytes: int) -> Form:
    parts = _Parts(directory)
    parser = _parser(request, max_bytes)
    await _stream(request, parts, max_bytes, lambda piece: _feed(parser, parts, piece))
    return parts.form


async def _stream(request: Request, parts: _Parts, max_bytes: int, feed: Callable[[bytes], None]) -> None:
    """Feed the body's pieces, an empty one at its end; ``parts`` are files then, or gone."""
    size = 0
    whole = False
    try:
        async for piece in request.body:
            size += len(piece)
            if size > max_bytes:
                raise too_large(max_bytes)
            feed(piece)
            if parts.waiting >= _WRITE_AT:
                await run_to_end(parts.flush)
        feed(b"")
        await run_to_end(parts.finish)
        whole = True
    finally:
        if not whole:
            await run_to_end(parts.drop)


def _parser(request: Request, max_bytes: int) -> PushMultipartParser:
    from multipart import MultipartError, PushMultipartParser, parse_options_header

    _, options = parse_options_header(request.headers.get("content-type"))
    try:
        return PushMultipartParser(
            options.get("boundary", ""), max_segment_size=max_bytes, max_segment_count=MOST_PARTS
        )
    except MultipartError as error:
        raise _no_form(error) from error


def _feed(parser: PushMultipartParser, parts: _Parts, piece: bytes) -> None:
    """Give bytes to the parser; an empty piece is the end."""
    from multipart import MultipartError, ParserLimitReached

    try:
        if not piece:
            parser.close()
            return
        for event in parser.parse(piece):
            parts.take(event)
    except ParserLimitReached as error:
        raise HttpError(413, f"The form has too much of something: {error}.") from error
    except MultipartError as error:
        raise _no_form(error) from error


def _no_form(error: Exception) -> HttpError:
    return HttpError(400, f"The form can't be read: {error}.")


@dataclass(slots=True)
class _Upload:
    """A file that is coming in. ``gathered`` waits to be written by a thread."""

    name: str
    filename: str
    path: Path
    gathered: list[bytes] = field(default_factory=list)
    file: FileIO | None = None
    size: int = 0


class _Parts:
    """The parts of one form. ``take`` only gathers; ``flush``, ``finish`` and ``drop`` block on the disk."""

    def __init__(self, directory: Path) -> None:
        self.form = Form()
        self.waiting = 0
        self._directory = directory
        self._uploads: list[_Upload] = []
        self._segment: MultipartSegment | None = None
        self._text = bytearray()

    def take(self, event: MultipartSegment | bytearray | None) -> None:
        """Take what the parser found: the head of a part, some of its body, or its end (None)."""
        if event is None:
            self._end_of_part()
        elif isinstance(event, bytearray | bytes):
            self._body(bytes(event))
        else:
            self._segment = event
            self._text.clear()
            if event.filename is not None:
                self.open(event.name or "", event.filename)

    def open(self, name: str, filename: str) -> None:
        """Begin a file."""
        path = self._directory / f"upload-{secrets.token_hex(16)}"
        self._uploads.append(_Upload(name, filename, path))

    def add(self, piece: bytes) -> None:
        """Take a piece of the file that was begun last."""
        self._uploads[-1].gathered.append(piece)
        self.waiting += len(piece)

    def _body(self, piece: bytes) -> None:
        if self._segment is not None and self._segment.filename is not None:
            self.add(piece)
            return
        self._text += piece
        if len(self._text) > MOST_FIELD_BYTES:
            raise HttpError(
                413, f"A field of the form is too long: at most {MOST_FIELD_BYTES} bytes are taken."
            )

    def _end_of_part(self) -> None:
        if self._segment is not None and self._segment.filename is None:
            # Browsers send the page's charset, UTF-8; a program that sends another is told so by its odd letters.
            self.form.add(self._segment.name or "", self._text.decode("utf-8", "replace"))
        self._segment = None

    def flush(self) -> None:
        """Write what is gathered."""
        for upload in self._uploads:
            for piece in upload.gathered:
                if upload.file is None:
                    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                    upload.file = FileIO(os.open(upload.path, flags, 0o600), "wb")
                _write_all(upload.file, piece)
                upload.size += len(piece)
            upload.gathered.clear()
        self.waiting = 0

    def finish(self) -> None:
        """Write the rest; every upload is then a file, an empty one too."""
        self.flush()
        for upload in self._uploads:
            if upload.file is None:
                upload.path.touch(0o600, exist_ok=False)
            else:
                upload.file.close()
            self.form.files.append(UploadedFile(upload.name, upload.filename, upload.path, upload.size))

    def drop(self) -> None:
        """Close and remove everything."""
        for upload in self._uploads:
            if upload.file is not None:
                upload.file.close()
        remove_quietly(*(upload.path for upload in self._uploads))


def _write_all(file: FileIO, piece: bytes) -> None:
    """A raw write may take less than it is given, on a disk that is nearly full."""
    rest = memoryview(piece)
    while rest:
        rest = rest[file.write(rest) or 0 :]
