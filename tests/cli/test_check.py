from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from relay.cli import main
from relay.cli.check import require_sound
from relay.config.load import load_settings
from relay.config.toml import ProblemsError
from relay.message.dkim import KeyType, generate

NEWSLETTER = """\
version = 1
[stream]
id = "newsletter"
brand = "brand"
kind = "commercial"
mode = "enforce"
purpose = { en = "Product news" }
audience = { en = "members" }
list_id = "newsletter.brand.example"
[sender]
name = "Brand K.K."
postal_address = "1-1 Chiyoda, Tokyo"
contact = "https://brand.example/contact"
privacy_policy = "https://brand.example/privacy"
[[match]]
client = ["mautic"]
mail_from = ["*@news.brand.example"]
[consent]
accept = ["double-opt-in"]
"""
SETTINGS = """\
[[client]]
name = "mautic"
networks = ["10.0.0.0/8"]
[dkim."brand.example"]
selector = "s1"
key = "k.pem"
[web]
public_url = "https://mail.brand.example"
[identity]
hostname = "relay.brand.example"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound set-up, for each test to break."""
    (tmp_path / "relay.toml").write_text(SETTINGS)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "newsletter.toml").write_text(NEWSLETTER)
    key = tmp_path / "k.pem"
    key.touch(0o600)
    key.write_bytes(generate(KeyType.ED25519))
    return tmp_path


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The problems that `check` prints, without the folder in front of the files."""
    code = main(["check", "-c", str(folder / "relay.toml")])
    printed = capsys.readouterr().out.replace(f"{folder}/", "").splitlines()
    if code == 0:
        assert printed[-1] == "no problem found"
        assert not any("without effect" in line for line in printed)
        return []
    return printed


def test_a_sound_set_up_is_told_in_a_few_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", str(folder / "relay.toml")]) == 0
    printed = capsys.readouterr().out
    assert "streams    newsletter (commercial, enforce)" in printed
    assert "clients    mautic" in printed


@pytest.mark.parametrize(
    ("address", "keys", "said"),
    [
        ("fbl@brand.example", "", ""),
        ("fbl@mail.brand.example", "", ""),
        ("fbl@esp.example", "", "signed for brand.example, not for esp.example"),
        ("fbl@example", "", "signed for brand.example, not for example"),
        ("fbl@notbrand.example", "", "signed for brand.example, not for notbrand.example"),
        ("fbl@esp.example", '[[dkim."brand.example"]]\ndomain = "esp.example"\nselector = "s2"\nkey = "k.pem"\n', ""),
        ("fbl@news.brand.example", '[dkim."news.brand.example"]\nselector = "s2"\nkey = "k.pem"\n', ""),
        (
            "fbl@brand.example",
            '[dkim."news.brand.example"]\nselector = "s2"\nkey = "k.pem"\n',
            "signed for news.brand.example, not for brand.example",
        ),
    ],
)
def test_reports_are_only_sent_to_a_domain_that_the_signature_vouches_for(
    folder: Path, capsys: pytest.CaptureFixture[str], address: str, keys: str, said: str
) -> None:
    policy = folder / "policies" / "newsletter.toml"
    policy.write_text(policy.read_text() + f'[message]\ncfbl_address = "{address}"\n')
    if keys.startswith("[["):
        change(folder / "relay.toml", '[dkim."brand.example"]', '[[dkim."brand.example"]]')
    change(folder / "relay.toml", "[web]", f"{keys}[web]")

    assert main(["check", "-c", str(folder / "relay.toml")]) == 0
    (remarks,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("remarks"))
    assert ("not for" in remarks) == bool(said)
    assert said in remarks
    assert ("newsletter.toml:21: message.cfbl_address: mail from *@news.brand.example is " in remarks) == bool(said)


def test_check_says_that_policies_deserve_a_second_look(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", str(folder / "relay.toml")]) == 0
    assert "remarks    6 of consent-relay policy lint\n" in capsys.readouterr().out


@pytest.mark.parametrize(("days", "words"), [(10, "assumed counts until"), (-10, "assumed: over since")])
def test_a_migration_is_named_with_its_last_day(
    folder: Path, capsys: pytest.CaptureFixture[str], days: int, words: str
) -> None:
    until = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=days)
    policy = folder / "policies" / "newsletter.toml"
    policy.write_text(f'{policy.read_text()}[migration]\naccept = ["assumed"]\nuntil = {until}\n')

    assert main(["check", "-c", str(folder / "relay.toml")]) == 0
    assert f"migration  newsletter: {words} {until}" in capsys.readouterr().out


def test_check_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(folder.rglob("*"))
    checked(folder, capsys)
    assert sorted(folder.rglob("*")) == before


def test_the_embedded_defaults_are_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["check"]) == 0
    assert "settings   embedded defaults\n" in capsys.readouterr().out
    (tmp_path / "relay.toml").touch()
    assert main(["check"]) == 0
    assert "relay.toml is read with -c relay.toml only" in capsys.readouterr().out


def test_settings_and_policies_are_reported_together(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder / "relay.toml", "selector", "selektor")
    change(folder / "policies" / "newsletter.toml", "commercial", "comercial")
    problems = checked(folder, capsys)
    assert [problem.split(": ")[0] for problem in problems] == ["policies/newsletter.toml:5", "relay.toml:5"]


def test_a_client_that_only_a_policy_knows_is_a_problem_of_the_policy(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(folder / "relay.toml", '"mautic"', '"shop"')
    assert checked(folder, capsys) == [
        'policies/newsletter.toml:16: match.client: there is no client "mautic" in the settings, the clients are shop'
    ]


def test_settings_that_the_shipped_examples_do_not_fit_ask_for_policies_of_their_own(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(folder / "policies")
    assert checked(folder, capsys) == [
        (
            "relay.toml:1: policies: there is no folder policies, and the shipped examples do not fit these settings, "
            "make it, then a first policy with consent-relay policy new"
        )
    ]


def test_one_click_needs_https(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder / "relay.toml", "https://", "http://")
    assert checked(folder, capsys) == [
        (
            'relay.toml:8: web.public_url: stream "newsletter" needs one-click unsubscribing, and '
            '"http://mail.brand.example" is not https, write public_url = "https://..." (a proxy in front may do the TLS)'
        )
    ]
    change(folder / "relay.toml", 'public_url = "http://mail.brand.example"', 'address = "0.0.0.0:8025"')
    assert "no https URL is set" in checked(folder, capsys)[0]


def test_one_click_needs_a_signature(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder / "relay.toml", '[dkim."brand.example"]', '[dkim."other.example"]')
    assert checked(folder, capsys) == [
        (
            "policies/newsletter.toml:5: stream.kind: one-click unsubscribing needs a DKIM signature, and no key signs mail "
            "from *@news.brand.example, make a key with consent-relay keys generate and name it under [dkim.default] in the "
            "settings"
        )
    ]
    change(folder / "relay.toml", '[dkim."other.example"]', "[dkim.default]")
    assert checked(folder, capsys) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:8025", "http://localhost:8025"])
def test_a_loopback_url_is_exempt_from_https_and_signature(
    folder: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    change(folder / "relay.toml", "https://mail.brand.example", url)
    change(folder / "relay.toml", '[dkim."brand.example"]', '[dkim."other.example"]')
    assert checked(folder, capsys) == []


def test_a_shadowed_stream_needs_neither_yet(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder / "relay.toml", "https://", "http://")
    change(folder / "policies" / "newsletter.toml", 'mode = "enforce"', 'mode = "shadow"')
    assert checked(folder, capsys) == []


def test_a_key_that_cannot_sign_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    (folder / "k.pem").write_bytes(pem(curve))
    (problem,) = checked(folder, capsys)
    assert problem.startswith('relay.toml:6: dkim."brand.example".key: k.pem is no key to sign with')


def test_a_missing_key_is_told_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "k.pem").unlink()
    assert checked(folder, capsys) == [
        (
            'relay.toml:6: dkim."brand.example".key: there is no file k.pem, '
            "make it with consent-relay keys generate brand.example --selector s1"
        )
    ]


def with_tls(folder: Path) -> None:
    text = '[[listener]]\ntls = "starttls"\ncertificate = "relay.pem"\nkey = "relay.key"\n'
    (folder / "relay.toml").write_text(text + SETTINGS)
    (folder / "relay.key").touch(0o600)


def test_a_certificate_with_its_key_is_fine(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_tls(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    (folder / "relay.pem").write_bytes(certificate(key))
    (folder / "relay.key").write_bytes(pem(key))
    assert checked(folder, capsys) == []


def test_another_certificates_key_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_tls(folder)
    (folder / "relay.pem").write_bytes(certificate(ec.generate_private_key(ec.SECP256R1())))
    (folder / "relay.key").write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    assert checked(folder, capsys) == [
        "relay.toml:4: listener.key: relay.key is not the key of relay.pem, name the pair that was issued together"
    ]


def test_an_expired_certificate_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_tls(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    (folder / "relay.pem").write_bytes(certificate(key, ends=dt.datetime(2020, 1, 2, tzinfo=dt.UTC)))
    (folder / "relay.key").write_bytes(pem(key))
    assert checked(folder, capsys) == ["relay.toml:3: listener.certificate: relay.pem expired on 2020-01-02, renew it"]


def test_a_key_behind_a_password_is_told_and_nobody_is_asked_for_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_tls(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    (folder / "relay.pem").write_bytes(certificate(key))
    (folder / "relay.key").write_bytes(pem(key, b"secret"))
    assert "the key without a password" in checked(folder, capsys)[0]


def test_authorities_that_are_none_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "ca.pem").write_text("nothing")
    hop = '[[next_hop]]\naddress = "mx.brand.example:25"\ntls = "starttls"\nca = "ca.pem"\n'
    (folder / "relay.toml").write_text(hop + SETTINGS)
    assert checked(folder, capsys) == [
        "relay.toml:4: next_hop.ca: ca.pem holds no certificates, name a PEM file with the authorities to trust"
    ]


def test_problems_are_also_told_to_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder / "relay.toml", "https://", "http://")
    assert main(["check", "--json", "-c", str(folder / "relay.toml")]) == 1
    (problem,) = json.loads(capsys.readouterr().out)
    assert (problem["line"], problem["key"]) == (8, "web.public_url")
    change(folder / "relay.toml", "http://", "https://")
    assert main(["check", "--json", "-c", str(folder / "relay.toml")]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_what_fails_the_check_does_not_start(folder: Path) -> None:
    settings = load_settings(folder / "relay.toml", {})
    require_sound(settings)
    (folder / "k.pem").unlink()
    with pytest.raises(ProblemsError, match="there is no file"):
        require_sound(settings)


def pem(key: ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def certificate(key: ec.EllipticCurvePrivateKey, ends: dt.datetime | None = None) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay.brand.example")])
    ends = ends or dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(ends - dt.timedelta(days=2))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


@pytest.mark.parametrize(
    ("hostname", "said"),
    [
        ("relay.brand.example", ""),
        ("relay.esp.example", "from relay.esp.example; make one: consent-relay keys generate relay.esp.example"),
        ("localhost", "comes from localhost, which nobody outside knows; set [identity] hostname or mail_domain"),
    ],
)
def test_own_mail_that_nobody_could_trust_is_remarked_on(
    folder: Path, capsys: pytest.CaptureFixture[str], hostname: str, said: str
) -> None:
    change(folder / "relay.toml", 'hostname = "relay.brand.example"', f'hostname = "{hostname}"')
    assert main(["check", "-c", str(folder / "relay.toml")]) == 0
    printed = capsys.readouterr().out
    assert ("own mail" in printed) == bool(said)
    assert said in printed
