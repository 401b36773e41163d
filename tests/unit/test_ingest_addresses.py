"""Addresses and parameters of MAIL and RCPT."""

import pytest

from services.ingest import parameters, replies
from services.ingest.addresses import acceptable, common, said
from services.ingest.parameters import ParameterError


@pytest.mark.parametrize(
    ("argument", "address", "rest"),
    [
        ("<a@b.test>", "a@b.test", ""),
        ("<a.b+c=d@b-c.test> SIZE=1  BODY=7BIT", "a.b+c=d@b-c.test", "SIZE=1  BODY=7BIT"),
        ("<>", "", ""),
        ("<> RET=HDRS", "", "RET=HDRS"),
        ("  <สารบรรณ@ตัวอย่าง.ไทย>", "สารบรรณ@ตัวอย่าง.ไทย", ""),
        ("<a@b.test.>", "a@b.test.", ""),
    ],
)
def test_the_common_form(argument: str, address: str, rest: str) -> None:
    found = common(argument)
    assert found is not None
    assert (found.address, found.parameters) == (address, rest)


@pytest.mark.parametrize(
    "argument",
    [
        "a@b.test",
        "<a>",
        "<a@b.test",
        "<a@b.test>x",
        '<"a b"@c>',
        "<@x:a@b>",
        "<a..b@c>",
        "<.a@b>",
        "<a@b..c>",
        "<a@b>\r\nX",
    ],
)
def test_everything_else_is_left_to_the_parser(argument: str) -> None:
    assert common(argument) is None


def test_local_part_and_domain() -> None:
    found = common("<saraban@demo.test>")
    assert found is not None
    assert (found.local, found.domain) == ("saraban", "demo.test")


@pytest.mark.parametrize(
    ("argument", "address"),
    [
        ("<a@b> SIZE=1", "a@b"),
        ("a@b SIZE=1", "a@b"),
        ("< a@b >", "a@b"),
        ("<@x,@y:a@b>", "a@b"),
        ('<"a"@b>', "a@b"),
        (r'<"a\b"@c>', "ab@c"),
        (r'<"a\"b"@c>', r'"a\"b"@c'),
    ],
)
def test_an_address_that_was_said(argument: str, address: str) -> None:
    assert said(argument, address)


@pytest.mark.parametrize(
    ("argument", "address"),
    [
        ("<a@b>(", "a@b"),
        ("<(x)a@b>", "a@b"),
        ("<a@b(x)>", "a@b"),
        ("<a@b", "a@b "),
        ("<xa@b>", "a@b"),
        ("<a@bc>", "a@b"),
    ],
)
def test_an_address_that_was_mended(argument: str, address: str) -> None:
    assert not said(argument, address)


@pytest.mark.parametrize("address", ["a\n@b", "a\0@b", "a\x7f@b", "a\udc80@b", "x" * 901])
def test_some_addresses_must_not_get_into_an_event(address: str) -> None:
    assert not acceptable(address)


def test_mail_parameters() -> None:
    found = parameters.of_mail("size=10 body=8bitmime SMTPUTF8 ret=full ENVID=a+2Bb")
    assert (found.size, found.eight_bit, found.utf8, found.ret, found.envid) == (10, True, True, "FULL", "a+2Bb")


def test_rcpt_parameters_keep_their_case() -> None:
    found = parameters.of_rcpt("NOTIFY=success,FAILURE ORCPT=rfc822;Abc@x")
    assert (found.notify, found.orcpt) == ("success,FAILURE", "rfc822;Abc@x")


@pytest.mark.parametrize(
    "text",
    [
        "SIZE",
        "SIZE=-1",
        "SIZE=1x",
        f"SIZE={'9' * 21}",
        "BODY=BINARYMIME",
        "SMTPUTF8=1",
        "RET=X",
        "ENVID=+zz",
        "SIZE=1 size=2",
    ],
)
def test_malformed_mail_parameters(text: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parameters.of_mail(text)
    assert caught.value.reply is replies.BAD_ARGUMENT


@pytest.mark.parametrize("read", [parameters.of_mail, parameters.of_rcpt])
def test_unknown_parameters(read: object) -> None:
    assert callable(read)
    with pytest.raises(ParameterError) as caught:
        read("HOLDFOR=3")
    assert caught.value.reply is replies.UNKNOWN_PARAMETER


def test_every_reply_says_what_it_must() -> None:
    table = [reply for reply in vars(replies).values() if isinstance(reply, replies.Reply)]
    assert len({reply.name for reply in table}) == len(table)
    for reply in table:
        assert reply.line.endswith(b"\r\n")
        assert len(reply.line) <= 512
        if reply.code >= 400 or reply.status:
            assert reply.status[0] == str(reply.code)[0], reply
        if reply.code not in (220, 354) and reply not in (replies.HELLO,):
            assert reply.status, reply
