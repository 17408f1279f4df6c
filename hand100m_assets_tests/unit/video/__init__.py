"""The video room, without an orchestrator."""
