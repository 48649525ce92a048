"""Model servers: starting one, sending requests, ending it."""
