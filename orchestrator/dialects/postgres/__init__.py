"""PostgreSQL: renders Steps to SQL, snapshots the Catalog, observes what is done, tells errors apart."""
