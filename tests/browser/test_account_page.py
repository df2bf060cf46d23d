"""The account in Chromium: password, sessions, tokens and users."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.office import TEXT, Clinic
from tests.web.client import Client
from tests.web.ground import PASSWORD, htpasswd

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def sign_in(page: Page, clinic: Clinic, user: str, *, admin: bool = False) -> Client:
    """A user made for the test, signed in on the page and elsewhere."""
    office = clinic.office
    htpasswd(office.installation.auth / "ACME", user, PASSWORD)
    accounts = office.installation.folder / "accounts.conf"
    plain = re.sub(r"admins=.*\n", "", accounts.read_text())
    accounts.write_text(plain.replace("[ACME]\n", f"[ACME]\nadmins={user}\n") if admin else plain)
    office.installation.reload()
    elsewhere = Client(office.port)
    fields = {"account": "ACME", "user": user, "password": PASSWORD}
    assert (await elsewhere.post("/api/login", fields, User_Agent="practice-software/2.0")).status == 200
    await page.context.clear_cookies()
    await page.goto("/login")
    await page.get_by_label("Account").fill("ACME")
    await page.get_by_label("User").fill(user)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/send")
    await page.goto("/account")
    await expect(page.locator("#cards")).to_be_visible()
    return elsewhere


async def test_changing_ones_own_password(visit: Page, clinic: Clinic) -> None:
    elsewhere = await sign_in(visit, clinic, "ann")
    problem = visit.locator("#password-problem")
    go = visit.get_by_role("button", name="Change password")
    await go.click()
    await expect(problem).to_have_text(TEXT["passwordMissing"])
    await expect(visit.get_by_label("Current password")).to_be_focused()
    await visit.get_by_label("Current password").fill("wrong")
    await visit.get_by_label("New password", exact=True).fill("a new secret")
    await visit.get_by_label("New password once more").fill("a new sekret")
    await go.click()
    await expect(problem).to_have_text(TEXT["passwordDiffers"])
    await visit.get_by_label("New password once more").fill("a new secret")
    await go.click()
    await expect(problem).to_contain_text("password")
    await expect(visit.get_by_label("Current password")).to_be_focused()
    await visit.get_by_label("Current password").fill(PASSWORD)
    await go.dblclick()
    await expect(visit.locator(".toast")).to_have_text(TEXT["passwordChanged"])
    await expect(visit.get_by_label("Current password")).to_have_value("")
    await expect(visit.locator("#sessions li")).to_have_count(1)
    assert (await elsewhere.get("/api/me")).status == 401
    fields = {"account": "ACME", "user": "ann", "password": "a new secret"}
    assert (await elsewhere.post("/api/login", fields)).status == 200


async def test_who_one_is_is_known_whatever_ones_name(visit: Page, clinic: Clinic) -> None:
    """The page says in each call whose it is."""
    await sign_in(visit, clinic, "o'neil (é)*!/x~")
    await expect(visit.locator("#sessions li").first).to_be_visible()


async def test_sessions_are_seen_and_ended(visit: Page, clinic: Clinic) -> None:
    elsewhere = await sign_in(visit, clinic, "ben")
    third = Client(clinic.office.port)
    assert (
        await third.post("/api/login", {"account": "ACME", "user": "ben", "password": PASSWORD})
    ).status == 200
    await visit.reload()
    sessions = visit.locator("#sessions li")
    await expect(sessions).to_have_count(3)
    await expect(sessions.first).to_contain_text("Chrome on Linux")
    await expect(sessions.first).to_contain_text(TEXT["thisSession"])
    await expect(sessions.first.get_by_role("button")).to_have_count(0)
    other = sessions.filter(has_text="practice-software")
    await other.get_by_role("button", name=TEXT["endSession"]).click()
    await expect(sessions).to_have_count(2)
    assert (await elsewhere.get("/api/me")).status == 401
    await visit.get_by_role("button", name=TEXT["endOthers"]).click()
    await expect(sessions).to_have_count(1)
    await expect(visit.locator(".toast")).to_have_text(TEXT["othersEnded"])
    assert (await third.get("/api/me")).status == 401
    await visit.reload()
    await expect(sessions).to_have_count(1)


async def test_a_token_is_made_shown_once_and_revoked(visit: Page, clinic: Clinic) -> None:
    await sign_in(visit, clinic, "cleo")
    await expect(visit.get_by_text(TEXT["noTokens"])).to_be_visible()
    await visit.get_by_role("button", name="New token").click()
    dialog = visit.get_by_role("dialog", name="New token")
    await dialog.get_by_label("Name").fill("Practice software")
    await dialog.get_by_label(TEXT["scopeSend"]).uncheck()
    await dialog.get_by_label(TEXT["scopeRead"]).uncheck()
    await dialog.get_by_role("button", name=TEXT["tokenMake"]).click()
    await expect(dialog.get_by_role("alert")).to_have_text(TEXT["scopeMissing"])
    await dialog.get_by_label(TEXT["scopeRead"]).check()
    await dialog.get_by_role("button", name=TEXT["tokenMake"]).click()
    made = visit.get_by_role("dialog", name="Token “Practice software”")
    token = await made.get_by_label(TEXT["tokenSecret"]).input_value()
    await visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await made.get_by_role("button", name="Copy").click()
    assert await visit.evaluate("navigator.clipboard.readText()") == token
    program = Client(clinic.office.port)
    assert (await program.get("/api/faxes?limit=1", Authorization=f"Bearer {token}")).status == 200
    await made.get_by_role("button", name="Close").click()
    await expect(visit.locator("#tokens")).to_contain_text("Practice software")
    assert token not in await visit.content()
    await visit.reload()
    await expect(visit.locator("#tokens")).to_contain_text("read faxes · last used")
    await visit.locator("#tokens").get_by_role("button", name="Revoke").click()
    await visit.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    await expect(visit.get_by_text(TEXT["noTokens"])).to_be_visible()
    assert (await program.get("/api/faxes?limit=1", Authorization=f"Bearer {token}")).status == 401


async def test_users_are_for_administrators_alone(visit: Page, clinic: Clinic) -> None:
    await sign_in(visit, clinic, "dora")
    await expect(visit.locator("#users-card")).to_be_hidden()


async def test_an_administrator_manages_the_users(visit: Page, clinic: Clinic) -> None:
    await sign_in(visit, clinic, "eve", admin=True)
    users = visit.locator("#users li")
    own = users.filter(has_text="eve")
    await expect(own).to_contain_text(TEXT["isAdmin"])
    await expect(own.get_by_role("button")).to_have_count(0)
    await visit.get_by_role("button", name="New user").click()
    dialog = visit.get_by_role("dialog", name="New user")
    await dialog.get_by_label("User").fill("eve")
    await dialog.get_by_label("Password").fill("another secret")
    await dialog.get_by_role("button", name="Add user").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("eve")
    await dialog.get_by_label("User").fill("front.desk")
    await dialog.get_by_role("button", name="Add user").click()
    added = users.filter(has_text="front.desk")
    await expect(added).to_be_visible()
    fields = {"account": "ACME", "user": "front.desk", "password": "another secret"}
    assert (await Client(clinic.office.port).post("/api/login", fields)).status == 200
    await added.get_by_role("button", name="Set password").click()
    dialog = visit.get_by_role("dialog", name="New password for front.desk")
    await dialog.get_by_label("New password").fill("yet another secret")
    await dialog.get_by_role("button", name="Set password").click()
    await expect(visit.locator(".toast")).to_have_text("front.desk has a new password.")
    fields["password"] = "yet another secret"
    assert (await Client(clinic.office.port).post("/api/login", fields)).status == 200
    await added.get_by_role("button", name="Remove").click()
    await visit.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(added).to_have_count(0)
    assert (await Client(clinic.office.port).post("/api/login", fields)).status == 400


async def test_an_account_that_cannot_be_had_is_said(visit: Page, complaints: list[str]) -> None:
    await visit.route("**/api/me", lambda route: route.abort())
    await visit.goto("/account")
    await expect(visit.get_by_role("alert").filter(has_text=TEXT["unreachable"])).to_be_visible()
    await visit.unroute("**/api/me")
    await visit.get_by_role("button", name=TEXT["tryAgain"]).click()
    await expect(visit.locator("#cards")).to_be_visible()
    complaints.clear()
