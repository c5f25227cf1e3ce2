"""A relay's store on disk and everything that the relay and its commands do to it, at a time that the caller sets."""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from store.ledgers import KEY
from store.samples import NOW, decision, event, fresh_id, outcome
from store.test_restoring import exchange_for

from relay.address import Address
from relay.cli import main
from relay.cli.consent_move import plan_of
from relay.cli.consent_subject import held_of
from relay.cli.lists import read_list
from relay.cli.parsing import Parser, Setup
from relay.cli.subject_json import as_json_text
from relay.cli.subject_text import as_text
from relay.config.load import load_settings
from relay.consent.checking import Checked
from relay.consent.events import NOES, RELAY, Event, EventKind
from relay.consent.facts import Facts, as_json
from relay.consent.formats import COLUMNS
from relay.consent.heads import check_heads, find_lost
from relay.consent.known_formats import OWN
from relay.consent.retention import Retention
from relay.consent.rows import RowRules
from relay.decision import Result
from relay.policy.evaluate import Evaluation, evaluate
from relay.policy.files import load_policies
from relay.policy.model import Policies
from relay.reply import Reply
from relay.store.appending import append_events
from relay.store.asks import Ask, put_ask
from relay.store.backup import write_backup
from relay.store.bulk import import_bulk
from relay.store.committing import Committer, Work
from relay.store.connection import open_for_reading
from relay.store.due import Periods
from relay.store.erasing import erase_everywhere
from relay.store.facts import read_facts
from relay.store.heads import HeadsFile, Signer
from relay.store.journal import Journal
from relay.store.journal_lines import MARK
from relay.store.keys import load_pseudonyms
from relay.store.learning import Learning, Lessons, tells_of_address
from relay.store.newest import newest_recorded
from relay.store.queries import query
from relay.store.reading import Reader, open_reader
from relay.store.refolding import verify_facts
from relay.store.replaying import replay
from relay.store.restoring import carry_out, check_store
from relay.store.retention import purge
from relay.store.rows import decision_row, outcome_row, watermark_row
from relay.store.seals import Sealer, place_of
from relay.store.signing import public_text
from relay.store.unpacking import unpack
from relay.store.verifying import extent_of, verify_lines, verify_wordings

#: Each stream and its brand.
STREAMS: Final = {"newsletter": "brand", "offers": "brand", "elsewhere": "other"}
_SHIPPED: Final = Path(__file__).parents[2] / "policies" / "newsletter.toml"
_HOP: Final = "127.0.0.1:25"
_TAKEN: Final = Reply(250, "2.0.0", "queued")
_UNKNOWN: Final = Reply(550, "5.1.1", "no such user")


def write_policies(folder: Path) -> None:
    """The shipped newsletter for each of the streams."""
    folder.mkdir(parents=True)
    shipped = _SHIPPED.read_text("utf-8").partition("[[expect]]")[0]
    for stream, brand in STREAMS.items():
        text = shipped.replace('id = "newsletter"', f'id = "{stream}"').replace('brand = "brand"', f'brand = "{brand}"')
        (folder / f"{stream}.toml").write_text(text.replace("newsletter.brand", f"{stream}.brand"), "utf-8")


@functools.cache
def policies() -> Policies:
    with tempfile.TemporaryDirectory() as folder:
        write_policies(Path(folder) / "policies")
        return load_policies(Path(folder) / "policies")


class AnyStore:
    """In `folder`; policies: of STREAMS. now: may be set by anybody."""

    def __init__(self, folder: Path, policies: Policies) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "relay.toml").write_text("", "utf-8")
        self.folder, self.policies = folder, policies
        self.now = NOW
        self.settings = load_settings(folder / "relay.toml", {})
        self.pseudonyms = load_pseudonyms(self.settings.keys.people)
        self.committer = self.opened()
        self._learning = Learning(lambda c, one: self._append(c, [one]), os.urandom)

    # --- the relay -----------------------------------------------------------------------------------------------

    def opened(self, *, behind_is_fine: bool = False) -> Committer:
        store = self.settings.store
        return Committer(store.path, store.journal, self.pseudonyms, behind_is_fine=behind_is_fine)

    def reopen(self) -> None:
        self.committer.close()
        self.committer = self.opened()

    def close(self) -> None:
        self.committer.close()

    def append(self, *events: Event) -> None:
        says_no = any(one.kind in NOES for one in events)
        self.do(lambda connection: self._append(connection, events), says_no=says_no)

    def settle(self, address: Address, stream: str, *, delivered: bool) -> None:
        """One mail and what the next hop said, as SqliteStore.settle_later."""
        reply = _TAKEN if delivered else _UNKNOWN
        facts = as_json(self.facts([address], stream)[address])
        one = decision(address, at=self.now, stream=stream, brand=STREAMS[stream], facts=facts)
        result = Result.DELIVERED if delivered else Result.REFUSED
        told = outcome(
            one,
            at=self.now,
            result=result,
            reply=reply,
            contact=delivered,
            address=address,
            stream=stream,
            next_hop=_HOP,
        )

        def work(connection: sqlite3.Connection) -> Lessons:
            connection.execute(query("insert_decision"), decision_row(one))
            connection.execute(query("insert_outcome"), outcome_row(told))
            if delivered:
                connection.execute(query("move_watermark"), watermark_row(told))
            return self._learning.learn_from(connection, [told] if tells_of_address(told) else [])

        self.do(work)

    def ask(self, address: Address, stream: str, source: str, *, left: bool) -> None:
        """As relay.workers.asking: the question, the note of it, and, once its mail has left, that."""
        request = event(
            EventKind.REQUEST,
            address,
            brand=STREAMS[stream],
            stream=stream,
            at=self.now,
            recorded_at=self.now,
            source=source,
            recorder=RELAY,
            live=True,
        )
        ask = Ask(STREAMS[stream], stream, address, request.id, source, self.now, 1, self.now + timedelta(days=14))
        self.append(request)
        self.do(lambda connection: put_ask(connection, ask))
        if left:
            self.append(replace(request, id=fresh_id(), mail_sent_at=self.now))

    def seal(self, *, most: int = 3) -> None:
        """Seals of a few lines, and a head when it is time."""
        with contextlib.closing(Sealer(self.settings.store.path, lambda: self.now)) as sealer, sealer.turn(patience=30):
            while sealer.step(most):
                pass
            signer = Signer(HeadsFile(self.settings.ledger.heads), KEY, timedelta(minutes=5))
            signer.sign(sealer.last(), sealer.place_of, self.now, at_once=True)

    # --- commands ------------------------------------------------------------------------------------------------

    def erase(self, address: Address) -> None:
        erase_everywhere(self.committer, address.wide, self.now)

    def import_csv(self, text: str) -> list[str]:
        """As `consent import`; why rows were refused."""
        listed = read_list(io.BytesIO(text.encode()), "utf-8", lambda _: None)
        rules = RowRules(brands=STREAMS, now=self.now, pseudonyms=self.pseudonyms, recorder="import list.csv")
        parser = Parser(Setup(listed.kind, listed.columns, listed.delimiter, OWN, rules, self.policies))
        refused: list[str] = []
        import_bulk(
            self.committer,
            listed.blocks,
            parser,
            on_parsed=lambda parsed: refused.extend(one.why for one in parsed.extra.refused),
            judge=lambda _connection, _rows: None,
        )
        return refused

    def export_csv(self) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            assert main(["consent", "export", "-c", str(self.folder / "relay.toml")]) == 0
        return printed.getvalue()

    def move(self, old: Address, new: Address) -> set[str]:
        """As `consent move`; the streams for which the new address is asked."""
        with self.reader() as reader:
            if reader.erased_at(old) is not None:
                return set()
            plan = plan_of(reader, self.policies, old, new, self.now)
        common: dict[str, Any] = {"at": self.now, "recorded_at": self.now, "source": "address change", "live": True}
        brands = sorted(set(STREAMS.values()))
        self.append(*(event(EventKind.WITHDRAW, old, brand=brand, stream="", **common) for brand in brands))
        later = self.now + timedelta(microseconds=1)
        common |= {"at": later, "recorded_at": later}
        self.append(*(event(EventKind.REQUEST, new, brand=one.brand, stream=one.id, **common) for one in plan.asked))
        return {one.id for one in plan.asked}

    def purge(self, days: int) -> bool:
        """As `db purge`, by policies that keep evidence so many days; not when the clock is in doubt."""
        with contextlib.closing(open_for_reading(self.settings.store.path)) as reading:
            newest = newest_recorded(reading)
            if newest is not None and newest > self.now:
                return False
            kept = Retention(timedelta(days), timedelta(days // 2))
            policies = Policies(tuple(replace(one, retention=kept) for one in self.policies.streams), "")
            purge(reading, self.committer, self.pseudonyms, Periods(policies, timedelta(90), self.now))
        return True

    def backup(self) -> bytes:
        out = io.BytesIO()
        write_backup(self.settings, out, self.settings.store.path.parent, self.now)
        return out.getvalue()

    def restore(self, backup: bytes, scratch: Path) -> int:
        """As `db restore --force`, without the journal's replay: how many lines the store lacks."""
        self.committer.close()
        scratch.mkdir()
        manifest = unpack(io.BytesIO(backup), scratch)
        check_store(scratch / "relay.db", manifest, scratch / "keys/people.key")
        return carry_out(exchange_for(self.settings, scratch), scratch / "replaced")

    def replay(self) -> None:
        """As `db migrate --replay-withdrawals`, and then the operator signs for what is lost."""
        with contextlib.closing(self.opened(behind_is_fine=True)) as committer:
            replay(committer, self.now)
        self.committer = self.opened()
        with contextlib.closing(Sealer(self.settings.store.path, lambda: self.now)) as sealer, sealer.turn(patience=30):
            sealer.seal_all()
            last = sealer.last()
            signer = Signer(HeadsFile(self.settings.ledger.heads), KEY, timedelta(minutes=5))
            if not self.settings.ledger.heads.exists():
                signer.sign(last, sealer.place_of, self.now, at_once=True)
            elif last is not None:
                signer.accept(last, sealer.place_of, self.now, "a backup was restored")

    # --- what can be seen ----------------------------------------------------------------------------------------

    def facts(self, addresses: Sequence[Address], stream: str) -> Mapping[Address, Facts]:
        return read_facts(self.committer.connection, self.pseudonyms, STREAMS[stream], stream, addresses)

    def judged(self, facts: Facts, address: Address, stream: str) -> Evaluation:
        return evaluate(self.policies.by_id[stream], facts, address, self.now)

    def reader(self) -> Reader:
        return open_reader(self.settings.store.path, self.pseudonyms)

    def has_lines_of(self, wide: str) -> bool:
        return bool(self.committer.connection.execute("SELECT 1 FROM ledger WHERE wide = ?", (wide,)).fetchone())

    def lines(self) -> int:
        return int(self.committer.connection.execute(query("last_line")).fetchone()[0])

    def subject_export(self, address: Address) -> str:
        with self.reader() as reader:
            held = held_of(reader, self.policies, address, self.now)
            told = as_json_text(held, self.settings, self.policies, self.now)
            return "\n".join([told, *as_text(held, self.settings, self.policies, self.now)])

    def findings(self) -> list[str]:
        """Of `consent verify --facts`."""
        path = self.settings.store.path
        with contextlib.closing(open_for_reading(path)) as connection:
            extent = extent_of(connection)
            found: Checked = verify_lines(path, extent)
            verify_wordings(found, connection)
            heads = HeadsFile(self.settings.ledger.heads)
            if extent.seals:
                trusted = [public_text(KEY)]
                seen = check_heads(found, heads.lines(), trusted, lambda number: place_of(connection, number))
                find_lost(found, seen, extent.lines)
            verify_facts(found, connection, self.pseudonyms)
            missing = list(Journal(self.settings.store.journal).missing_in(connection))
        return [str(one) for one in found.findings] + [f"the store lacks {one.kind} {one.id}" for one in missing]

    def noes_not_in_the_journal(self) -> list[str]:
        written = {entry.id for entry in self.committer.journal.entries() if entry.says_no}
        sql = "SELECT id FROM ledger WHERE kind IN ('withdraw', 'complain') AND address IS NOT NULL"
        return [identity for (identity,) in self.committer.connection.execute(sql) if identity not in written]

    def noes_in_the_journal(self) -> int:
        """Erasures among them."""
        return sum(1 for entry in self.committer.journal.entries() if entry.kind != MARK)

    def files(self) -> Iterator[Path]:
        return (path for path in self.folder.rglob("*") if path.is_file())

    def do(self, work: Any, *, says_no: bool = False) -> Any:
        (result,) = self.committer.commit([Work(work, says_no)])
        if isinstance(result, BaseException):
            raise result
        self.committer.checkpoint()
        return result

    def _append(self, connection: sqlite3.Connection, events: Sequence[Event]) -> None:
        append_events(connection, events, self.pseudonyms, os.urandom)


def csv_of(rows: Sequence[Mapping[str, str]]) -> str:
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()
