"""The cluster that jobs run on: no module outside this room knows its kind."""
