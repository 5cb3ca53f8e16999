"""`python -m zmnet_core.cli`, what `zmnet` does where the script is not on the path."""

from . import app

app()
