"""Each wrong setting stops the start with one line that names file, key and what is allowed."""

from pathlib import Path

import pytest

from services.runtime.config import ConfigError, host_port, load
from services.runtime.settings import Settings


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "saraban.toml"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text), environ or {})
    line = str(caught.value)
    assert "\n" not in line
    return line.replace(str(tmp_path) + "/", "")


def test_without_anything_the_defaults_hold() -> None:
    assert load(None, {}) == Settings()


def test_the_file_and_the_environment(tmp_path: Path) -> None:
    file = written(tmp_path, '[ingest]\nerrors = 5\nhostname = "a.test"\n[nats]\nreplicas = 3\n')
    settings = load(file, {"SARABAN_INGEST__ERRORS": "7", "SARABAN_NATS__USERS__SIGN": "sign:12:34"})
    assert (settings.ingest.errors, settings.ingest.hostname, settings.nats.replicas) == (7, "a.test", 3)
    assert settings.nats.users == {"sign": "sign:12:34"}


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("SARABAN_INGEST__LISTEN", '["0.0.0.0:25", "[::]:25"]', lambda s: s.ingest.listen == ("0.0.0.0:25", "[::]:25")),
        ("SARABAN_STATE", "/srv/2569", lambda s: s.state == "/srv/2569"),
        ("SARABAN_STATE", "12", lambda s: s.state == "12"),  # a text stays a text
        ("SARABAN_CLOCK__POLL_SECONDS", "16", lambda s: s.clock.poll_seconds == 16.0),
        (
            "SARABAN_SIGN__SEAL_PASSWORDS__OPERATOR",
            '"quoted" = 1',
            lambda s: s.sign.seal_passwords["operator"] == '"quoted" = 1',
        ),
    ],
)
def test_a_value_of_the_environment_is_read_by_its_type(name: str, value: str, read: object) -> None:
    assert callable(read)
    assert read(load(None, {name: value}))


def test_other_variables_are_not_ours() -> None:
    assert load(None, {"SARABAN_SUPERVISED": "1", "PATH": "/bin", "SARABANDE__X": "1"}) == Settings()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[ingest]\nerrors = 1", "ingest.errors: expected int >= 3, allowed: a whole number from 3"),
        ("[ingest]\nerrors = 'x'", "ingest.errors: expected int, got str, allowed: a whole number from 3"),
        ("[ingest]\nerrors = true", "ingest.errors: expected int, got bool, allowed: a whole number from 3"),
        (
            "[nats]\nrequest_seconds = 99",
            "nats.request_seconds: expected float <= 60.0, allowed: a number from 1 to 60",
        ),
        ("[ingest]\nlisten = 'x'", "ingest.listen: expected array, got str, allowed: a list of texts"),
        ("[ingest]\nlisten = [25]", "ingest.listen: expected str, got int, allowed: a text"),
        ("[ingest]\nlisten = ['x']", "ingest.listen: 'x' is not HOST:PORT"),
        ("[ops]\nlisten = 'x:y'", "ops.listen: 'x:y' is not HOST:PORT"),
        ("[log]\nlevel = 'loud'", "log.level: invalid enum value 'loud', allowed: debug or error or info or warning"),
        ("[nats]\nusers = { sign = 'x' }", "nats.users.sign: is not user:password"),
        ("[nats]\nusers = { sign = 1 }", "nats.users: expected str, got int, allowed: a text"),
        ("[ingest]\nflight_bytes = 1000000", "ingest.flight_bytes: 1000000 is less than message_bytes (41943040)"),
        ("[ingest]\ncertificate = 'x.pem'", "ingest.certificate: certificate and private_key go together"),
        (
            "[ingest]\ntrusted_networks = ['10.1']",
            "ingest.trusted_networks: '10.1' is not a network such as 10.1.0.0/16",
        ),
        ("[ingest]\nproxy_networks = ['10.1']", "ingest.proxy_networks: '10.1' is not a network such as 10.1.0.0/16"),
        ("[ingest]\ndns_servers = ['a:b']", "ingest.dns_servers: 'a:b' is not HOST or HOST:PORT"),
        ("[ingest]\nblocklists = ['zen']", "ingest.blocklists: 'zen' is not a domain such as zen.spamhaus.org"),
        ("[ingest]\nrspamd = 'h:11333'", "ingest.rspamd: 'h:11333' is not a URL such as http://127.0.0.1:11333"),
        ("[ingest]\nrspamd = 'http://h:x'", "ingest.rspamd: 'http://h:x' is not a URL such as http://127.0.0.1:11333"),
        ("[sign]\nfetch_hosts = ['a:b']", "sign.fetch_hosts: 'a:b' is not HOST or HOST:PORT"),
        (
            "[sign]\nrevocation = 'fetch'\nchild_seconds = 20",
            "sign.fetch_seconds: with dns_seconds it is not less than child_seconds (20)",
        ),
        ("[sign]\nrevocation = 'ask'", "sign.revocation: invalid enum value 'ask', allowed: carried or fetch"),
        ("[clock]\nservers = ['a:b']", "clock.servers: 'a:b' is not HOST or HOST:PORT"),
        ("[clock]\nwarn_ms = 31", "clock.warn_ms: 31 is more than bound_ms (30)"),
        ("[notify]\nfirst_retry_seconds = 4000", "notify.first_retry_seconds: is more than last_retry_seconds (3600)"),
        (
            "[ingest]\nflight_bytes = 5",
            "ingest.flight_bytes: expected int >= 1000000, allowed: a whole number from 1_000_000",
        ),
        ("ingest = 1", "ingest: expected object, got int"),
    ],
)
def test_a_wrong_value_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    assert refusal(tmp_path, text) == f"saraban.toml: {line}"


def test_a_key_that_does_not_exist_says_which_do(tmp_path: Path) -> None:
    assert (
        refusal(tmp_path, "[log]\nlevle = 'info'")
        == "saraban.toml: log.levle: no such setting; there are level, format"
    )
    assert refusal(tmp_path, "[logs]\nlevel = 'info'").startswith(
        "saraban.toml: logs: no such setting; there are state, "
    )


def test_a_wrong_variable_is_named_itself(tmp_path: Path) -> None:
    environ = {"SARABAN_INGEST__ERRORS": "1"}
    assert refusal(tmp_path, "", environ) == (
        "environment: SARABAN_INGEST__ERRORS: expected int >= 3, allowed: a whole number from 3"
    )
    assert refusal(tmp_path, "", {"SARABAN_INGEST__EROR": "1"}).startswith("environment: SARABAN_INGEST__EROR: no such")
    assert "ingest is no section" in refusal(tmp_path, "ingest = 1", environ)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert refusal(tmp_path, "state =").startswith("saraban.toml: is not TOML: ")
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "none.toml", {})
    (tmp_path / "latin.toml").write_bytes(b"state = '\xe9'")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(tmp_path / "latin.toml", {})


@pytest.mark.parametrize(
    ("text", "found"),
    [("a.test:25", ("a.test", 25)), ("[::1]:25", ("::1", 25)), ("127.0.0.1:0", ("127.0.0.1", 0))],
)
def test_host_and_port(text: str, found: tuple[str, int]) -> None:
    assert host_port(text) == found


@pytest.mark.parametrize("text", ["", "a", ":25", "a:", "a:x", "a:65536", "a:-1", "::1", "[::1]", "[::1:25", "a:๒๕"])
def test_not_host_and_port(text: str) -> None:
    with pytest.raises(ValueError):
        host_port(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a.test", ("a.test", 123)),
        ("::1", ("::1", 123)),
        ("[::1]", ("::1", 123)),
        ("a:5", ("a", 5)),
        ("[::1]:5", ("::1", 5)),
    ],
)
def test_with_a_default_the_port_may_be_missing(text: str, found: tuple[str, int]) -> None:
    assert host_port(text, default=123) == found
