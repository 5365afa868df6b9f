"""Takes a schema change through expand, backfill, switch reads and contract."""
