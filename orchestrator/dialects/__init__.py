"""What differs between databases, one package each."""
