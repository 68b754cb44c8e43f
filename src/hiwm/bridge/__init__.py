"""Devices on the operator's own machine: from a teleoperator of LeRobot's to steps of a session."""
