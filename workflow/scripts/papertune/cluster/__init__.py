"""The cluster that jobs run on: only the modules in here know which kind it is."""
