from __future__ import annotations

import csv
import json
from typing import Any

import attrs
import pytest
from given import begun, log_row, put

from workflowkit import Archive, ConfigError
from workflowkit.export import export_to, format_of
from workflowkit.source import AttachmentRow, Chunk, FieldRow, FormRow, InstanceRef, RecordRow


async def test_csv_keeps_every_line_end_within_its_cell(tmp_path):
    comments = ["one\rtwo", "one\ntwo", "one\r\ntwo", 'quoted "x", y', ""]
    rows = [log_row(position, comment=comment) for position, comment in enumerate(comments)]
    async with Archive.open(tmp_path / "a.db") as archive:
        await put(archive, "i", *rows)
        assert await export_to(archive, "logs", str(tmp_path / "a.csv"), "csv") == 5
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as lines:
        assert [row["comment"] for row in csv.DictReader(lines)] == comments


@pytest.mark.parametrize(
    ("to", "chosen", "form"), [("a.CSV", None, "csv"), ("a.jsonl", None, "jsonl"), ("-", "csv", "csv")]
)
def test_the_ending_says_the_format_unless_one_is_chosen(to, chosen, form):
    assert format_of(to, chosen) == form


@pytest.mark.parametrize("to", ["-", "a", "a.xlsx"])
def test_other_endings_are_named(to):
    with pytest.raises(ConfigError, match="--format"):
        format_of(to)


async def exported(archive, table, to, kind="csv", **options):
    await export_to(archive, table, str(to), kind, **options)
    return to.read_text("utf-8")


async def test_links_are_exported_without_their_signature_unless_it_is_wanted(tmp_path):
    link = AttachmentRow(
        position=0, ordinal=0, name="a", size=1, mime=None, url="https://h/x?e=1&token=secret", expires_at=None
    )
    log = log_row(0, signature_url="https://h/sign?e=1&token=secret", comment="is this ok?")
    async with Archive.open(tmp_path / "a.db") as archive:
        await put(archive, "i", attrs.evolve(log, raw=b'{"url": "https://h/x?token=secret"}'), link)
        for table in ("logs", "attachments", "links", "files"):
            for kind in ("csv", "jsonl"):
                plain = await exported(archive, table, tmp_path / "plain", kind)
                assert "https://h/" in plain
                assert "secret" not in plain
                assert "secret" in await exported(archive, table, tmp_path / "raw", kind, raw=True)
        assert "is this ok?" in await exported(archive, "logs", tmp_path / "plain")


@pytest.mark.parametrize(
    "comment", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1+1"]
)
async def test_formulas_are_defused_in_csv(tmp_path, comment):
    async with Archive.open(tmp_path / "a.db") as archive:
        await put(archive, "i", log_row(comment=comment))
        for raw, cell in ((False, f"'{comment}"), (True, comment)):
            await export_to(archive, "logs", str(tmp_path / "a.csv"), "csv", raw=raw)
            with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as lines:
                assert [row["comment"] for row in csv.DictReader(lines)] == [cell]
        assert json.loads(await exported(archive, "logs", tmp_path / "a", "jsonl"))["comment"] == comment


@pytest.mark.parametrize("comment", ["-5", "+49 30", "-1,234.50", "+3%", "a=b", "", "-"])
async def test_what_only_looks_like_one(tmp_path, comment):
    is_number = comment in {"-5", "-1,234.50", "+3%", "a=b", ""}
    async with Archive.open(tmp_path / "a.db") as archive:
        await put(archive, "i", log_row(comment=comment))
        await export_to(archive, "logs", str(tmp_path / "a.csv"), "csv")
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as lines:
        assert [row["comment"] for row in csv.DictReader(lines)] == [comment if is_number else f"'{comment}"]


async def test_excel_is_told_that_it_is_utf_8(tmp_path):
    async with Archive.open(tmp_path / "a.db") as archive:
        await put(archive, "i", log_row(comment="总经理"))
        await export_to(archive, "logs", str(tmp_path / "a.csv"), "csv", bom=True)
    assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbfsystem,")


FIELDS = [
    FieldRow(form_id="f", name=name, label=label, type="text", position=position)
    for position, (name, label) in enumerate(
        [("title", "Title"), ("w2", "Amount"), ("w3", "Amount"), ("w4", None), ("w5", "status"), ("w5.x", "Inside")]
    )
]
RECORD = {
    "_id": "i",
    "creator": {"name": "Ada"},
    "flowState": 1,
    "title": "=1+1",
    "w2": 12.5,
    "w3": None,
    "w4": [{"name": "a.txt", "url": "https://h/a?e=1&token=secret"}, {"name": "b.txt", "mime": "text/plain"}],
    "w5": [{"x": 1}],
    "deleted": "https://example.com/?page=2",
}


async def with_records(archive, *records, fields=FIELDS, forms=(), tenant="t"):
    rows = [
        RecordRow(
            instance_id=each["_id"],
            app_id="a",
            form_id=form_id,
            create_time=None,
            update_time=None,
            creator="Ada",
            raw=json.dumps(each).encode(),
        )
        for each, form_id in records
    ]
    refs = [InstanceRef(id=row.instance_id, app_id="a", form_id=row.form_id) for row in rows]
    run = await begun(archive, tenant=tenant)
    await run.enqueue(Chunk(refs=refs, records=rows, fields=fields, forms=forms), last=True)


async def test_records_have_the_labels_of_their_fields(tmp_path):
    async with Archive.open(tmp_path / "a.db") as archive:
        await with_records(archive, (RECORD, "f"))
        (row,) = csv.DictReader((await exported(archive, "records", tmp_path / "a.csv")).splitlines())
        assert row == {
            "instance_id": "i",
            "status": "",
            "creator": "Ada",
            "create_time": "",
            "update_time": "",
            "Title": "'=1+1",
            "Amount": "12.5",
            "Amount (w3)": "",
            "w4": "a.txt; b.txt",
            "status (w5)": '[{"x": 1}]',
            "other": '{"deleted": "https://example.com/?page=2"}',
        }
        found = json.loads(await exported(archive, "records", tmp_path / "a", "jsonl"))
        assert found["w4"][0] == {"name": "a.txt", "url": "https://h/a"}
        assert found["other"] == {"deleted": "https://example.com/?page=2"}
        assert "secret" in await exported(archive, "records", tmp_path / "a", "jsonl", raw=True)


ODD: dict[str, tuple[str, dict[str, Any]]] = {
    "half an emoji": (r'{"title": "cut \ud83d"}', {"Title": "cut \ufffd"}),
    "not a number": ('{"title": NaN, "w2": Infinity}', {"Title": None, "Amount": None}),
    "nested too deeply": ('{"title": ' + "[" * 100_000 + "]" * 100_000 + "}", {"Title": None}),
    "thousands of digits": ('{"title": ' + "9" * 5_000 + "}", {"Title": None}),
    "a dot in an alias": ('{"a.b": 1}', {"Dotted": 1}),
}


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("why", ODD)
async def test_odd_records_are_exported(tmp_path, why, kind):
    raw, wanted = ODD[why]
    dotted = FieldRow(form_id="f", name="a.b", label="Dotted", type="text", position=9)
    async with Archive.open(tmp_path / "a.db") as archive:
        await with_records(archive, (RECORD, "f"), fields=[*FIELDS, dotted])
        await archive.database.select("UPDATE records SET raw = ?", raw)
        text = await exported(archive, "records", tmp_path / "a", kind)
    if kind == "jsonl":
        found = json.loads(text, parse_constant=pytest.fail)
        assert wanted.items() <= found.items()
        assert ("can't be parsed" in text) == (why in {"nested too deeply", "thousands of digits"})


FILE = {"name": "a.txt", "size": 1, "mime": "text/plain"}
CELLS: dict[str, tuple[Any, str]] = {
    "a member": ({"username": "u1", "name": "Ada", "status": 1}, "Ada"),
    "departments": ([{"dept_no": 1, "name": "Sales"}, {"dept_no": 2, "name": "IT"}], "Sales; IT"),
    "texts": (["a", "b"], "a; b"),
    "a subform": ([{"name": "Pen", "qty": 5}], '[{"name": "Pen", "qty": 5}]'),
    "only a name": ({"name": "Bob"}, '{"name": "Bob"}'),
    "a file": ([{**FILE, "url": "https://h/a?attname=my file.pdf&e=1&token=secret"}], "a.txt"),
    "rich text": (
        '<img src="https://h/a?e=1&token=secret"> and HTTPS://h/b?Signature=secret&x=1\n',
        '<img src="https://h/a"> and HTTPS://h/b\n',
    ),
    "a link of somebody's": (
        "see https://example.com/?page=2&sort=design",
        "see https://example.com/?page=2&sort=design",
    ),
    "many digits": (12345.5, "12345.5"),
}


@pytest.mark.parametrize("why", CELLS)
async def test_cells_of_records(tmp_path, why):
    value, wanted = CELLS[why]
    async with Archive.open(tmp_path / "a.db") as archive:
        await with_records(archive, ({"_id": "i", "title": value}, "f"))
        await export_to(archive, "records", str(tmp_path / "a.csv"), "csv")
        assert "secret" not in await exported(archive, "records", tmp_path / "a", "jsonl")
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as lines:
        assert [row["Title"] for row in csv.DictReader(lines)] == [wanted]


async def test_a_link_in_a_comment_is_without_its_signature_too(tmp_path):
    async with Archive.open(tmp_path / "a.db") as archive:
        await put(archive, "i", log_row(comment="see https://h/x?e=1&token=secret, thanks"))
        text = await exported(archive, "logs", tmp_path / "a.csv")
    assert "see https://h/x" in text
    assert "secret" not in text


async def test_numbers_keep_their_digits(tmp_path):
    async with Archive.open(tmp_path / "a.db") as archive:
        await with_records(archive, (RECORD, "f"))
        await archive.database.select("UPDATE records SET raw = ?", '{"title": 12345678901234567.89, "w2": 1e400}')
        found = json.loads(await exported(archive, "records", tmp_path / "a", "jsonl"))
    assert (found["Title"], found["Amount"]) == ("12345678901234567.89", "1e400")


async def test_labels_that_look_like_the_replacement_of_another(tmp_path):
    labels = {"x": "A (b)", "a": "A", "b": "A"}
    fields = [
        FieldRow(form_id="f", name=name, label=label, type=None, position=n)
        for n, (name, label) in enumerate(labels.items())
    ]
    async with Archive.open(tmp_path / "a.db") as archive:
        await with_records(archive, ({"_id": "i", "x": 1, "a": 2, "b": 3}, "f"), fields=fields)
        found = json.loads(await exported(archive, "records", tmp_path / "a", "jsonl"))
    assert sorted(value for value in found.values() if isinstance(value, int)) == [1, 2, 3]


async def test_records_that_do_not_name_their_form(tmp_path):
    async with Archive.open(tmp_path / "a.db") as archive:
        await with_records(archive, (RECORD, "f"))
        await archive.database.select("UPDATE records SET form_id = NULL")
        assert [form.form_id for form in await archive.forms()] == ["f"]
        assert json.loads(await exported(archive, "records", tmp_path / "a", "jsonl"))["Amount"] == 12.5


async def test_two_tenants_with_a_form_of_the_same_id(tmp_path):
    async with Archive.open(tmp_path / "a.db") as archive:
        for tenant, number in (("t", "i"), ("u", "j")):
            await with_records(archive, ({**RECORD, "_id": number}, "f"), tenant=tenant)
        first, second = csv.DictReader((await exported(archive, "records", tmp_path / "a.csv")).splitlines())
    assert list(first) == list(second)
    assert list(first).count("Title") == 1
    assert {first["instance_id"], second["instance_id"]} == {"i", "j"}


async def test_records_of_several_forms_are_asked_for_by_form(tmp_path):
    form = FormRow(app_id="a", form_id="f", name="Purchases")
    async with Archive.open(tmp_path / "a.db") as archive:
        with pytest.raises(ConfigError, match="no records"):
            await export_to(archive, "records", str(tmp_path / "a.csv"), "csv")
        await with_records(archive, (RECORD, "f"), ({"_id": "j", "x": 1}, "g"), forms=[form])
        for wanted in (None, "h"):
            with pytest.raises(
                ConfigError, match=r"one of f \(Purchases\), g \(no name\)|one of g \(no name\), f \(Purchases\)"
            ):
                await export_to(archive, "records", str(tmp_path / "a.csv"), "csv", form=wanted)
        found = json.loads(await exported(archive, "records", tmp_path / "a", "jsonl", form="g"))
        assert (found["instance_id"], found["other"]) == ("j", {"x": 1})
        assert not (tmp_path / "a.csv").exists()
