"""Stand-ins for the real world: three MuJoCo tasks, any gymnasium environment, and scripted experts for them."""
