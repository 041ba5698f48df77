"""Migrations: numbered SQL that only goes forward; `pre` runs before new code starts, `post` when the old is gone."""
