"""The store: everything that must survive is a row in PostgreSQL, and nothing above this room speaks SQL."""
