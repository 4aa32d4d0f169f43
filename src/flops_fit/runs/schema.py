"""The tables of `runs.sqlite`, and how files of earlier releases are brought up to date."""

from flops_fit.runs.curves import CURVES

SCHEMA_VERSION = 5
"""Kept in `user_version`; raised whenever a release changes the tables."""

RUNS = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    budget REAL,
    size TEXT NOT NULL,
    seed INTEGER NOT NULL,
    n_params REAL NOT NULL,
    n_params_nonembedding REAL,
    n_units REAL NOT NULL,
    flops REAL NOT NULL,
    flops_6nd REAL NOT NULL,
    loss REAL,
    status TEXT NOT NULL CHECK (status IN ('completed', 'diverged', 'failed')),
    reason TEXT NOT NULL,
    wall_s REAL,
    origin TEXT NOT NULL CHECK (origin IN ('trained', 'simulated', 'imported')),
    n_units_planned REAL,
    n_steps INTEGER,
    batch_size INTEGER,
    lr REAL,
    precision TEXT NOT NULL,
    trunk TEXT NOT NULL,
    flops_executed REAL,
    plan_id TEXT NOT NULL,
    metrics TEXT NOT NULL
)
"""

AUDITS = """
CREATE TABLE audits (
    run_id TEXT PRIMARY KEY,
    loss REAL,
    status TEXT NOT NULL CHECK (status IN ('completed', 'diverged')),
    flops REAL NOT NULL,
    wall_s REAL
)
"""

CREATE = (RUNS, AUDITS, CURVES)

MIGRATIONS = {
    1: (
        "ALTER TABLE runs ADD COLUMN trunk TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE runs ADD COLUMN flops_executed REAL",
    ),
    2: (AUDITS,),
    3: (CURVES,),
    4: ("ALTER TABLE runs ADD COLUMN metrics TEXT NOT NULL DEFAULT ''",),
}
"""What turns a file of one schema into one of the next."""
