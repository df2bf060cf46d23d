"""``python -m nexefax``."""

from nexefax.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
