"""The commands, one file each; `agent.cli` imports one when it is called."""
