"""How the web is asked: politely, safely, once."""
