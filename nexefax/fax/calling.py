"""Attempts: handed to Asterisk one by one, and judged when they are over."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

from nexefax.config import Account, Config, General
from nexefax.durable import remove_temporaries, sync_folder, write_file
from nexefax.errors import SpoolError
from nexefax.fax import events, job, records
from nexefax.fax.bookkeeper import Bookkeeper
from nexefax.fax.callfile import Call, call_text, hang_up_text, header_text, read_channel, station_id
from nexefax.fax.cause import Cause, Ending
from nexefax.fax.clock_watch import ClockWatch, shift_attempts, take_attempts_back
from nexefax.fax.convert.continued import write_continuation
from nexefax.fax.evidence import look_at, running_since
from nexefax.fax.folders import Folders, with_suffix
from nexefax.fax.reconcile import Ended, HandOver, Seen, Verdict, Wait, judge
from nexefax.fax.retry import MEMORY_DAYS, Line, line_with

log = logging.getLogger("nexefax.fax")

SPOOL_RETRY = 60.0  # seconds until a spool that can't be used is tried again
CALL_SETUP_SECONDS = 120.0  # T.38 negotiation, training, and the hangup, on top of ringing
UNTAKEN_SECONDS = 120.0  # Asterisk looks into its spool every second
PAGE_OVERHEAD_SECONDS = 30.0  # between two pages: retraining and repeated confirmations


class Calling:
    """Makes the attempts of faxes that are ready."""

    def __init__(self, bookkeeper: Bookkeeper, folders: Folders) -> None:
        self._bookkeeper = bookkeeper
        self._journal = bookkeeper.journal
        self._folders = folders
        # A call file is staged, judged or cleared away, never two of these
        self._one_at_a_time = asyncio.Lock()
        bookkeeper.stop_call = self.settle  # which sees that it is cancelled
        self._untaken: set[tuple[int, int]] = set()  # call files that a running Asterisk leaves alone
        self._stuck: set[tuple[int, int]] = set()  # call files that can't be removed
        self._clock = ClockWatch()
        self._asterisk_by_old_clock: float | None = None

    @property
    def _config(self) -> Config:
        return self._bookkeeper.config()

    async def call(self, fax: records.Fax) -> None:
        """Make the next attempt of a fax that is ready; a spool that can't be used costs no attempt."""
        account = self._config.account(fax.account)
        if account is None:
            reason = (
                f"the account {fax.account} is no longer in accounts.conf; add it again, and the fax is sent"
            )
            if fax.reason != reason:
                log.error("fax %d: %s", fax.id, reason)
            await self._bookkeeper.record(fax.id, events.CallDeferred(time.time() + SPOOL_RETRY, reason))
            return
        if await self._known_better(fax):
            return
        fax = await self._with_memory(fax)
        async with self._one_at_a_time:
            try:
                await asyncio.to_thread(self._stage, fax, account, fax.attempts + 1)
            except OSError as error:
                await self.defer(fax, error)
                return
            await self._place(fax, fax.attempts + 1)

    async def _with_memory(self, fax: records.Fax) -> records.Fax:
        """Begin a fax with the settings that its number took lately."""
        if fax.attempts:
            return fax
        since = time.time() - MEMORY_DAYS * 86_400
        settings = await self._journal.read(lambda c: records.remembered_line(c, fax.number, since))
        return replace(fax, line_settings=settings)

    async def _known_better(self, fax: records.Fax) -> bool:
        """Look once more at attempts whose outcome was unknown before the next one: a report may lie there by now.

        The same goes for an attempt that the journal does not know though its files are there, after an older journal
        was restored. True when nothing is to be dialled now.
        """
        following = fax.attempts + 1
        if await asyncio.to_thread(self._was_dialled, fax.id, following):
            async with self._one_at_a_time:
                await self._place(fax, following)
        else:
            for row in await self._journal.read(lambda c: records.attempts_of(c, fax.id)):
                if row.cause == Cause.UNKNOWN:
                    await self.settle(fax.id, row.number)
        now = await self._journal.read(lambda c: records.load_fax(c, fax.id))
        return now is None or now.state != job.State.READY

    def _was_dialled(self, fax_id: int, attempt: int) -> bool:
        stem = self._folders.stem(fax_id, attempt)
        return any(with_suffix(stem, suffix).exists() for suffix in (".started", ".outcome"))

    async def _place(self, fax: records.Fax, attempt: int) -> None:
        await self._heed_clock()
        now = time.time()
        row = records.Attempt(
            fax.id,
            attempt,
            now,
            self._deadline(fax, now),
            first_page=fax.first_page,
            line_settings=fax.line_settings,
        )

        def count_it(connection: sqlite3.Connection, after: records.Fax) -> None:
            if after.state == job.State.CALLING:
                records.save_attempt(connection, row)

        placed = await self._bookkeeper.record(fax.id, events.CallPlaced(fax.line_settings), also=count_it)
        if placed is None or placed.fax.state != job.State.CALLING:
            # a late report has just said that an earlier attempt arrived
            await asyncio.to_thread(self._bookkeeper.spool.withdraw, fax.id, attempt)
            return
        await self._hand_over(fax.id, attempt)

    async def settle(self, fax_id: int, attempt: int) -> None:
        """Look at what is known of an attempt and believe it. Safe to call at any time, however often."""
        async with self._one_at_a_time:
            await self._heed_clock()
            row = await self._journal.read(lambda c: records.load_attempt(c, fax_id, attempt))
            fax = await self._journal.read(lambda c: records.load_fax(c, fax_id))
            if row is None or fax is None:
                log.warning("fax %d: a report came for attempt %d, which was never made", fax_id, attempt)
                return
            evidence = await asyncio.to_thread(
                look_at, self._folders, self._bookkeeper.spool, self._config.general.ast_control, row, fax
            )
            seen = evidence.seen
            if seen.asterisk_since == self._asterisk_by_old_clock:
                seen = replace(seen, asterisk_since=None)
            verdict = judge(seen, time.time())
            self._tell_untaken(row, seen)
            if fax.cancelled_by and not isinstance(verdict, Ended):
                verdict = await self._stop(row, seen, verdict)
            if isinstance(verdict, HandOver):
                await self._hand_over(fax_id, attempt)
            elif isinstance(verdict, Ended):
                await self._end(row, verdict, evidence.line)

    async def _stop(self, row: records.Attempt, seen: Seen, verdict: Wait | HandOver) -> Verdict:
        """End a cancelled fax's call by what there is for it; safe to do again until it has ended."""
        try:
            if await asyncio.to_thread(self._stopped_before, row, seen):
                return Ended(Ending(Cause.CANCELLED, "cancelled before it was dialled"))
        except OSError as error:
            log.error("fax %d: attempt %d can't be ended, trying again: %s", row.fax, row.number, error)
        # a staged call file must not be handed over any more; what rings meets the dialplan's guard
        return Wait(time.time()) if isinstance(verdict, HandOver) else verdict

    def _stopped_before(self, row: records.Attempt, seen: Seen) -> bool:
        """Keep an attempt from being made, or hang up; whether it is certain that it is not made."""
        stem = self._folders.stem(row.fax, row.number)
        cancel = with_suffix(stem, ".cancel")
        if not cancel.exists():
            write_file(cancel, b"")
        spool = self._bookkeeper.spool
        if seen.started_at is None and seen.dialling_since is None and (seen.staged or seen.waiting):
            spool.withdraw(row.fax, row.number)
            return True
        if seen.started_at is not None and seen.done is None:
            channel = read_channel(with_suffix(stem, ".started"))
            if channel is None:
                log.warning(
                    "fax %d: attempt %d can't be hung up: its channel is not known", row.fax, row.number
                )
            else:
                spool.hang_up(row.fax, row.number, hang_up_text(channel, self._config.general.ast_context))
        return False

    def _tell_untaken(self, row: records.Attempt, seen: Seen) -> None:
        """Say once that an Asterisk which runs does not take a call file: it waits for ever otherwise."""
        key = (row.fax, row.number)
        ours = (
            seen.waiting and seen.dialling_since is None and seen.started_at is None and seen.outcome is None
        )
        since = max(row.started, seen.asterisk_since or time.time())
        if ours and time.time() - since > UNTAKEN_SECONDS and key not in self._untaken:
            self._untaken.add(key)
            log.error(
                "fax %d: Asterisk runs, but does not take the call file; config.conf, [general]: ast_call_dir must be"
                " the folder outgoing of its spool (astspooldir), and pbx_spool.so must be loaded",
                row.fax,
            )

    async def _hand_over(self, fax_id: int, attempt: int) -> None:
        try:
            await asyncio.to_thread(self._bookkeeper.spool.hand_over, fax_id, attempt)
        except SpoolError as error:
            # the file stays staged: the watch hands it over when the spool is back
            log.error("fax %d: attempt %d waits for Asterisk's spool: %s", fax_id, attempt, error)

    async def _heed_clock(self) -> None:
        """Move the times of attempts under way when the clock was set; those of one clock can be compared then."""
        jump = self._clock.jump()
        if not jump:
            return
        log.warning(
            "the clock was set %s by %d s; calls under way have as much time as before",
            "ahead" if jump > 0 else "back",
            abs(jump),
        )
        await self._journal.write(lambda connection: shift_attempts(connection, jump))
        self._asterisk_by_old_clock = await asyncio.to_thread(running_since, self._config.general.ast_control)
        self._clock.follow(jump)

    async def recover(self) -> None:
        """Remove what killed runs left beside the spool, and mend times that a wrong clock wrote."""
        await asyncio.to_thread(remove_temporaries, self._bookkeeper.spool.staging)
        await self._journal.write(lambda connection: take_attempts_back(connection, time.time()))

    async def clear_away(self) -> None:
        """Remove call files of attempts that are over: a run may have been killed before it could, and Asterisk dials
        what still lies in its spool a day later."""
        async with self._one_at_a_time:
            for fax_id, attempt in await asyncio.to_thread(self._bookkeeper.spool.call_files):
                row = await self._journal.read(
                    lambda c, fax_id=fax_id, attempt=attempt: records.load_attempt(c, fax_id, attempt)  # type: ignore[misc]
                )
                if row is None or row.ended is None or (fax_id, attempt) in self._stuck:
                    continue
                try:
                    await asyncio.to_thread(self._bookkeeper.spool.withdraw, fax_id, attempt)
                except SpoolError as error:  # said once; it must not keep others from being judged
                    log.warning("fax %d: its call file can't be removed: %s", fax_id, error)
                    self._stuck.add((fax_id, attempt))

    async def defer(self, fax: records.Fax, error: Exception) -> None:
        """Try to call again later, and say why."""
        log.error("fax %d: can't be handed to Asterisk now: %s", fax.id, error)
        await self._bookkeeper.record(
            fax.id,
            events.CallDeferred(time.time() + SPOOL_RETRY, f"waiting for the telephone system: {error}"),
        )

    def _stage(self, fax: records.Fax, account: Account, attempt: int) -> None:
        stem = self._folders.stem(fax.id, attempt)
        with_suffix(stem, ".tiff").unlink(missing_ok=True)  # of a try whose call file could not be staged
        self._bookkeeper.spool.withdraw(fax.id, attempt)
        if fax.first_page > 1:
            text = f"continued: page {fax.first_page} of {fax.pages}"
            write_continuation(
                self._folders.fax_tiff(fax.id),
                with_suffix(stem, ".tiff"),
                first_page=fax.first_page,
                text=text,
            )
        else:
            os.link(self._folders.fax_tiff(fax.id), with_suffix(stem, ".tiff"))
            sync_folder(stem.parent)
        self._bookkeeper.spool.stage(
            fax.id, attempt, call_text(call_for(self._config, account, fax, attempt, stem))
        )

    def _deadline(self, fax: records.Fax, now: float) -> float:
        general = self._config.general
        slowest = (fax.line_seconds or 0) * general.tx_faxopt_maxrate / line_for(general, fax).minrate
        pages = PAGE_OVERHEAD_SECONDS * (fax.pages or 1)
        return now + general.tx_wait_time + CALL_SETUP_SECONDS + slowest + pages

    async def _end(self, row: records.Attempt, verdict: Ended, line: str) -> None:
        ending = verdict.ending
        outcome = verdict.outcome
        closed = replace(
            row,
            ended=(outcome.ended if outcome else None) or time.time(),
            cause=ending.cause,
            sentence=ending.sentence,
            pages=max(ending.pages - row.first_page + 1, 0),
            bitrate=outcome.rate if outcome else None,
            station=outcome.station if outcome else "",
            mode=outcome.mode if outcome else "",
            outcome=line,
        )

        def close(connection: sqlite3.Connection, _fax: records.Fax) -> None:
            if row.ended is None or not row.outcome:  # the first report with evidence stands
                records.save_attempt(connection, closed)

        await self._bookkeeper.record(
            row.fax,
            events.AttemptEnded(row.number, ending, closed.bitrate, closed.station),
            also=close,
        )


def line_for(general: General, fax: records.Fax) -> Line:
    """Return FAXOPT's items for the next attempt of a fax."""
    line = Line(
        general.tx_faxopt_ecm, general.tx_faxopt_modem, general.tx_faxopt_minrate, general.tx_faxopt_maxrate
    )
    return line_with(fax.line_settings, line)


def call_for(config: Config, account: Account, fax: records.Fax, attempt: int, stem: Path) -> Call:
    """Return what an attempt's call file says: the beta's variables, and ours."""
    general = config.general
    line = line_for(general, fax)
    return Call(
        channel=(account.tx_channel or general.tx_channel).replace("${TO}", fax.number),
        caller_name=account.tx_name,
        caller_number=account.tx_number,
        account=account.id,
        context=general.ast_context,
        wait_time=general.tx_wait_time,
        variables={
            # only the channel that dials knows the hangup cause of a call that nobody answers; see our dialplan
            "CHANNEL(hangup_handler_push)": f"{general.ast_context},unanswered,1",
            "FAXOPT_GATEWAY": "no",
            "FAXOPT_ECM": _yes_no(line.ecm),
            "FAXOPT_MODEM": line.modems,
            "FAXOPT_FAXDETECT": _yes_no(general.tx_faxopt_faxdetect),
            "FAXOPT_MINRATE": str(line.minrate),
            "FAXOPT_MAXRATE": str(line.maxrate),
            "FAXOPT_T38TIMEOUT": str(general.tx_faxopt_t38timeout),
            "FAXOPT_NEGOTIATE_BOTH": _yes_no(general.tx_faxopt_negboth),
            "FAXOPT_LOCALSTATIONID": station_id(account.tx_number),
            "FAXOPT_HEADERINFO": header_text(account.tx_name) or station_id(account.tx_number),
            "FAXTO": fax.number,
            "FAXFILE": str(with_suffix(stem, ".tiff")),
            "NEXEFAX_AUDIO": _yes_no(line.audio),
            "NEXEFAX_STEM": str(stem),
            "NEXEFAX_FAX": str(fax.id),
            "NEXEFAX_ATTEMPT": str(attempt),
        },
    )


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"
