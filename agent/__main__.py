"""`python -m agent` is `counterfoil`."""

from agent.cli import main

main()
