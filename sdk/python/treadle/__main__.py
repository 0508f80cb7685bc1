"""`python -m treadle`: see cli.py."""

from .cli import main

main()
