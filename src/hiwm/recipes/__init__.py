"""How large an experiment is: functions that return configurations, one file for each task."""
