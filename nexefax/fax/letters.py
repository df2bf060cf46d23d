"""Letters of the outbox, put together from the journal and the files at each delivery."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from nexefax.config import Account, Config
from nexefax.errors import ChildError, MailDelayed, MailRefused, MailTooLarge
from nexefax.fax import mail_records, notices, records
from nexefax.fax.commands import Letter as Kind
from nexefax.fax.fault_log import tell_fault
from nexefax.fax.folders import Folders
from nexefax.fax.forwarded_letter import forwarded_letter
from nexefax.fax.large_faxes import kept_sentences
from nexefax.fax.mail import Attachment, Letter, Mailer
from nexefax.fax.page_images import PageImages
from nexefax.fax.reports import REPORTED, Reports
from nexefax.store import Journal

log = logging.getLogger("nexefax.mail")

PDF, TIFF = ("application", "pdf"), ("image", "tiff")


class Letters:
    """Writes and sends the letter of a row of the outbox; nothing of it is kept but its Message-ID and date."""

    def __init__(
        self,
        journal: Journal,
        folders: Folders,
        config: Callable[[], Config],
        images: PageImages | None = None,
    ) -> None:
        self._journal = journal
        self._folders = folders
        self._config = config
        self._images = images or PageImages(config)
        self._reports = Reports(journal, config, self._images)

    async def deliver(self, mail: mail_records.Mail, fax: records.Fax) -> None:
        """Deliver the letter ``mail`` about ``fax``. Raises MailDelayed or MailRefused."""
        config = self._config()
        account = config.account(fax.account)
        if account is None:
            raise MailDelayed(f"accounts.conf has no account {fax.account!r} any more; add it again")
        if mail.kind == Kind.FORWARDED and fax.files_deleted is not None:
            raise MailRefused("its pages are no longer kept")
        files = await self._files(mail, fax, account)
        if mail.kind in (Kind.RECEIVED, Kind.FORWARDED) and not files:
            raise MailDelayed(
                f"its files are missing in {self._folder(fax)}; restore that folder from the backup"
            )
        mailer = Mailer(config.email, config.general.tmp_dir)
        is_heavy = await asyncio.to_thread(size_of, files) > config.email.mail_max_mb << 20
        write = partial(self._write, mail, fax, account, files, await self._report(mail, fax))
        letter = await write(leave_out=is_heavy)
        try:
            accepted = await mailer.deliver(letter, attempt=mail.attempts)
        except MailTooLarge as error:
            if is_heavy or not files:
                raise
            log.warning(
                "fax %d: %s; the mail goes without the fax. Set mail_max_mb in config.conf, [email]",
                fax.id,
                error,
            )
            letter = await write(leave_out=True)
            accepted = await mailer.deliver(letter, attempt=mail.attempts)
        for address, words in accepted.refused:
            log.warning("fax %d: the mail server refuses %s alone: %s", fax.id, address, words)

    async def _write(
        self,
        mail: mail_records.Mail,
        fax: records.Fax,
        account: Account,
        files: tuple[Attachment, ...],
        report: tuple[Attachment, ...],
        *,
        leave_out: bool,
    ) -> Letter:
        attempts = await self._journal.read(lambda connection: records.attempts_of(connection, fax.id))
        kept = await asyncio.to_thread(self._kept, fax, account, files) if leave_out else ""
        attachments = report if leave_out else (*files, *report)
        email = self._config().email
        date = datetime.fromtimestamp(mail.created).astimezone()
        if mail.kind == Kind.FORWARDED:
            return forwarded_letter(mail, fax, account, email, date=date, attachments=attachments, kept=kept)
        if mail.kind == Kind.RECEIVED:
            return notices.received_letter(
                fax,
                account,
                email,
                date=date,
                attachments=attachments,
                kept=kept,
                message_id=mail.message_id,
            )
        write = notices.sent_letter if mail.kind == Kind.SENT else notices.failed_letter
        return write(
            fax,
            attempts,
            account,
            email,
            date=date,
            attachments=attachments,
            kept=kept,
            message_id=mail.message_id,
        )

    def _kept(self, fax: records.Fax, account: Account, files: tuple[Attachment, ...]) -> str:
        config = self._config()
        paths = [file.path for file in files]
        if fax.direction == "out":  # what is on the page is the TIFF; a PDF of it is made for the moment
            paths = [self._folders.fax_tiff(fax.id)]
        return kept_sentences(
            fax,
            account,
            megabytes=size_of(files) / (1 << 20),
            files=paths,
            public_url=config.server.public_url,
            days=config.general.retention_days,
        )

    async def _files(
        self, mail: mail_records.Mail, fax: records.Fax, account: Account
    ) -> tuple[Attachment, ...]:
        """What the letter brings."""
        if mail.kind == Kind.FORWARDED and fax.direction == "out":
            made = await self._images.pdf(fax)
            return () if made is None else _present((made.path, f"{notices.file_stem(fax)}.pdf", PDF))
        return await asyncio.to_thread(self._kept_files, mail, fax, account)

    def _kept_files(
        self, mail: mail_records.Mail, fax: records.Fax, account: Account
    ) -> tuple[Attachment, ...]:
        stem = notices.file_stem(fax)
        if mail.kind in (Kind.SENT, Kind.FAILED):
            return _present((self._folders.fax_tiff(fax.id), f"{stem}.tiff", TIFF))
        pdf = (self._folders.received_pdf(fax.id), f"{stem}.pdf", PDF)
        tiff = (self._folders.received_tiff(fax.id), f"{stem}.tiff", TIFF)
        if mail.kind == Kind.FORWARDED:
            return _present(pdf) or _present(tiff)
        wanted = account.rx_format or self._config().general.rx_format
        if wanted == "tiff":
            return _present(tiff)
        if wanted == "both" or fax.tiff_wanted:
            return _present(pdf, tiff)
        return _present(pdf) or _present(tiff)

    async def _report(self, mail: mail_records.Mail, fax: records.Fax) -> tuple[Attachment, ...]:
        """The confirmation report that goes with the notice of success; without it the notice goes all the same."""
        if mail.kind != Kind.SENT or fax.state not in REPORTED:
            return ()
        try:
            made = await self._reports.report(fax)
        except (ChildError, OSError) as error:
            log.warning("fax %d: its mail goes without the confirmation report: %s", fax.id, error)
            return ()
        except Exception as error:  # a mistake of ours in what only goes with a notice must not keep it back
            tell_fault(error, "fax %d: its mail goes without the confirmation report", fax.id)
            return ()
        return _present((made.path, f"{notices.file_stem(fax)}-report.pdf", PDF))

    def _folder(self, fax: records.Fax) -> Path:
        return self._folders.received_fax(fax.id) if fax.direction == "in" else self._folders.sent_fax(fax.id)


def size_of(files: tuple[Attachment, ...]) -> int:
    """Return the bytes that files have together; one that has vanished has none. Blocks."""
    size = 0
    for file in files:
        with suppress(FileNotFoundError):
            size += file.path.stat().st_size
    return size


def _present(*files: tuple[Path, str, tuple[str, str]]) -> tuple[Attachment, ...]:
    return tuple(Attachment(path, name, subtype) for path, name, subtype in files if path.exists())
