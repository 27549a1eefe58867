"""The figures of a report: those of one pass over the archive are those of its SQL, whatever the archive holds."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import attrs
import pytest
from invented import MONDAY, anything, case, commented, log, node, run, store, task
from stored import figures_of

from workflowkit import Archive, ConfigError
from workflowkit.archive import Where
from workflowkit.report import WorkingHours, analyse, find_timelines, render
from workflowkit.report.sql import statements

BERLIN = ZoneInfo("Europe/Berlin")


def near(value):
    return None if value is None else pytest.approx(value, abs=0.002)


@pytest.mark.parametrize("seed", range(12))
async def test_they_are_those_of_the_sql(tmp_path, seed):
    rng = random.Random(seed)
    share = (0, 1, 0.5)[seed % 3]
    told = [anything(rng, number, tasks=rng.random() < share) for number in range(rng.choice((3, 40, 150)))]
    async with Archive.open(tmp_path / "a.db") as archive:
        await store(archive, told)
        runs = [run(n, *(node(p, rng.choice(("FINISHED", "FAILED"))) for p in range(3))) for n in range(5)]
        await store(archive, runs, system="secmaster")
        report = await analyse(archive, zone=BERLIN)
        sql = figures_of(archive.path, await statements(archive, BERLIN))
    all_tasks = report.scope.basis == "tasks"
    (scope,) = sql["scope"]
    assert (scope["cases"], scope["complete"]) == (report.scope.cases, report.scope.complete)
    assert (scope["steps"], scope["impossible"]) == (report.scope.steps, report.scope.impossible)
    _compare_waits(report, sql, all_tasks=all_tasks)
    days = {(row["day"] + 6) % 7 * 24 + row["hour"]: row for row in sql["hours"]}
    assert {hour.weekday * 24 + hour.hour: (hour.arrived, near(hour.median)) for hour in report.week} == {
        key: (row["arrived"], row["median"]) for key, row in days.items()
    }
    weeks = {week.monday.isoformat(): (week.began, week.ended) for week in report.weeks if week.began or week.ended}
    assert weeks == {row["monday"]: (row["began"], row["ended"]) for row in sql["weeks"]}
    assert report.open.number == len(sql["open"])
    ages = [row["age"] for row in sql["open"] if row["age"] is not None]
    assert [near(case.age) for case in report.open.oldest if case.age is not None] == ages[:20]
    nodes = [(node.workflow, node.node, node.runs, node.failed) for node in report.playbooks.failures]
    assert nodes == [(row["workflow"], row["node"], row["runs"], row["failed"]) for row in sql["playbooks"]]
    if all_tasks:
        _compare_flow(report, sql)


def _compare_waits(report, sql, *, all_tasks):
    names = {"f1": "f1", "f2": "f2"} if len(report.scope.forms) > 1 else {}
    waits = {(names.get(row["form"]), row["activity"]): row for row in sql["waits"]}
    shown = {(step.form, step.activity): step for step in report.waits}
    if all_tasks or all(row["decided"] for row in sql["waits"]):
        assert set(shown) == set(waits)
    for key, step in shown.items():
        row = waits[key]
        assert (step.decided, near(step.median), near(step.p90)) == (row["decided"], row["median"], row["p90"]), key
        if all_tasks:
            assert (near(step.share), step.waiting) == (row["share"], row["waiting"]), key
        else:
            assert (step.share, step.waiting) == (None, None)


def _compare_flow(report, sql):
    people = sorted((person.decided, person.waiting, round(person.queue, 4)) for person in report.people)
    assert people == sorted((row["decided"], row["waiting"], round(row["queue"] or 0, 4)) for row in sql["people"])
    assert [week.waiting for week in report.weeks][-1:] == [row["waiting"] for row in sql["weeks"]][-1:]
    if report.rework is not None:
        steps = sorted(
            (step.activity, step.ended, step.sent_back, step.again, step.cases, round(step.seconds, 3))
            for step in report.rework.steps
        )
        names = ("activity", "ended", "sent_back", "again", "cases", "seconds")
        assert steps == sorted(
            tuple(round(row[name], 3) if name == "seconds" else row[name] for name in names) for row in sql["again"]
        )
    found = [] if report.paths is None else [(" > ".join(path.steps), path.cases) for path in report.paths.common]
    assert found == [(row["path"], row["cases"]) for row in sql["paths"]]


async def figures(tmp_path, told, **options):
    async with Archive.open(tmp_path / "a.db") as archive:
        await store(archive, told)
        return await analyse(archive, **{"zone": UTC, **options})


async def test_logs_alone_tell_how_long_but_no_shares_paths_and_desks(tmp_path):
    told = [commented(n, log(0, MONDAY, n + 1)) for n in range(60)]
    report = await figures(tmp_path, told)
    assert report.scope.basis == "logs"
    assert (report.waits[0].median, report.waits[0].p90) == (30 * 3600, 54 * 3600)
    assert (report.waits[0].share, report.waits[0].waiting) == (None, None)
    assert (report.people, report.rework, report.paths) == ([], None, None)
    assert all(week.waiting is None for week in report.weeks)


async def test_logs_and_tasks_are_never_mixed_in_one_share(tmp_path):
    told = [case(n, task(0, MONDAY, 1)) for n in range(3)]
    told += [commented(n, log(0, MONDAY, 100)) for n in range(10, 20)]
    report = await figures(tmp_path, told)
    assert (report.scope.basis, report.scope.cases, report.scope.complete) == ("tasks", 13, 3)
    (step,) = report.waits
    assert (step.decided, step.median, step.share) == (3, 3600, 1)


async def test_now_is_when_the_last_instance_was_harvested(tmp_path):
    before = datetime.now(UTC)
    report = await figures(tmp_path, [case(1, task(0, MONDAY, None))])
    assert before - timedelta(seconds=1) <= report.scope.as_of <= datetime.now(UTC)
    (oldest,) = report.open.oldest
    assert oldest.age == pytest.approx((report.scope.as_of - MONDAY).total_seconds(), abs=0.01)
    assert (oldest.activity, oldest.people) == ("Finance review", ["Ada Park"])


async def test_signers_side_by_side_and_hand_overs_are_not_done_again(tmp_path):
    def ended(hours):
        return MONDAY + timedelta(hours=hours)

    told = [
        case(1, task(0, MONDAY, 2), task(1, MONDAY, 3)),
        case(2, task(0, MONDAY, 2, finish_action="transfer"), task(1, ended(2), 3)),
        case(3, task(0, MONDAY, 2, finish_action="back"), task(1, ended(2), 3)),
    ]
    report = await figures(tmp_path, told)
    (step,) = report.rework.steps
    assert (step.again, step.cases, step.seconds, step.sent_back, step.handed_on) == (1, 1, 3 * 3600, 1, 1)
    assert report.rework.share == pytest.approx(1 / 3)


async def test_what_a_rule_decides_has_no_wait(tmp_path):
    told = [case(1, task(0, MONDAY, 0, finish_action="auto_approve"), task(1, MONDAY, 4))]
    report = await figures(tmp_path, told)
    assert [(step.decided, step.median) for step in report.waits] == [(1, 4 * 3600)]
    assert report.rework.steps[0].by_rule == 1


async def test_an_end_before_the_beginning_is_no_wait_but_told(tmp_path):
    report = await figures(tmp_path, [case(1, task(0, MONDAY, -5), task(1, MONDAY, 1))])
    assert (report.scope.impossible, report.waits[0].decided) == (1, 1)


async def test_two_people_of_one_name_are_two(tmp_path):
    tasks = [task(0, MONDAY, 1, assignee_username="a"), task(1, MONDAY, 2, assignee_username="b")]
    report = await figures(tmp_path, [case(1, *tasks)])
    assert sorted(person.person for person in report.people) == ["Ada Park (a)", "Ada Park (b)"]


async def test_without_names_nobody_is_named_anywhere(tmp_path):
    report = await figures(tmp_path, [case(1, task(0, MONDAY, 1), task(1, MONDAY, None))], names=False)
    again = await figures(tmp_path, [], names=False)
    assert "Ada" not in repr(report)
    assert "u1" not in repr(report)
    (person,) = report.people
    assert report.open.oldest[0].people == [person.person]
    assert again.people[0].person != person.person, "nobody can find out by trying names"


async def test_working_hours_leave_out_nights_weekends_and_holidays(tmp_path):
    friday = datetime(2025, 1, 10, 17, tzinfo=UTC)
    told = [case(n, task(0, friday, 65 if n < 6 else 89)) for n in range(11)]  # until Monday and Tuesday, 10:00
    report = await figures(tmp_path, told, hours=WorkingHours.parse("9-18"))
    (step,) = report.waits
    assert (step.median, step.p90, step.calendar_median) == (2 * 3600, 11 * 3600, 65 * 3600)
    assert report.day == 9 * 3600
    off = WorkingHours.parse("9-18", "mon-fri", [datetime(2025, 1, 13, tzinfo=UTC).date()])
    report = await figures(tmp_path, [], hours=off)
    assert (report.waits[0].median, report.waits[0].p90) == (3600, 2 * 3600)


@pytest.mark.parametrize(
    ("hours", "days", "says"),
    [
        ("18-9", "mon-fri", "end after they begin"),
        ("9-25", "mon-fri", "by 24"),
        ("9", "mon-fri", "written as 9-18"),
        ("9-18", "mon-x", "written as mon-fri"),
        ("9-18", "monday", "written as mon-fri"),
    ],
)
def test_working_hours_that_are_none(hours, days, says):
    with pytest.raises(ConfigError, match=says):
        WorkingHours.parse(hours, days)


def test_days_may_go_over_the_weekend():
    assert WorkingHours.parse("9-18", "sun-thu").days == {6, 0, 1, 2, 3}
    assert WorkingHours.parse("8:30-17", "sat").day == 8.5 * 3600_000


async def test_what_began_elsewhere_is_left_out(tmp_path):
    told = [case(1, task(0, MONDAY, 1), form_id="f1"), case(2, task(0, MONDAY + timedelta(days=9), 2), form_id="f2")]
    report = await figures(tmp_path, told)
    assert report.scope.cases == 2
    for where in (
        Where(form="f2"),
        Where(since=MONDAY + timedelta(days=1)),
        Where(form="f2", since=MONDAY, until=MONDAY + timedelta(days=10), tenant="t", system="jodoo"),
    ):
        report = await figures(tmp_path, [], where=where)
        assert [(step.decided, step.median) for step in report.waits] == [(1, 7200)]
    for where in (Where(form="f3"), Where(until=MONDAY), Where(tenant="other")):
        report = await figures(tmp_path, [], where=where)
        assert (report.scope.cases, report.scope.as_of) == (0, None)


async def test_a_timeline_is_found_by_the_id_of_its_instance(tmp_path):
    async with Archive.open(tmp_path / "a.db") as archive:
        await store(archive, [case(1, task(1, MONDAY + timedelta(hours=1), None), task(0, MONDAY, 1))])
        await store(archive, [case(1)], tenant="other")
        first, second = await find_timelines(archive, "c1")
        assert next(step.took for step in second.steps) == 3600, "in the order in which they began"
        assert sorted((each.tenant, each.is_open, len(each.steps)) for each in (first, second)) == [
            ("other", False, 0),
            ("t", True, 2),
        ]
        with pytest.raises(ConfigError, match="no harvested instance of that id"):
            await find_timelines(archive, "c9")


async def test_runs_of_playbooks(tmp_path):
    late = {"start_time": MONDAY + timedelta(days=1)}
    told = [run(n, node(0), node(1, "FAILED", action_name="block"), status="FAILED") for n in range(4)]
    told += [run(9, node(0, "FAILED", error_msg="again", **late)), run(10)]
    async with Archive.open(tmp_path / "a.db") as archive:
        await store(archive, told, system="secmaster")
        found = (await analyse(archive, zone=UTC)).playbooks
    assert (found.runs, found.with_nodes, found.statuses) == (6, 6, [("FAILED", 4), ("FINISHED", 2)])
    first, second = found.failures
    assert (first.node, first.runs, first.failed, first.errors) == ("block", 4, 4, [("it is away", 4)])
    assert [each.instance_id for each in first.latest] == ["r3", "r2", "r1"]
    assert (second.node, second.runs, second.failed, second.latest[0].instance_id) == ("queryAddress", 5, 1, "r9")


async def test_it_is_read_in_the_order_of_its_keys_so_nothing_is_sorted(tmp_path):
    from workflowkit.archive import cases, reading

    async with Archive.open(tmp_path / "a.db"):
        pass
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        for statement in (cases._CASES, reading._READ["events"], reading._READ_CHOSEN["events"]):
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", (None,) * statement.count("?"))
            assert not [step for *_, step in plan if "TEMP B-TREE" in step], statement


def hours(number):
    return MONDAY + timedelta(hours=number)


async def test_nothing_has_waited(tmp_path):
    report = await figures(tmp_path, [case(1, task(0, MONDAY, None)), case(2, task(0, MONDAY, 0))])
    assert [(step.decided, step.median, step.share, step.waiting) for step in report.waits] == [(1, 0, None, 1)]


async def test_what_a_rule_decides_late_was_waited_for(tmp_path):
    late = task(0, MONDAY, 240, finish_action="auto_forward")
    report = await figures(tmp_path, [case(1, late)])
    assert [(step.decided, step.median) for step in report.waits] == [(1, 240 * 3600)]


async def test_a_repetition_that_a_rule_decides_costs_nothing(tmp_path):
    told = [
        case(n, task(0, MONDAY, 1, finish_action="back"), task(1, hours(1), 0, finish_action="auto_approve"))
        for n in range(12)
    ]
    report = await figures(tmp_path, told)
    assert (report.rework.cases, report.rework.waiting) == (12, 0)


async def test_two_nodes_of_one_name_are_two(tmp_path):
    report = await figures(tmp_path, [case(1, task(0, MONDAY, 3, flow_id=1), task(1, hours(3), 2, flow_id=2))])
    assert report.rework.cases == 0


async def test_a_hand_over_beside_another_signer_is_not_done_again(tmp_path):
    told = [case(1, task(0, MONDAY, 3, finish_action="transfer"), task(1, MONDAY, 2), task(2, hours(3), 1))]
    report = await figures(tmp_path, told)
    assert report.rework.cases == 0


async def test_a_run_counts_once_however_often_it_comes_to_a_node(tmp_path):
    told = [run(1, node(0, "FAILED"), node(1, "FAILED"), node(2, "FAILED")), run(2, node(0))]
    async with Archive.open(tmp_path / "a.db") as archive:
        await store(archive, told, system="secmaster")
        (failure,) = (await analyse(archive, zone=UTC)).playbooks.failures
    assert (failure.runs, failure.failed, [each.instance_id for each in failure.latest]) == (2, 1, ["r1"])


async def test_equal_forms_of_two_tenants_are_two(tmp_path):
    async with Archive.open(tmp_path / "a.db") as archive:
        for tenant, name, took in (("a", "Leave", 1), ("b", "Purchase", 100), ("c", "Leave", 10)):
            told = [case(f"{tenant}{n}", task(0, MONDAY, took)) for n in range(10)]
            for each in told:
                each.ref = attrs.evolve(each.ref, form_id="f1")
            await store(archive, told, tenant=tenant)
            await archive.database.transact(
                lambda connection, name=name, tenant=tenant: connection.execute(
                    "UPDATE instances SET form_name = ? WHERE tenant = ?", (name, tenant)
                )
            )
        report = await analyse(archive, zone=UTC)
    assert {(step.form, step.median) for step in report.waits} == {
        ("Leave (a)", 3600),
        ("Purchase", 360_000),
        ("Leave (c)", 36_000),
    }


async def test_each_tenant_has_a_now_of_its_own(tmp_path):
    async with Archive.open(tmp_path / "a.db") as archive:
        for tenant in ("old", "new"):
            await store(archive, [case(tenant, task(0, MONDAY, None))], tenant=tenant)
        await archive.database.transact(
            lambda connection: connection.execute(
                "UPDATE instances SET harvested_at = '2025-01-07T08:00:00.000Z' WHERE tenant = 'old'"
            )
        )
        report = await analyse(archive, zone=UTC)
    ages = {found.tenant: found.age for found in report.open.oldest}
    assert ages["old"] == 24 * 3600
    assert ages["new"] != ages["old"]


async def test_an_impossible_end_leaves_no_trace_in_weeks_and_timelines(tmp_path):
    told = [case(1, task(0, MONDAY + timedelta(days=21), -24 * 16), task(1, MONDAY, 1))]
    report = await figures(tmp_path, told)
    assert {week.waiting for week in report.weeks} == {0}
    assert [step.took for step in report.longest[0].steps] == [3600, None]


async def test_people_are_told_apart_by_their_usernames(tmp_path):
    def by(username, name):
        return {"assignee_username": username, "assignee_name": name}

    told = [
        case(1, task(0, MONDAY, 1, **by("u1", "Ada")), task(1, hours(1), 1, **by("u1", "Ada Park"))),
        case(2, task(0, MONDAY, 1, **by("", "")), task(1, hours(1), 1, **by(None, "Tom"))),
    ]
    report = await figures(tmp_path, told)
    assert sorted((person.person, person.decided) for person in report.people) == [("Ada Park", 2), ("Tom", 1)]


async def test_signed_links_in_what_people_wrote_reach_no_report(tmp_path):
    link = "https://files.example.com/a.pdf?e=1&token=SECRET"
    told = [case(1, task(0, MONDAY, 1, flow_name=link, assignee_name=link))]
    async with Archive.open(tmp_path / "a.db") as archive:
        await store(archive, told)
        await store(archive, [run(1, node(0, "FAILED", error_msg=f"GET {link} failed"))], system="secmaster")
        report = await analyse(archive, zone=UTC)
        shown = repr((report, await find_timelines(archive, "r1")))
    assert "https://files.example.com/a.pdf" in shown
    assert "SECRET" not in shown


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Shanghai"])
async def test_times_at_the_ends_of_the_calendar(tmp_path, zone):
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)
    told = [case(1, task(0, first, 1), task(1, last, 0.5)), case(2, task(0, first, None))]
    report = await figures(tmp_path, told, zone=ZoneInfo(zone))
    assert await asyncio.to_thread(render, report, zone=ZoneInfo(zone), title="A title")
    async with Archive.open(tmp_path / "a.db", create=False) as archive:
        assert await statements(archive, ZoneInfo(zone))


async def test_a_clock_that_is_set_back_makes_no_wait_negative(tmp_path):
    told = [case(1, task(0, datetime(2025, 10, 26, 0, 50, tzinfo=UTC), 1 / 3))]
    report = await figures(tmp_path, told, zone=BERLIN, hours=WorkingHours.parse("0-24", "mon-sun"))
    assert report.waits[0].median == 0


async def test_a_read_that_is_cancelled_closes_nothing_that_a_thread_still_reads(tmp_path):
    told = [case(n, task(0, MONDAY, 1)) for n in range(2000)]
    async with Archive.open(tmp_path / "a.db") as archive:
        await store(archive, told)
        for tries in range(40):
            job = asyncio.create_task(analyse(archive, zone=UTC, where=Where(form="none")))
            await asyncio.sleep(0.001 * (tries % 8))
            job.cancel()
            await asyncio.wait([job])
        assert (await analyse(archive, zone=UTC)).scope.cases == 2000
