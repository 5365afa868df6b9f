"""Effects: takes the lease, sends Steps, fills rows, runs Checks. No SQL of its own and no policy."""
