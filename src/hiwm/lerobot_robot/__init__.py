"""A world as a robot of LeRobot's: `--robot.discover_packages_path=hiwm.lerobot_robot --robot.type=hiwm_world`."""
