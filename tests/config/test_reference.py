from __future__ import annotations

import re
from pathlib import Path

import pytest

from relay.config.load import load_settings
from relay.config.model import RelayFile
from relay.config.reference import BEGIN, END, commented_file, keys_of, renewed, settings_reference, tables
from relay.config.toml import parse_document, validate


def test_every_key_stands_in_the_reference_with_its_variable() -> None:
    text = settings_reference()
    for _, header, model in tables():
        assert header in text
        for key, _ in keys_of(model):
            assert f"| `{key}` |" in text
    assert "`RELAY_WEB__PUBLIC_URL`" in text
    assert '| `retry` | `["5m", "15m", "1h", "4h"]` |' in text


def test_a_manual_is_renewed_between_its_markers_only() -> None:
    manual = f"# Manual\n\n{BEGIN}\nold\n{END}\n\nmore\n"
    text = renewed(manual)
    assert text.startswith(f"# Manual\n\n{BEGIN}\n")
    assert text.endswith(f"{END}\n\nmore\n")
    assert "\nold\n" not in text
    assert renewed(text) == text
    with pytest.raises(ValueError, match="markers"):
        renewed("# Manual\n")


def test_the_manual_is_up_to_date() -> None:
    manual = Path(__file__).resolve().parents[2] / "deploy" / "README.md"
    text = manual.read_text("utf-8")
    assert renewed(text) == text, "run python -m relay.config.reference deploy/README.md"


def test_the_commented_file_says_what_an_empty_one_says(tmp_path: Path) -> None:
    written, empty = tmp_path / "written.toml", tmp_path / "empty.toml"
    written.write_text(commented_file({}))
    empty.write_text("")
    read, expected = load_settings(written, {}), load_settings(empty, {})
    assert (read.listeners, read.clients, read.next_hops) == (expected.listeners, expected.clients, expected.next_hops)
    assert (read.limits, read.web, read.store, read.dkim) == (expected.limits, expected.web, expected.store, {})


def test_every_line_behind_a_hash_is_a_setting_that_would_be_taken() -> None:
    uncommented = re.sub(r"(?m)^#(?! )", "", commented_file({}))
    # a password and a hash are no examples that could be valid together with the rest
    uncommented = re.sub(
        r'(?m)^(username|password|tls_name|ca|certificate|key|password_file) = "(\$|\.|/|mx|relay).*$', "", uncommented
    )
    assert validate(RelayFile, parse_document(Path("f"), uncommented.encode()))


def test_chosen_values_are_set_and_the_rest_stays_a_comment() -> None:
    text = commented_file(
        {
            "mode": "observe",
            "client": [{"name": "a", "networks": ["10.0.0.0/8"]}, {"name": "b"}],
            "dkim": {"brand.example": {"selector": "s1", "key": "k.pem"}},
        }
    )
    lines = text.splitlines()
    assert 'mode = "observe"' in lines
    assert lines.count("[[client]]") == 2
    assert '[dkim."brand.example"]' in lines
    assert '#public_url = "https://mail.brand.example"' in lines
    assert max(map(len, lines)) <= 120
