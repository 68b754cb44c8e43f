"""Teleoperators that LeRobot finds by `--teleop.discover_packages_path=fake_teleop`, without any device."""
