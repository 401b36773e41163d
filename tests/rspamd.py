"""A real rspamd for a test: one worker on a free port of the loopback, with no rules but its own test pattern."""

import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import free_port
from tests.waiting import until_sync

GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
"""What every spam filter rejects, so that one can try it."""

# Its own list of public suffixes and its languages would cost ten seconds of processor time at the start.
CONFIGURATION = """
options {{
  filters = "";
  pidfile = "{folder}/pid"; tempdir = "{folder}"; dbdir = "{folder}"; rundir = "{folder}"; hs_cache_dir = "{folder}/";
  control_socket = "{folder}/control.sock mode=0600";
  url_tld = "{folder}/suffixes";
  disable_hyperscan = true;
  dns {{ nameserver = ["127.0.0.1:{nowhere}"]; timeout = 0.1s; retransmits = 1; }}
}}
lang_detection {{ languages = "{folder}/none"; }}
logging {{ type = "console"; level = "info"; color = false; }}
actions {{ reject = 15; add_header = 6; greylist = 4; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
"""


@dataclass
class Rspamd:
    """A running one."""

    url: str
    log: Path


@contextmanager
def rspamd(folder: Path) -> Iterator[Rspamd]:
    """Run one until the end of the block."""
    program = shutil.which("rspamd")
    assert program
    folder.mkdir()
    (folder / "suffixes").write_text("test\n")
    port = free_port()
    configuration, log = folder / "rspamd.conf", folder / "log"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port, nowhere=free_port()))
    with log.open("wb") as output:
        # It may be root here, as in a container; it has nothing to hide.
        process = subprocess.Popen([program, "-i", "-f", "-c", str(configuration)], stdout=output, stderr=output)
    try:
        until_sync(lambda: _answers(f"http://127.0.0.1:{port}/ping", process, log))
        yield Rspamd(f"http://127.0.0.1:{port}", log)
    finally:
        process.terminate()
        process.wait()


def _answers(url: str, process: "subprocess.Popen[bytes]", log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
