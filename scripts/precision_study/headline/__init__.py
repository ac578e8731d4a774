"""How often a minute of barehop finds one percent more work, and how often it calls equal arms different."""
