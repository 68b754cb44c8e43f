"""What decides: LeRobot policies of any kind as hiwm policies, simple ones, and remote ones."""
