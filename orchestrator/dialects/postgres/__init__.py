"""PostgreSQL: renders Steps, reads the Catalog, classifies errors."""
