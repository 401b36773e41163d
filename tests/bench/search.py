"""`python -m tests.bench.search`: a search in a book of 100,000, whole commands and the catching up of the index.

The book is written straight into a real nats-server; the commands are processes of their own, as an officer types them.
"""

import argparse
import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from services.runtime import directory
from services.runtime.bus import Bus
from services.runtime.provision import provision
from tests.books import agency
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer
from tests.written_books import WrittenBooks

SUBJECTS = (
    "ด่วนมาก ที่ ทส ๐๑๐๑/ว{n} ขอเชิญเข้าร่วมโครงการฝึกอบรมเชิงปฏิบัติการ",
    "ขอความอนุเคราะห์ข้อมูลผู้ที่ชำระภาษีที่ดินและสิ่งปลูกสร้าง",
    "แจ้งเวียนแนวทางปฏิบัติเกี่ยวกับการจัดทำงบประมาณรายจ่ายประจำปี",
    "ขอส่งรายงานการประชุมคณะกรรมการน้ำแห่งชาติ ครั้งที่ {n}/๒๕๖๙",
)
OFFICES = ("กรมบัญชีกลาง", "สำนักงาน ก.พ.ร.", "กรมที่ดิน")


async def write(bus: Bus, count: int) -> WrittenBooks:
    """A book of so many letters, each with its findings."""
    await directory.put(bus, agency())
    books = WrittenBooks(bus)
    for number in range(1, count + 1):
        found = {"letter_number": f"ทส ๐๑๐๑/ว{number}", "issuer": OFFICES[number % 3]}
        await books.letter(SUBJECTS[number % 4].format(n=number), f"saraban@dept{number % 97}.go.th", found=found)
    await books.flush()
    return books


def configuration(folder: Path, server: NatsServer) -> Path:
    """A configuration file that names the server."""
    file = folder / "saraban.toml"
    users = "".join(f'{name}="{name}:{password}"\n' for name, password in server.passwords.items())
    file.write_text(f'state="{folder}"\n[nats]\nservers=["{server.url}"]\n[nats.users]\n{users}')
    return file


def command(file: Path, *words: str) -> tuple[float, float, str]:
    """Seconds on the clock, seconds of the processor, and the answer."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    line = [sys.executable, "-m", "services.cli", "register", *words, "--config", str(file)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begun, used, done.stdout


async def bench(count: int, rounds: int) -> None:
    """Write, search, say how long it took."""
    with tempfile.TemporaryDirectory(prefix="saraban-search-") as name:
        folder = Path(name)
        server = NatsServer(folder / "server")
        server.start()
        try:
            await provision(server.settings(), THIS_YEAR)
            bus = await Bus.connect(server.settings(), "test")
            books = await write(bus, count)
            file = configuration(folder, server)
            said = f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {count:,} entries\n"
            print(said + "| what | clock | processor |\n| --- | --- | --- |")
            wall, used, _ = command(file, "search", "--number", str(count))
            print(f"| first search: the index is made | {wall:.2f} s | {used:.2f} s |")
            size = sum(each.stat().st_size for each in (folder / "search").glob("*.sqlite3"))
            _row("the command's start alone (`--help`)", [command(file, "search", "--help") for _ in range(rounds)])
            for words in (
                ("--number", str(count // 2)),
                ("--letter-number", f"ทส 0101/ว{count // 3}"),
                ("--sender", "dept13.go.th"),
                ("ภาษีที่ดิน", f"ว{count // 4}"),
                ("no such words",),
                ("--from", f"{THIS_YEAR - 543}-02-01", "--to", f"{THIS_YEAR - 543}-02-02"),
            ):
                _row(" ".join(words), [command(file, "search", *words) for _ in range(rounds)])
            for number in range(1_000):
                await books.letter(f"เรื่องใหม่ {number}", found={"issuer": "กรมใหม่"})
            await books.flush()
            _row("after 1,000 new letters", [command(file, "search", "เรื่องใหม่ 999")])
            print(f"\nindex {size / 1e6:.0f} MB")
            await bus.close()
        finally:
            server.kill()


def _row(what: str, times: list[tuple[float, float, str]]) -> None:
    wall, used = statistics.median(one[0] for one in times), statistics.median(one[1] for one in times)
    print(f"| {what} | {wall:.2f} s | {used:.2f} s |", flush=True)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    asyncio.run(bench(asked.entries, asked.rounds))


if __name__ == "__main__":
    main()
