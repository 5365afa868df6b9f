"""One file per verification Check: a question, its SQL, and a judge."""
