"""Our own mail is recognised by its address and its Message-ID alone."""

import pytest

from contracts import addresses

MAIL = "a2" * 26


def test_a_token_address_fits_into_a_local_part() -> None:
    local, _, domain = addresses.token_address(MAIL, "demo.localhost").partition("@")
    assert (len(local), domain) == (60, "demo.localhost")
    assert addresses.token_mail(local) == MAIL


def test_a_server_on_the_way_may_change_its_case() -> None:
    assert addresses.token_mail(f"RECEIPT-{MAIL.upper()}") == MAIL


@pytest.mark.parametrize(
    "local",
    ["", "saraban", "receipt-", f"receipt-{MAIL}x", f"xreceipt-{MAIL}", f"receipt-{MAIL[:-1]}1", f"receipt-{MAIL}\n"],
)
def test_no_other_address_is_taken_for_one(local: str) -> None:
    assert addresses.token_mail(local) is None


@pytest.mark.parametrize("errand", ["final", "provisional", "cover", "alert"])
def test_an_answer_names_the_letter_it_speaks_of(errand: str) -> None:
    ours = addresses.message_id(errand, MAIL, "MAIL_2569", 41207, "demo.localhost")
    assert addresses.answered_mail(ours) == MAIL
    assert addresses.answered_mail(f"<other@example.org>\r\n {ours} <last@example.org>") == MAIL
    assert addresses.answered_entry(ours) == (errand, MAIL, "MAIL_2569", 41207)


def test_the_message_id_is_the_same_at_every_repeat() -> None:
    ours = addresses.message_id("final", MAIL, "MAIL_2569", 7, "demo.localhost")
    assert ours == f"<final.{MAIL}.MAIL_2569.7@demo.localhost>"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "<some@example.org>",
        f"<other.{MAIL}.MAIL_2569.7@demo.localhost>",
        f"<final.{MAIL}.MAIL_2569.x@demo.localhost>",
        f"<final.{MAIL}.MAIL_2569.๗@demo.localhost>",
        f"<final.{MAIL}.MAIL_2569.{'7' * 5000}@demo.localhost>",
        f"final.{MAIL}.MAIL_2569.7@demo.localhost",
    ],
    ids=lambda header: header[:70],
)
def test_no_other_message_id_is_taken_for_ours(header: str) -> None:
    assert addresses.answered_mail(header) is None
    assert addresses.answered_entry(header) is None
