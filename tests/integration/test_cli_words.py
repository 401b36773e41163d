"""The words of the command line against a running system, as a person types them."""

import asyncio
import csv
import json
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from tests.world import DEMO, World

pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "letter.pdf"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One system for all tests here: each uses letters and agencies of its own."""
    world = World(tmp_path_factory.mktemp("words"))
    asyncio.run(world.start())
    yield world
    asyncio.run(world.stop())


def eml(folder: Path, name: str, subject: str = "หนังสือทดสอบ", sender: str = "a@sender.localhost") -> Path:
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = sender, DEMO, subject
    mail["Message-ID"] = f"<{name}@sender.localhost>"
    mail.set_content("เรียน ผู้อำนวยการ\n")
    path = folder / f"{name}.eml"
    path.write_bytes(mail.as_bytes())
    return path


def sent(world: World, *words: str, check: bool = True) -> list[dict[str, object]]:
    to = () if "--to" in words else ("--to", DEMO)
    done = world.run("send", *words, *to, "--format", "jsonl", check=check)
    return [json.loads(line) for line in done.stdout.splitlines()]


# -- send -------------------------------------------------------------------------------------------


def test_send_a_pdf_shows_number_receipt_and_cover_mail(world: World) -> None:
    said = world.run("send", str(SAMPLE), "--to", DEMO).stdout
    assert "สตย ร/" in said
    for word in ("number", "received", "deemed", "receipt", "cover"):
        assert word in said
    paths = [Path(line.split()[-1]) for line in said.splitlines() if str(world.state) in line]
    assert len(paths) == 3, "receipt, the mail it went in, cover mail"
    assert all(path.stat().st_size for path in paths)
    assert paths[0].read_bytes().startswith(b"%PDF")


def test_send_a_folder_is_every_letter_in_it(world: World, tmp_path: Path) -> None:
    for number in range(7):
        eml(tmp_path, f"of-a-folder-{number}")
    lines = world.run("send", str(tmp_path), "--to", DEMO).stdout.splitlines()
    assert len(lines) == 7, "a line each when there are many"
    assert all("สตย ร/" in line for line in lines)


def test_send_the_same_letter_again_tells_its_first_number(world: World, tmp_path: Path) -> None:
    path = eml(tmp_path, "twice")
    (first,) = sent(world, str(path))
    (again,) = sent(world, str(path))
    assert again["notice"] == "repeated"
    assert again["number"] is None
    said = world.run("send", str(path), "--to", DEMO).stdout
    assert f"received {first['number']}/{first['year']}" in said


def test_send_to_an_unknown_address_shows_the_reply(world: World, tmp_path: Path) -> None:
    done = world.run("send", str(eml(tmp_path, "lost")), "--to", "nobody@demo.localhost", check=False)
    assert done.returncode == 1
    assert "550 5.1.1" in done.stdout


def test_send_without_waiting(world: World, tmp_path: Path) -> None:
    (letter,) = sent(world, str(eml(tmp_path, "not-waited-for")), "--wait", "0")
    assert letter["refused"] is None


def test_send_what_steers_a_terminal_does_not(world: World, tmp_path: Path) -> None:
    (letter,) = sent(world, str(eml(tmp_path, "evil", subject="clear \x1b[2J\x07 and \u202egnorw")))
    assert letter["number"]
    assert "\x1b" not in world.run("register", "list").stdout
    assert "\x1b" not in world.run("events", "--since", "start", "--until-now").stdout


# -- register ---------------------------------------------------------------------------------------


def test_register_list_show_and_export_tell_the_same(world: World, tmp_path: Path) -> None:
    (letter,) = sent(world, str(eml(tmp_path, "listed", subject="=HYPERLINK(1)", sender="+x@sender.localhost")))
    rows = {row["number"]: row for row in world.rows()}
    row = rows[letter["number"]]
    assert row["message_id"] == "<listed@sender.localhost>"
    assert row["subject"] == "=HYPERLINK(1)"
    assert row["received_at"] == letter["received_at"]
    assert isinstance(row["link"], str)

    for suffix in ("json", "jsonl", "csv"):
        world.run("register", "export", "-o", str(tmp_path / f"book.{suffix}"))
    exported = json.loads((tmp_path / "book.json").read_text())
    assert exported == [json.loads(line) for line in (tmp_path / "book.jsonl").read_text().splitlines()]
    assert row in exported
    with (tmp_path / "book.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = next(found for found in csv.DictReader(file) if found["number"] == str(letter["number"]))
    assert cells["subject"] == "'=HYPERLINK(1)", "no formula for a spreadsheet"
    assert cells["number_text"] == row["number_text"]

    shown = world.run("register", "show", str(letter["number"])).stdout
    assert str(row["link"]) in shown
    assert str(row["number_text"]) in shown
    assert "there is no entry 99999" in world.run("register", "show", "99999", check=False).stderr


def test_register_of_an_agency_that_is_none(world: World) -> None:
    done = world.run("register", "list", "--agency", "nobody", check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == "saraban: there is no agency 'nobody'; there are " + ", ".join(agencies(world))


# -- agency -----------------------------------------------------------------------------------------


def agencies(world: World) -> list[str]:
    listed = world.run("agency", "list", "--format", "jsonl").stdout.splitlines()
    return [json.loads(line)["id"] for line in listed]


def test_agency_add_takes_letters_at_once(world: World, tmp_path: Path) -> None:
    world.run(
        "agency", "add", "added", "--name", "หน่วยงานเพิ่ม", "--address", "saraban@added.example",
        "--officer", "นายหนึ่ง/ธุรการ/0 2000 0000", "--number-format", "พม {number}/{year}",
        "--first", "received/2569=8432", "--first", "received/2570=8432", "--mailbox", "office@added.example",
    )  # fmt: skip
    assert "added" in agencies(world)
    assert "say with --to which agency is meant" in world.run("send", str(SAMPLE), check=False).stderr
    (letter,) = sent(world, str(eml(tmp_path, "to-the-added")), "--to", "SARABAN@Added.example")
    assert letter["agency"] == "added"
    assert letter["receipt"], "where the operator has no seal yet, the test authority's"
    assert letter["cover_mail"]
    assert str(letter["number_text"]).startswith("พม 8432/")


def test_agency_export_is_what_import_reads(world: World, tmp_path: Path) -> None:
    for style in ("toml", "json"):
        text = world.run("agency", "export", "demo", "--format", style).stdout
        (tmp_path / f"demo.{style}").write_text(text, encoding="utf-8")
        world.run("agency", "import", str(tmp_path / f"demo.{style}"))
        assert world.run("agency", "export", "demo", "--format", style).stdout == text
    assert "นางสาวสมใจ รักงาน" in world.run("agency", "show", "demo").stdout


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"addresses": ["saraban@elsewhere.example"]}, "is not on one of the agency's domains"),
        ({"addresses": ["Saraban@demo.localhost"], "domains": [{"name": "demo.localhost"}]}, "belongs to demo"),
        ({"domains": [{"name": "wrong.example", "mode": "shared"}]}, "mode shared and next_hop go together"),
        ({"domains": [{"name": "wrong.example", "mode": "behind"}]}, "names no upstream networks"),
        (
            {
                "addresses": ["saraban@wrong.example"],
                "domains": [
                    {"name": "wrong.example"},
                    {"name": "Good.example", "mode": "behind", "upstreams": ["192.0.2.0/24"]},
                ],
            },
            "wrong: Good.example has mode behind here and only in good; agencies that share a domain agree on it",
        ),
        ({"roster": [{"officer": "nobody"}]}, "nobody is called 'nobody'"),
        ({"number_format": "{nummer}"}, "number_format"),
    ],
)
def test_agency_import_takes_all_or_nothing(
    world: World, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    good = {"id": "good", "name": "ดี", "domains": [{"name": "good.example"}], "addresses": ["saraban@good.example"]}
    wrong = {
        "id": "wrong",
        "name": "ผิด",
        "domains": [{"name": "wrong.example"}],
        "addresses": ["saraban@wrong.example"],
    }
    (tmp_path / "two.json").write_text(json.dumps([good, wrong | changes]))
    done = world.run("agency", "import", str(tmp_path / "two.json"), check=False)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.startswith("saraban: ")
    assert done.stderr.count("\n") == 1
    assert not {"good", "wrong"} & set(agencies(world))


# -- order and dead ---------------------------------------------------------------------------------


def test_order_open_begins_a_book_where_the_old_one_ended(world: World, tmp_path: Path) -> None:
    world.run("agency", "add", "ordered", "--name", "ก", "--address", "saraban@ordered.example")
    years = {str(row["year"]) for row in world.rows()}
    for year in years:
        world.run(
            "order",
            "open",
            "--agency",
            "ordered",
            "--first",
            "501",
            "--year",
            year,
            "--by",
            "นางมาลี",
            "--reason",
            "ต่อจากเล่มเดิม",
        )
    (letter,) = sent(world, str(eml(tmp_path, "after-the-order")), "--to", "saraban@ordered.example")
    assert letter["number"] == 501
    events = world.run("events", "order.v1.>", "--since", "start", "--until-now", "--format", "jsonl").stdout
    assert {json.loads(line)["event"]["by"] for line in events.splitlines()} >= {"นางมาลี"}


def test_orders_that_cannot_be_meant_are_refused(world: World) -> None:
    who = ("--by", "x", "--reason", "y")
    for words, why in (
        (("open", "--agency", "nobody", "--first", "5", *who), "there is no agency 'nobody'"),
        (("open", "--agency", "demo", "--first", "5", "--year", "2026", *who), "is no Buddhist year"),
        (("open", "--agency", "demo", "--first", "0", *who), "--first"),
        (("release", "5", "--agency", "demo", "--by", " ", "--reason", "y"), "--by: must not be empty"),
        (("release", "5", "--agency", "demo", "--by", "x"), "--reason"),
    ):
        done = world.run("order", *words, check=False)
        assert done.returncode == 2, words
        assert why in done.stderr
        assert "Traceback" not in done.stderr


def test_an_order_that_cannot_be_carried_out_is_a_dead_letter_somebody_decides_on(world: World, tmp_path: Path) -> None:
    sent(world, str(eml(tmp_path, "in the book")))  # by itself: tests of a file may run in several processes
    year = str(world.rows()[0]["year"])
    done = world.run(
        "order", "open", "--agency", "demo", "--first", "5", "--year", year, "--by", "x", "--reason", "too late",
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "the register refused: " in done.stderr
    assert "has entries already" in done.stderr

    def cases() -> list[dict[str, object]]:
        listed = world.run("dead", "list", "--format", "jsonl").stdout.splitlines()
        return [case for case in map(json.loads, listed) if case["service"] == "register"]

    asyncio.run(world.until(lambda: bool(cases()), "the dead letter"))
    (case,) = cases()
    number = str(case["number"])
    shown = world.run("dead", "show", number).stdout
    assert "too late" in shown
    assert str(case["reason"])[:20] in shown
    world.run("dead", "close", number, "--by", "นายหนึ่ง", "--reason", "เล่มเปิดแล้ว")
    assert cases() == []
    assert "closed by นายหนึ่ง" in world.run("dead", "show", number).stdout
    assert "is closed already" in world.run("dead", "retry", number, "--reason", "x", check=False).stderr
    assert "there is no dead letter 9999" in world.run("dead", "show", "9999", check=False).stderr


# -- events -----------------------------------------------------------------------------------------


def test_events_tell_a_letter_in_the_order_of_its_steps(world: World, tmp_path: Path) -> None:
    (letter,) = sent(world, str(eml(tmp_path, "followed")))
    lines = world.run("events", "--since", "start", "--until-now", "--format", "jsonl").stdout.splitlines()
    about = [found for found in map(json.loads, lines) if found.get("event", {}).get("mail") == letter["mail"]]
    types = [found["event"]["type"] for found in about]
    assert types[:2] == ["mail.received.v1", "register.entered.v1"]
    assert types.index("sign.examined.v1") < types.index("sign.receipt.v1") < types.index("notify.receipted.v1")
    assert {found["stream"].partition("_")[0] for found in about} == {"MAIL", "REGISTER", "FINDINGS", "RECEIPTS"}
    assert [found["stored_at"] for found in about] == sorted(found["stored_at"] for found in about)
    done = world.run("events", "nothing.>", check=False)
    assert done.returncode == 2
    assert "no stream has the subject" in done.stderr


# -- where the system is ----------------------------------------------------------------------------


def test_a_system_that_is_not_there_is_said_in_one_line(world: World, tmp_path: Path) -> None:
    for words, why in (
        (["register", "list", "--state", str(tmp_path)], "there is no running system"),
        (["register", "list", "--config", str(tmp_path / "no.toml")], "cannot be read"),
        (["agency", "list", "--state", "a", "--config", "b"], "say the same thing twice"),
        (["send", str(tmp_path / "no.pdf")], "there is no such file"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "services.cli", *words], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert done.returncode in (1, 2), words
        assert done.stderr.startswith("saraban: ")
        assert why in done.stderr
        assert done.stderr.count("\n") == 1


def test_the_configuration_file_of_a_running_system_finds_it(world: World, tmp_path: Path) -> None:
    """Whoever started it with --config types the same --config afterwards."""
    config = tmp_path / "mine.toml"
    config.write_text(f'state = "{world.state}"\n')
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "agency", "list", "--config", str(config)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "demo" in done.stdout


def test_the_audit_agrees_after_all_that(world: World) -> None:
    done = world.run("audit")
    assert "every promise is kept" in done.stdout
    with pytest.raises(smtplib.SMTPException):
        world._send(b"Subject: x\r\n\r\n", "a@sender.localhost", ["other@demo.localhost"])
