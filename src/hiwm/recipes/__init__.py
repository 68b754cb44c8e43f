"""How large an experiment is: functions that return configurations."""
