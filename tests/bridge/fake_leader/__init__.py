"""A pair of leader arms that LeRobot finds with `--package fake_leader`, without any motor."""
