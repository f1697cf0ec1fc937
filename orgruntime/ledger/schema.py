"""The tables of a ledger, as SQL. Knows SQLite, knows nothing of when what is written.

Invariants that SQL itself holds: per unit reserved + spent never passes the bound; events are never changed or
removed; a trial key exists once; a settlement number is given once; at most one certification is open.
"""

from __future__ import annotations

from orgruntime.model.amounts import UNITS

SCHEMA_VERSION = 1
APPLICATION_ID = 0x6F726772  # "orgr": tells a ledger from any other SQLite file
MINIMUM_SQLITE = (3, 37, 0)  # STRICT tables


def columns(prefix: str) -> str:
    """The five columns of one vector of amounts: `cap_trials, cap_gpu_ms, …`."""
    return ", ".join(f"{prefix}_{unit}" for unit in UNITS)


def _declared(prefix: str) -> str:
    return ", ".join(f"{prefix}_{unit} INTEGER NOT NULL DEFAULT 0 CHECK({prefix}_{unit} >= 0)" for unit in UNITS)


def _bounds() -> str:
    return ", ".join(f"bound_{unit} INTEGER" for unit in UNITS)


def _never_overspent() -> str:
    # The constraint's name is the unit: SQLite's message hands it back.
    return ", ".join(
        f"CONSTRAINT {unit} CHECK(bound_{unit} IS NULL OR reserved_{unit} + spent_{unit} <= bound_{unit})"
        for unit in UNITS
    )


LATER = (
    # Steps of a panel, and the model that each was given to.
    """CREATE TABLE IF NOT EXISTS choices(
  n INTEGER PRIMARY KEY, inquiry TEXT NOT NULL REFERENCES inquiries(id), visit INTEGER NOT NULL, role TEXT NOT NULL,
  model TEXT NOT NULL, UNIQUE(inquiry, visit)
) STRICT""",
    "CREATE INDEX IF NOT EXISTS choices_by_role ON choices(role, n)",
    # Sums over the steps that were given to each model of a panel: calls, whoever answered, probes and trials.
    f"""CREATE TABLE IF NOT EXISTS choosers(
  role TEXT NOT NULL, model TEXT NOT NULL, {_declared("used")}, PRIMARY KEY(role, model)
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS findings(
  n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL, evidence TEXT NOT NULL, role TEXT NOT NULL,
  inquiry TEXT NOT NULL REFERENCES inquiries(id), source TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL DEFAULT 'active' CHECK(state IN ('active', 'superseded', 'pruned')),
  superseded_by TEXT REFERENCES findings(id), reason TEXT NOT NULL DEFAULT '',
  CHECK((superseded_by IS NOT NULL) = (state = 'superseded'))
) STRICT""",
    "CREATE INDEX IF NOT EXISTS findings_active ON findings(n) WHERE state = 'active'",
    """CREATE TABLE IF NOT EXISTS questions(
  n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, asked TEXT NOT NULL UNIQUE,
  inquiry TEXT NOT NULL REFERENCES inquiries(id), role TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,
  choices TEXT NOT NULL, wants TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'open' CHECK(state IN ('open', 'answered', 'withdrawn')),
  answer TEXT NOT NULL DEFAULT '', person TEXT NOT NULL DEFAULT ''
) STRICT""",
    "CREATE INDEX IF NOT EXISTS questions_open ON questions(n) WHERE state = 'open'",
    # What is asked for, and the proposal that carries it out.
    """CREATE TABLE IF NOT EXISTS ablations(
  parent TEXT NOT NULL REFERENCES proposals(id), part TEXT NOT NULL, idea TEXT NOT NULL REFERENCES ideas(id),
  role TEXT NOT NULL, proposal TEXT REFERENCES proposals(id), PRIMARY KEY(parent, part)
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS verdicts_kept ON verdicts(gain) WHERE word = 'keep'",
    # While anything deferred is open, SQLite looks for the children of each new parent: without these, in whole tables.
    "CREATE INDEX IF NOT EXISTS payloads_by_inquiry ON payloads(inquiry)",
    "CREATE INDEX IF NOT EXISTS inquiries_by_payload ON inquiries(payload) WHERE payload IS NOT NULL",
)
"""Tables and indices that ledgers of version 0.1 lack: a driver that takes one over makes them."""
_LATER = "".join(f"\n{statement};\n" for statement in LATER)

SCHEMA = f"""
CREATE TABLE run(
  one INTEGER PRIMARY KEY CHECK(one = 1), id TEXT NOT NULL, org TEXT NOT NULL, manifest_hash TEXT NOT NULL,
  state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', seed INTEGER NOT NULL, budget TEXT NOT NULL,
  isolation TEXT NOT NULL DEFAULT 'none', base_commit TEXT, base_tree TEXT, noise TEXT,
  wall_ms INTEGER NOT NULL DEFAULT 0, epoch INTEGER NOT NULL DEFAULT 0,
  last_seq INTEGER NOT NULL DEFAULT 0, head TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE budget(
  one INTEGER PRIMARY KEY CHECK(one = 1), {_bounds()}, {_declared("reserved")}, {_declared("spent")},
  {_never_overspent()}
) STRICT;

CREATE TABLE counters(name TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE events(
  seq INTEGER PRIMARY KEY, t REAL NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events
  BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_are_not_removed BEFORE DELETE ON events
  BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TABLE ideas(
  n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL, author TEXT NOT NULL, state TEXT NOT NULL,
  reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX ideas_queued ON ideas(n) WHERE state = 'queued';

-- An inquiry may open on a payload that belongs to it: each needs the other, so the check waits for the commit.
CREATE TABLE inquiries(
  n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, idea TEXT NOT NULL REFERENCES ideas(id), at TEXT NOT NULL,
  payload TEXT REFERENCES payloads(id) DEFERRABLE INITIALLY DEFERRED,
  state TEXT NOT NULL DEFAULT 'open' CHECK(state IN ('open', 'closed')), reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX inquiries_open ON inquiries(n) WHERE state = 'open';

CREATE TABLE payloads(
  n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, body TEXT NOT NULL, source TEXT NOT NULL,
  inquiry TEXT NOT NULL REFERENCES inquiries(id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE steps(
  inquiry TEXT NOT NULL REFERENCES inquiries(id), visit INTEGER NOT NULL, role TEXT NOT NULL,
  payload TEXT REFERENCES payloads(id), type TEXT NOT NULL, words TEXT NOT NULL, spent TEXT NOT NULL,
  PRIMARY KEY(inquiry, visit)
) STRICT, WITHOUT ROWID;

CREATE TABLE proposals(
  n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, inquiry TEXT NOT NULL REFERENCES inquiries(id),
  role TEXT NOT NULL, species TEXT NOT NULL, tree TEXT NOT NULL, body TEXT NOT NULL,
  settled INTEGER NOT NULL DEFAULT 0, metric_sum REAL NOT NULL DEFAULT 0, metric_n INTEGER NOT NULL DEFAULT 0,
  verdict TEXT
) STRICT;
CREATE INDEX proposals_by_tree ON proposals(tree, n);
CREATE INDEX proposals_by_role ON proposals(role, n);

CREATE TABLE verdicts(
  proposal TEXT PRIMARY KEY REFERENCES proposals(id), word TEXT NOT NULL, reason TEXT NOT NULL, gain REAL,
  evidence TEXT NOT NULL, at_trial INTEGER NOT NULL
) STRICT;
CREATE INDEX verdicts_by_trial ON verdicts(at_trial);

CREATE TABLE trials(
  n INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, identity TEXT NOT NULL, commit_id TEXT NOT NULL,
  purpose TEXT NOT NULL, proposal TEXT REFERENCES proposals(id), inquiry TEXT REFERENCES inquiries(id),
  state TEXT NOT NULL CHECK(state IN ('open', 'running', 'done', 'failed')),
  attempts INTEGER NOT NULL DEFAULT 1, lost INTEGER NOT NULL DEFAULT 0, void INTEGER NOT NULL DEFAULT 0,
  number INTEGER, score TEXT, metric REAL, figures TEXT NOT NULL DEFAULT '{{}}', progress TEXT NOT NULL DEFAULT '[]',
  wall_s REAL NOT NULL DEFAULT 0, cpu_s REAL NOT NULL DEFAULT 0, memory_mb REAL NOT NULL DEFAULT 0,
  node TEXT NOT NULL DEFAULT '', isolation TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
  CHECK((number IS NOT NULL) = (state IN ('done', 'failed')))
) STRICT;
CREATE INDEX trials_by_proposal ON trials(proposal) WHERE proposal IS NOT NULL;
CREATE UNIQUE INDEX trials_by_number ON trials(number) WHERE number IS NOT NULL;

-- Clustered by trial: the rows of live trials lie together, so a settlement touches few pages however long the run.
CREATE TABLE attempts(
  trial INTEGER NOT NULL REFERENCES trials(n), n INTEGER NOT NULL, epoch INTEGER NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('running', 'done', 'lost', 'void', 'cancelled')),
  {_declared("cap")}, {_declared("used")}, ending TEXT, PRIMARY KEY(trial, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_running ON attempts(trial) WHERE state = 'running';

CREATE TABLE spends(
  id TEXT PRIMARY KEY, role TEXT NOT NULL, model TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'reserved' CHECK(state IN ('reserved', 'settled')), epoch INTEGER NOT NULL DEFAULT 0,
  {_declared("cap")}, {_declared("used")}
) STRICT, WITHOUT ROWID;
CREATE INDEX spends_open ON spends(id) WHERE state = 'reserved';

-- Sums over `spends`: of each role, and of each role, model and outcome. Ledgers of before 0.2 have neither.
CREATE TABLE purses(role TEXT PRIMARY KEY, {_declared("reserved")}, {_declared("spent")}) STRICT, WITHOUT ROWID;

CREATE TABLE tries(
  role TEXT NOT NULL, model TEXT NOT NULL, outcome TEXT NOT NULL, n INTEGER NOT NULL, calls INTEGER NOT NULL,
  input INTEGER NOT NULL, output INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL,
  wall_ms INTEGER NOT NULL, PRIMARY KEY(role, model, outcome)
) STRICT, WITHOUT ROWID;

CREATE TABLE lacks(
  model TEXT NOT NULL, capability TEXT NOT NULL, why TEXT NOT NULL, PRIMARY KEY(model, capability)
) STRICT, WITHOUT ROWID;

CREATE TABLE spenders(
  role TEXT NOT NULL, species TEXT NOT NULL, {_declared("used")}, gain REAL NOT NULL DEFAULT 0,
  PRIMARY KEY(role, species)
) STRICT, WITHOUT ROWID;

CREATE TABLE decisions(
  seq INTEGER PRIMARY KEY REFERENCES events(seq) DEFERRABLE INITIALLY DEFERRED, dial TEXT NOT NULL,
  verb TEXT NOT NULL, subject TEXT NOT NULL, reason TEXT NOT NULL, numbers TEXT NOT NULL
) STRICT;

CREATE TABLE leads(
  n INTEGER PRIMARY KEY, commit_id TEXT NOT NULL, metric REAL, gain REAL NOT NULL, estimate REAL NOT NULL,
  proposal TEXT REFERENCES proposals(id), reason TEXT NOT NULL, at_trial INTEGER NOT NULL
) STRICT;

CREATE TABLE certifications(
  n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, champion TEXT NOT NULL, lead TEXT NOT NULL,
  number INTEGER NOT NULL UNIQUE, threshold REAL NOT NULL, delta REAL NOT NULL, scale REAL NOT NULL,
  max_pairs INTEGER NOT NULL, inquiry TEXT NOT NULL REFERENCES inquiries(id), state TEXT NOT NULL DEFAULT 'running',
  e_value REAL, reason TEXT NOT NULL DEFAULT '', opened_at_trial INTEGER NOT NULL, closed_at_trial INTEGER
) STRICT;
CREATE UNIQUE INDEX one_open_certification ON certifications(state) WHERE state = 'running';

CREATE TABLE champions(
  n INTEGER PRIMARY KEY, commit_id TEXT NOT NULL, certification TEXT REFERENCES certifications(id),
  certificate TEXT, at_trial INTEGER NOT NULL, CHECK((certification IS NULL) = (certificate IS NULL))
) STRICT;

CREATE TABLE memos(
  n INTEGER PRIMARY KEY, role TEXT NOT NULL, text TEXT NOT NULL, inquiry TEXT REFERENCES inquiries(id),
  upto_trials INTEGER NOT NULL
) STRICT;

-- What earlier logs say was tried. No other table refers to it. Ledgers of before 0.2 have none.
CREATE TABLE history(
  n INTEGER PRIMARY KEY, file TEXT NOT NULL, line INTEGER NOT NULL, commit_id TEXT NOT NULL, metric REAL,
  word TEXT NOT NULL, status TEXT NOT NULL, note TEXT NOT NULL
) STRICT;

CREATE TABLE requests(
  n INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL, taken INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX requests_waiting ON requests(n) WHERE taken = 0;
{_LATER}"""
