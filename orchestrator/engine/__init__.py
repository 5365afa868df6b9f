"""Effects: runs steps, backfills and checks, and holds the lease."""
