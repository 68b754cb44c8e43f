"""hiwm: the operator's workspace inside a robot's learned world model."""

__version__ = "0.1.0"
