"""A running system notices that its store was tampered with, and says so as a metric and in its log."""

from pathlib import Path

from tests.waiting import until
from tests.world import DEMO, World

LETTER = "Message-ID: <{n}@sender.localhost>\r\nFrom: citizen@sender.localhost\r\nSubject: {n}\r\n\r\n{n}\r\n"
HOLDS = 'saraban_audit_holds{read="new"}'


async def test_a_deleted_row_is_a_broken_promise_within_a_run(tmp_path: Path) -> None:
    quick = {"SARABAN_AUDIT__START_SECONDS": "0", "SARABAN_AUDIT__EVERY_SECONDS": "10"}
    world = World(tmp_path / "world", environment=quick)
    try:
        await world.start()

        def says(*lines: str) -> bool:
            return all(f"{line}\n" in world.page("/metrics")[1] for line in lines)

        for n in range(3):
            await world.send(LETTER.format(n=n).encode(), to=[DEMO])
        await until(lambda: says(f"{HOLDS} 1.0", "saraban_audit_rows_proven_total 3.0"), 90)

        async with world.bus("officers") as officers, world.bus("retention") as retention:
            info = await officers.js.stream_info("REGISTER", subjects_filter="register.v1.entered.>")
            (book,) = info.state.subjects or {}
            row = await officers.js.get_msg("REGISTER", subject=book, seq=1, next=True)
            await retention.api("STREAM.MSG.DELETE.REGISTER", {"seq": row.seq})
        await until(lambda: says(f"{HOLDS} 0.0", 'saraban_audit_problems{code="store"} 1.0'), 60)
        assert world.page("/readyz")[0] == 200, "letters go on being received"
        assert "has 2 messages, and 3 were proven" in world.log.read_text()

        typed = world.run("audit", "--from-start", check=False)
        assert (typed.returncode, "does not continue the row before it" in typed.stdout.replace("\n", " ")) == (1, True)
    finally:
        await world.stop()
