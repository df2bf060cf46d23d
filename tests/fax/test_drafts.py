"""Drafts and what they become, where a fault or a death must be forced."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from nexefax.errors import ChildMissing, DocumentError, DraftError, DraftSent
from nexefax.fax import composing, draft_records, drawing, previews, records, rendering
from nexefax.fax.accepting import Accepting
from nexefax.fax.composition import Composition, Part, Wish, read_composition, write_composition
from nexefax.fax.convert import Slots
from nexefax.fax.desk import Desk
from nexefax.fax.draft_records import Content, Draft
from nexefax.fax.drafts import KEPT_SECONDS
from nexefax.fax.drawing import Drawing
from nexefax.fax.previews import NOT_NOW
from nexefax.fax.submission import Accepted, Order, Recipient
from tests.documents import pdf_bytes
from tests.fax.workshop import Workshop, open_workshop

USER = "bob"


class Clerk:
    """Composes faxes in a workshop."""

    def __init__(self, shop: Workshop) -> None:
        self.shop = shop
        self.drawing = Drawing(lambda: shop.config, Slots(1))
        self.desk = Desk(shop.journal, shop.folders, lambda: shop.config, self.drawing, shop.sending.take)

    async def begin(self, *documents: bytes, **content: object) -> Draft:
        content = {"recipients": (Recipient("2025550100"),)} | content
        draft = await self.desk.drafts.create(self.shop.account, USER, Content(**content))  # type: ignore[arg-type]
        for number, document in enumerate(documents, 1):
            draft = await self.add(draft, document, f"{number}.pdf")
        return draft

    async def add(self, draft: Draft, document: bytes, name: str = "x.pdf") -> Draft:
        upload = self.shop.nexefax.folder / "upload"
        upload.write_bytes(document)
        return await self.desk.drafts.add_document(self.shop.account, USER, draft.id, upload, name)

    async def find(self, draft: Draft) -> Draft:
        return await self.desk.drafts.find(self.shop.account, USER, draft.id)

    async def change(self, draft: Draft, **content: object) -> Draft:
        return await self.desk.drafts.change(
            self.shop.account,
            USER,
            draft.id,
            lambda now: replace(now.content, **content),  # type: ignore[arg-type]
        )

    async def send(self, draft: Draft) -> Accepted:
        return await self.desk.sending.send(self.shop.account, USER, draft.id)

    def folder(self, draft: Draft) -> list[str]:
        return sorted(path.name for path in self.desk.drafts.folder(draft.id).iterdir())

    async def drawn(self, draft: Draft) -> None:
        """Wait until all that is seen of a draft is drawn."""
        async with asyncio.timeout(60):
            while (await self.desk.look(self.shop.account, await self.find(draft))).busy:
                await asyncio.sleep(0.02)


@pytest.fixture
async def clerk(tmp_path: Path) -> AsyncIterator[Clerk]:
    async with open_workshop(tmp_path) as shop:
        yield Clerk(shop)


@pytest.fixture
async def drawing_clerk(clerk: Clerk) -> AsyncIterator[Clerk]:
    """The same, with previews."""
    work = asyncio.create_task(clerk.desk.run())
    try:
        yield clerk
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work


async def test_what_a_former_run_left_is_cleared_away(clerk: Clerk) -> None:
    kept, sent, gone = (
        await clerk.begin(pdf_bytes()),
        await clerk.begin(pdf_bytes()),
        await clerk.begin(pdf_bytes()),
    )
    folder = clerk.desk.drafts.folder(kept.id)
    (folder / ".incoming-0123").write_bytes(b"half")
    (folder / "1.run-1.tiff").write_bytes(b"II*")
    # killed between the commit and the end of the folders
    await clerk.shop.journal.write(lambda c: draft_records.mark_sent(c, sent.id, [7], time.time()))
    await clerk.shop.journal.write(lambda c: draft_records.remove_draft(c, gone.id))
    await clerk.desk.drafts.recover()
    assert [path.name for path in clerk.shop.folders.drafts.iterdir()] == [kept.id]
    assert clerk.folder(kept) == ["1"]
    assert (await clerk.send(sent)).faxes == (7,)


async def test_all_of_a_batch_or_nothing_is_accepted(clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = await clerk.begin(pdf_bytes(), recipients=(Recipient("2025550100"), Recipient("2025550101")))
    number = type(clerk.shop.folders).number_folders

    def dies(*arguments: object) -> None:
        number(*arguments)  # type: ignore[arg-type]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(clerk.shop.folders), "number_folders", dies)
    with pytest.raises(OSError, match="No space"):
        await clerk.send(draft)
    assert await clerk.shop.journal.read(lambda c: records.faxes_in(c, "queued")) == []
    assert (await clerk.find(draft)).sent == ()
    monkeypatch.undo()
    (left := clerk.shop.folders.sent_fax(1) / "rubbish").write_bytes(
        b"of the transaction that was rolled back"
    )
    assert (await clerk.send(draft)).faxes == (1, 2)
    assert not left.exists()
    assert (clerk.shop.folders.sent_fax(1) / "document").read_bytes() == pdf_bytes()
    assert not list(clerk.shop.folders.outgoing.glob(".*"))


async def test_a_draft_that_goes_while_it_is_sent_is_not_sent(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = await clerk.begin(pdf_bytes())
    take = clerk.shop.sending.take

    async def late(order: Order, once: object) -> Accepted:
        await clerk.desk.drafts.remove(clerk.shop.account, USER, draft.id)
        return await take(order, once)  # type: ignore[arg-type]

    monkeypatch.setattr(clerk.desk.sending, "_take", late)
    with pytest.raises(KeyError):
        await clerk.send(draft)
    assert await clerk.shop.journal.read(lambda c: records.faxes_in(c, "queued")) == []
    assert list(clerk.shop.folders.outgoing.iterdir()) == []


async def test_a_document_for_a_draft_that_was_sent_meanwhile_is_not_taken(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = await clerk.begin(pdf_bytes())
    write = clerk.shop.journal.write

    async def late(change: object) -> object:
        monkeypatch.undo()
        await clerk.send(draft)
        return await write(change)  # type: ignore[arg-type]

    monkeypatch.setattr(clerk.shop.journal, "write", late)
    with pytest.raises(DraftSent):
        await clerk.add(draft, pdf_bytes())
    assert not clerk.desk.drafts.folder(draft.id).exists()


async def test_old_drafts_are_forgotten(clerk: Clerk) -> None:
    old, sent, new = await clerk.begin(pdf_bytes()), await clerk.begin(pdf_bytes()), await clerk.begin()
    await clerk.send(sent)
    long_ago = time.time() - KEPT_SECONDS - 1
    for draft in (old, sent):
        await clerk.shop.journal.write(
            lambda c, id=draft.id: c.execute("UPDATE draft SET changed = ? WHERE id = ?", (long_ago, id))  # type: ignore[misc]
        )
    await clerk.desk.drafts.forget_old(time.time())
    assert [path.name for path in clerk.shop.folders.drafts.iterdir()] == [new.id]
    for draft in (old, sent):
        with pytest.raises(KeyError):
            await clerk.find(draft)
    left = await clerk.shop.journal.read(
        lambda c: c.execute("SELECT count(*) FROM draft_document").fetchone()[0]
    )
    assert left == 0
    assert (await clerk.shop.fax()).state == "queued"


async def test_ids_that_lead_elsewhere_are_none(clerk: Clerk) -> None:
    for odd in ("", "..", "../../etc", "A" * 24, "0" * 25, "\0" * 24):
        with pytest.raises(KeyError):
            await clerk.desk.drafts.find(clerk.shop.account, USER, odd)
        with pytest.raises(ValueError, match="no draft's id"):
            clerk.desk.drafts.folder(odd)


async def test_a_machine_that_cannot_draw_now_says_so_and_tries_again(
    drawing_clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = drawing_clerk
    draft = await clerk.begin(pdf_bytes())
    asked = asyncio.Event()

    async def broken(*_arguments: object, **_more: object) -> None:
        asked.set()
        raise ChildMissing("gs is not installed")

    monkeypatch.setattr(drawing, "render", broken)
    await clerk.desk.look(clerk.shop.account, draft)
    await asked.wait()
    async with asyncio.timeout(60):
        while not (seen := (await clerk.desk.look(clerk.shop.account, draft)).documents[0][1]).reason:
            await asyncio.sleep(0.01)
    assert (seen.state, seen.reason, seen.pages, seen.busy) == ("rendering", NOT_NOW, (), True)
    monkeypatch.undo()
    monkeypatch.setattr(previews, "MACHINE_RETRY", 0.0)
    clerk.desk._previews._failed.clear()
    await clerk.drawn(draft)
    assert (await clerk.desk.look(clerk.shop.account, draft)).documents[0][1].count == 1


async def test_a_page_that_cannot_be_had_so_is_told(
    drawing_clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = drawing_clerk
    draft = await clerk.begin(pdf_bytes(2))
    await clerk.drawn(draft)

    async def refuse(*_arguments: object, **_more: object) -> None:
        raise DocumentError("Page 2 can't be drawn so.")

    monkeypatch.setattr(drawing, "render", refuse)
    draft = await clerk.change(draft, wishes={1: {2: Wish(tone="photo"), 7: Wish(turn=1)}})
    await clerk.drawn(draft)
    ((_, seen),) = (await clerk.desk.look(clerk.shop.account, draft)).documents
    assert (seen.state, [page.tiff is None for page in seen.pages]) == ("ready", [False, True])
    assert seen.notes == ("Page 2 can't be drawn so.",)


async def test_another_wish_takes_the_place_of_one_being_drawn(drawing_clerk: Clerk) -> None:
    clerk = drawing_clerk
    draft = await clerk.begin(pdf_bytes(3))
    for turn in (1, 2, 3):
        draft = await clerk.change(draft, wishes={1: {3: Wish(turn=turn)}})
        await clerk.desk.look(clerk.shop.account, draft)
    draft = await clerk.change(draft, resolution="standard")
    await clerk.desk.look(clerk.shop.account, draft)
    await clerk.drawn(draft)
    ((_, seen),) = (await clerk.desk.look(clerk.shop.account, draft)).documents
    assert seen.pages[2].tiff is not None
    assert seen.pages[2].tiff.name == "1.standard.p3-3-auto.tiff"
    assert not list(clerk.desk.drafts.folder(draft.id).glob("*.run-*"))


async def test_what_says_that_pages_are_there_is_not_believed_without_them(drawing_clerk: Clerk) -> None:
    clerk = drawing_clerk
    draft = await clerk.begin(pdf_bytes())
    await clerk.drawn(draft)
    folder = clerk.desk.drafts.folder(draft.id)
    for name in ("1.fine.tiff", "1.fine.json"):
        if name.endswith(".tiff"):
            (folder / name).unlink()
        else:
            (folder / name).write_text("{")
        await clerk.drawn(draft)
        ((_, seen),) = (await clerk.desk.look(clerk.shop.account, draft)).documents
        assert seen.count == 1
        assert clerk.folder(draft) == ["1", "1.fine.json", "1.fine.tiff"]


async def test_what_is_composed_is_sent_again_as_it_was(clerk: Clerk) -> None:
    shop = clerk.shop
    draft = await clerk.begin(
        pdf_bytes(2), b"A note.\n", recipients=(Recipient("2025550100", "Dr. Gray"),),
        wishes={1: {1: Wish(left_out=True), 2: Wish(turn=2)}},
    )  # fmt: skip
    await clerk.send(draft)
    await rendering.Rendering(shop.bookkeeper, shop.folders).render(await shop.fax())
    again = await shop.sending.resend(1, "carol")
    other = await shop.sending.resend(1, "carol", "2025550199")
    for fax_id, name in ((again, "Dr. Gray"), (other, "")):
        await rendering.Rendering(shop.bookkeeper, shop.folders).render(await shop.fax(fax_id))
        fax = await shop.fax(fax_id)
        assert (fax.state, fax.pages, fax.to_name, fax.document_name) == ("ready", 2, name, "1.pdf, 2.pdf")
        assert shop.folders.fax_tiff(fax_id).read_bytes() == shop.folders.fax_tiff(1).read_bytes()
    shop.folders.sent_fax(1).joinpath("document-2").unlink()
    with pytest.raises(DocumentError, match="no longer kept"):
        await shop.sending.resend(1, "carol")


LEFT_OUT = Composition((Part("document", "a.pdf", {1: Wish(left_out=True)}),))
HALF = Composition((Part("document", "a.pdf"), Part("document-2", "b.pdf")))
LONG = Composition((Part("document", "", {1: Wish(turn=1)}), Part("document-3")))


@pytest.mark.parametrize(
    ("composition", "said"),
    [
        ("rubbish", "How this fax is put together can't be read"),
        (write_composition(LEFT_OUT), "All pages are left out"),
        (write_composition(HALF), "b.pdf: The document"),
        (write_composition(LONG), "1 may be faxed"),
    ],
)
async def test_what_cannot_be_composed_fails_with_a_sentence(
    clerk: Clerk, composition: str, said: str
) -> None:
    shop = clerk.shop
    if "document-3" in composition:
        shop.config = replace(shop.config, general=replace(shop.config.general, tx_max_pages=1))
    fax = await shop.add(composition=composition)
    folder = shop.folders.sent_fax(fax.id)
    folder.mkdir()
    (folder / "document").write_bytes(pdf_bytes())
    (folder / "document-2").write_bytes(pdf_bytes()[:300])
    (folder / "document-3").write_bytes(pdf_bytes())
    await rendering.Rendering(shop.bookkeeper, shop.folders).render(fax)
    failed = await shop.fax(fax.id)
    assert (failed.state, said in failed.reason) == ("failed", True), failed.reason
    assert sorted(path.name for path in folder.iterdir()) == ["document", "document-2", "document-3"]


async def test_a_batch_goes_on_where_a_death_left_it(clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first fax died with all drawn and nothing entered; one sibling is gone altogether."""
    shop = clerk.shop
    recipients = tuple(Recipient(f"202555010{number}") for number in range(3))
    await clerk.send(await clerk.begin(pdf_bytes(2), recipients=recipients))
    render = rendering.Rendering(shop.bookkeeper, shop.folders)

    def power_cut(*_arguments: object) -> None:
        raise OSError(5, "power cut")

    for path in shop.folders.sent_fax(3).iterdir():
        path.unlink()
    shop.folders.sent_fax(3).rmdir()
    with monkeypatch.context() as patch:
        patch.setattr(composing, "assemble", power_cut)
        await render.render(await shop.fax(1))
    assert (await shop.fax(1)).state == "queued"

    async def twice(*_arguments: object, **_more: object) -> None:
        raise AssertionError("drawn twice")

    monkeypatch.setattr(drawing, "render", twice)
    for fax_id in (1, 2):
        await render.render(await shop.fax(fax_id))
        assert (await shop.fax(fax_id)).state == "ready"
        assert sorted(path.name for path in shop.folders.sent_fax(fax_id).iterdir()) == [
            "document",
            "fax.tiff",
        ]
    assert read_composition((await shop.fax(1)).composition).resolution == "fine"


async def test_a_request_that_breaks_in_the_middle_leaves_no_folder(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = clerk.shop
    accepting = Accepting(shop.journal, shop.folders, lambda: shop.config)
    order = Order(shop.account, USER, [Recipient("2025550100")], {"document": Path("/nowhere")}, "x.pdf")
    with pytest.raises(FileNotFoundError):
        await accepting.take(order)

    class Breaks:
        def taken(self, _connection: sqlite3.Connection) -> list[int]:
            raise DraftError("not now")

        def took(self, connection: sqlite3.Connection, faxes: object) -> None: ...

    document = shop.nexefax.folder / "document.pdf"
    document.write_bytes(pdf_bytes())
    with pytest.raises(DraftError):
        await accepting.take(replace(order, files={"document": document}), Breaks())
    assert list(shop.folders.outgoing.iterdir()) == []
