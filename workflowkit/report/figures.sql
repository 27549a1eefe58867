-- The figures of `workflowkit report` as SQL, for any SQLite tool: sqlite3 approvals.db < figures.sql
-- It makes temporary tables only, and changes nothing. Times of an archive are UTC text.

-- The zone: its offset in minutes, since when.
CREATE TEMP TABLE zone (since TEXT PRIMARY KEY, minutes INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO zone VALUES {zone};

-- "Now" is when the last instance of a tenant was harvested.
CREATE TEMP TABLE present AS
SELECT system, tenant, max(harvested_at) AS now FROM instances WHERE state = 'done' GROUP BY system, tenant;

-- The instances that are approvals. Others are runs of a playbook.
CREATE TEMP TABLE approval AS
SELECT instances.*, now FROM instances JOIN present USING (system, tenant)
WHERE state = 'done' AND (stored_tables LIKE '%logs%' OR stored_tables LIKE '%tasks%');

-- The steps that are counted: all tasks where tasks were harvested, else the logs, which are the tasks with a comment.
-- A step that ends before it begins has no duration. `by_rule` is what a rule decided at once.
CREATE TEMP TABLE step AS
WITH basis AS (
    SELECT CASE WHEN count(*) > 0 THEN 'tasks' ELSE 'logs' END AS origin FROM approval WHERE stored_tables LIKE '%tasks%'),
placed AS (
    SELECT e.tenant, e.case_id, e.position, coalesce(nullif(e.activity, ''), '(unnamed)') AS activity, e.flow_id,
        coalesce(i.form_id, i.form_name) AS form, coalesce(nullif(e.resource_id, ''), nullif(e.resource, '')) AS who,
        e.resource, e.outcome, e.start_time, e.end_time, i.now,
        CASE WHEN e.end_time >= e.start_time
            THEN CAST(round((julianday(e.end_time) - julianday(e.start_time)) * 86400000) AS INTEGER) END AS ms,
        coalesce(i.is_open, max(e.end_time IS NULL) OVER (PARTITION BY e.tenant, e.case_id)) AS case_is_open
    FROM events AS e JOIN approval AS i ON i.system = e.system AND i.tenant = e.tenant AND i.id = e.case_id
    WHERE e.origin = (SELECT origin FROM basis))
SELECT *, case_is_open AND end_time IS NULL AS is_waiting,
    coalesce(outcome, '') IN ('auto_approve', 'auto_forward', 'auto_back', 'invoke_plugin') AND coalesce(ms, 0) < 1000
        AND end_time IS NOT NULL AS by_rule,
    (SELECT minutes FROM zone WHERE since <= start_time ORDER BY since DESC LIMIT 1) AS began_minutes,
    (SELECT minutes FROM zone WHERE since <= end_time ORDER BY since DESC LIMIT 1) AS ended_minutes
FROM placed;
CREATE INDEX temp.step_case ON step (tenant, case_id);

-- name: scope  (on the basis of logs, paths, shares and what waits can't be told)
SELECT count(*) AS cases, coalesce(sum(stored_tables LIKE '%tasks%'), 0) AS complete, (SELECT max(now) FROM present) AS as_of,
    (SELECT count(*) FROM step) AS steps, (SELECT count(*) FROM step WHERE end_time < start_time) AS impossible
FROM approval;

-- name: waits  (nearest rank; one in ten is null for fewer than 10)
WITH ranked AS (
    SELECT tenant, form, activity, ms, row_number() OVER (PARTITION BY tenant, form, activity ORDER BY ms) AS place,
        count(*) OVER (PARTITION BY tenant, form, activity) AS decided
    FROM step WHERE ms IS NOT NULL AND NOT by_rule),
waited AS (
    SELECT tenant, form, activity, max(decided) AS decided, sum(ms) AS ms,
        max(ms) FILTER (WHERE place = (decided + 1) / 2) AS median, max(ms) FILTER (WHERE place = (decided * 9 + 9) / 10) AS p90
    FROM ranked GROUP BY tenant, form, activity),
named AS (
    SELECT tenant, form, activity, sum(is_waiting) AS waiting FROM step
    WHERE is_waiting OR (ms IS NOT NULL AND NOT by_rule) GROUP BY tenant, form, activity)
SELECT named.tenant, named.form, named.activity, coalesce(decided, 0) AS decided, median / 1000.0 AS median,
    CASE WHEN decided >= 10 THEN p90 / 1000.0 END AS p90, 1.0 * coalesce(ms, 0) / sum(ms) OVER () AS share, waiting
FROM named LEFT JOIN waited ON waited.tenant = named.tenant AND waited.activity = named.activity AND waited.form IS named.form
ORDER BY coalesce(ms, 0) DESC, waiting DESC, named.activity;

-- name: people  (queue: how many steps waited for them on average, from the first step until now or the last step)
WITH whole AS (
    SELECT min(start_time) AS first, CASE WHEN EXISTS (SELECT 1 FROM approval WHERE is_open) OR max(case_is_open)
        THEN (SELECT max(now) FROM present) ELSE max(max(start_time), max(coalesce(end_time, ''))) END AS last
    FROM step),
desk AS (
    SELECT who, resource, ms, is_waiting,
        CASE WHEN is_waiting THEN max((julianday(now) - julianday(start_time)) * 86400000, 0) ELSE ms END AS there
    FROM step WHERE NOT by_rule AND who IS NOT NULL)
SELECT who, max(resource) AS name, count(ms) AS decided, sum(is_waiting) AS waiting,
    sum(there) / nullif((julianday(last) - julianday(first)) * 86400000, 0) AS queue,
    sum(there) / sum(sum(there)) OVER () AS share
FROM desk, whole GROUP BY who ORDER BY sum(there) DESC;

-- name: hours  (what began in each hour of the week, and its median wait; day 0 is Sunday)
WITH placed AS (
    SELECT CAST(strftime('%w', start_time, began_minutes || ' minutes') AS INTEGER) AS day,
        CAST(strftime('%H', start_time, began_minutes || ' minutes') AS INTEGER) AS hour, ms
    FROM step WHERE ms IS NOT NULL AND NOT by_rule),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY day, hour ORDER BY ms) AS place, count(*) OVER (PARTITION BY day, hour) AS arrived
    FROM placed)
SELECT day, hour, max(arrived) AS arrived, max(ms) FILTER (WHERE place = (arrived + 1) / 2) / 1000.0 AS median
FROM ranked GROUP BY day, hour ORDER BY day, hour;

-- name: open  (all open cases, the oldest first, and where they wait)
SELECT i.tenant, i.id, coalesce(min(s.start_time), i.start_time) AS since,
    (julianday(i.now) - julianday(coalesce(min(s.start_time), i.start_time))) * 86400 AS age,
    min(s.start_time) FILTER (WHERE s.is_waiting) AS waits_since, group_concat(DISTINCT s.activity) FILTER (WHERE s.is_waiting) AS waits_at
FROM approval AS i LEFT JOIN step AS s ON i.tenant = s.tenant AND i.id = s.case_id
GROUP BY i.tenant, i.id, i.start_time, i.is_open, i.now
HAVING coalesce(i.is_open, max(s.case_is_open), 0) ORDER BY since IS NULL, since;

-- name: again  (a step that begins after the same step of the case had ended, unless it was handed on to)
WITH placed AS (
    SELECT s.rowid AS id, (SELECT coalesce(e.outcome, '') FROM step AS e
        WHERE e.tenant = s.tenant AND e.case_id = s.case_id AND e.activity = s.activity AND e.flow_id IS s.flow_id
            AND (e.start_time, e.position) < (s.start_time, s.position) AND e.end_time <= s.start_time
        ORDER BY e.end_time DESC, e.start_time DESC, e.position DESC LIMIT 1) AS how
    FROM step AS s),
marked AS (
    SELECT step.*, coalesce(how, 'transfer') NOT IN ('transfer', 'batch_transfer') AS is_again
    FROM step JOIN placed ON placed.id = step.rowid)
SELECT tenant, form, activity, sum(end_time IS NOT NULL) AS ended,
    coalesce(sum(outcome IN ('back', 'auto_back') AND end_time IS NOT NULL), 0) AS sent_back,
    sum(is_again) AS again, count(DISTINCT CASE WHEN is_again THEN case_id END) AS cases,
    coalesce(sum(CASE WHEN is_again AND NOT by_rule THEN ms END), 0) / 1000.0 AS seconds
FROM marked GROUP BY tenant, form, activity ORDER BY again DESC, sent_back DESC, activity;

-- name: paths  (of finished cases)
WITH paths AS (
    SELECT group_concat(activity, ' > ') AS path FROM (
        SELECT tenant, case_id, activity FROM step WHERE NOT case_is_open ORDER BY tenant, case_id, start_time, position)
    GROUP BY tenant, case_id)
SELECT path, count(*) AS cases, 1.0 * count(*) / sum(count(*)) OVER () AS share, count(*) OVER () AS paths
FROM paths GROUP BY path ORDER BY cases DESC, path LIMIT 10;

-- name: weeks  (steps that began and ended, and how many waited at the end of the week)
WITH moves AS (
    SELECT date(start_time, began_minutes || ' minutes', 'weekday 0', '-6 days') AS monday, 1 AS began, 0 AS ended,
        end_time IS NULL AND NOT is_waiting AS was_left FROM step WHERE end_time IS NULL OR ms IS NOT NULL
    UNION ALL
    SELECT date(end_time, ended_minutes || ' minutes', 'weekday 0', '-6 days'), 0, 1, 0 FROM step WHERE ms IS NOT NULL)
SELECT monday, sum(began) AS began, sum(ended) AS ended, sum(sum(began) - sum(ended) - sum(was_left)) OVER (ORDER BY monday) AS waiting
FROM moves GROUP BY monday ORDER BY monday;

-- name: playbooks  (nodes of SecMaster that fail; a run counts once, however often it comes to the node)
SELECT n.tenant, coalesce(i.form_name, i.workflow_name, '(unnamed)') AS workflow, coalesce(nullif(n.action_name, ''), '(unnamed)') AS node,
    count(DISTINCT n.instance_id) AS runs, count(DISTINCT n.instance_id) FILTER (WHERE n.status = 'FAILED') AS failed,
    max(n.start_time) FILTER (WHERE n.status = 'FAILED') AS latest
FROM nodes AS n JOIN instances AS i ON i.system = n.system AND i.tenant = n.tenant AND i.id = n.instance_id
WHERE i.state = 'done' AND i.stored_tables LIKE '%nodes%' GROUP BY 1, 2, 3 HAVING failed > 0
ORDER BY failed DESC, n.tenant, workflow, node LIMIT 15;
