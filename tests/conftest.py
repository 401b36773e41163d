"""Fixtures for every test: a real nats-server, a connection to it, programs of system packages."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.runtime.bus import Bus
from services.runtime.provision import provision
from tests import exim
from tests.servers import NatsServer

PROGRAMS = {
    "postfix": "postfix",
    "swaks": "swaks",
    "prometheus": "promtool",
    "poppler-utils": "pdftotext",
    "libnss3-tools": "certutil",
    "strace": "strace",
    "faketime": "faketime",
    "chrony": "chronyd",
    "nodejs": "node",
    "dnsmasq-base": "dnsmasq",
    "rspamd": "rspamd",
    "clamav-daemon": "clamd",
    "curl": "curl",
    "openssl": "openssl",
    "softhsm2": "softhsm2-util",
    "tesseract-ocr": "tesseract",
    "exim4-daemon-light": "exim4",
}
"""Debian package to a program of it, for `@pytest.mark.system(package)`."""

THIS_YEAR = datetime.now(UTC).year + 543
"""Buddhist year the fixtures provision MAIL for."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that needs a system package is skipped where it is missing, and fails in CI."""
    for mark in item.iter_markers("system"):
        for package in mark.args:
            path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", str(exim.PROGRAM.parent)])
            if shutil.which(PROGRAMS[package], path=path):
                continue
            reason = f"needs {PROGRAMS[package]!r} of the Debian package {package}"
            if os.environ.get("CI"):
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A nats-server of this test's own, durable, with nothing in it."""
    server = NatsServer(tmp_path / "server")
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    """A connection to `nats_server`, which has all streams, buckets and consumers of this year."""
    await provision(nats_server.settings(), THIS_YEAR)
    connected = await Bus.connect(nats_server.settings(), "test")
    yield connected
    await connected.close()
